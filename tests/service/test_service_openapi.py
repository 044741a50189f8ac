"""What the API description says is what the running service does, for requests that nobody wrote by hand."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from data.store.quarantine import hold
from service.alerts.evaluate import evaluate
from tests.support.service_world import BASE, Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = [
    ("GET", "/v1/series"),
    ("GET", "/v1/series/{series_id}"),
    ("GET", "/v1/series/{series_id}/observations"),
    ("POST", "/v1/series/{series_id}/observations"),
    ("GET", "/v1/events"),
    ("POST", "/v1/events"),
    ("GET", "/v1/events/{event_id}"),
    ("PATCH", "/v1/events/{event_id}"),
    ("GET", "/v1/events/{event_id}/history"),
    ("GET", "/v1/series/{series_id}/forecast"),
    ("GET", "/v1/series/{series_id}/forecast/changes"),
    ("GET", "/v1/series/{series_id}/forecast/crossing"),
    ("GET", "/v1/forecasts"),
    ("GET", "/v1/series/{series_id}/premium"),
    ("GET", "/v1/series/{series_id}/effects"),
    ("GET", "/v1/series/{series_id}/effects/counterfactual"),
    ("GET", "/v1/scenarios"),
    ("POST", "/v1/scenarios"),
    ("POST", "/v1/baskets"),
    ("GET", "/v1/training-runs"),
    ("POST", "/v1/training-runs"),
    ("GET", "/v1/training-runs/{run_id}"),
    ("POST", "/v1/training-runs/{run_id}/cancel"),
    ("GET", "/v1/backtests"),
    ("GET", "/v1/alert-rules"),
    ("POST", "/v1/alert-rules"),
    ("POST", "/v1/alert-rules/preview"),
    ("GET", "/v1/alert-rules/{rule_id}"),
    ("PUT", "/v1/alert-rules/{rule_id}"),
    ("DELETE", "/v1/alert-rules/{rule_id}"),
    ("GET", "/v1/alerts"),
    ("GET", "/v1/alerts/{alert_id}"),
    ("GET", "/v1/alerts/{alert_id}/history"),
    ("POST", "/v1/alerts/{alert_id}/acknowledge"),
    ("GET", "/v1/silences"),
    ("POST", "/v1/silences"),
    ("GET", "/v1/silences/{silence_id}"),
    ("PUT", "/v1/silences/{silence_id}"),
    ("DELETE", "/v1/silences/{silence_id}"),
    ("GET", "/v1/endpoints"),
    ("POST", "/v1/endpoints"),
    ("GET", "/v1/endpoints/{endpoint_id}"),
    ("PUT", "/v1/endpoints/{endpoint_id}"),
    ("DELETE", "/v1/endpoints/{endpoint_id}"),
    ("POST", "/v1/endpoints/{endpoint_id}/rotate-secret"),
    ("POST", "/v1/endpoints/{endpoint_id}/enable"),
    ("POST", "/v1/endpoints/{endpoint_id}/test"),
    ("POST", "/v1/endpoints/{endpoint_id}/recover"),
    ("GET", "/v1/deliveries"),
    ("GET", "/v1/deliveries/{delivery_id}"),
    ("POST", "/v1/deliveries/{delivery_id}/retry"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/{name}"),
    ("POST", "/v1/jobs/{name}/run"),
    ("POST", "/v1/jobs/{name}/pause"),
    ("POST", "/v1/jobs/{name}/resume"),
    ("GET", "/v1/promotions"),
    ("GET", "/v1/series/{series_id}/champion"),
    ("POST", "/v1/series/{series_id}/rollback"),
    ("GET", "/v1/track-record"),
    ("GET", "/v1/track-record/scores"),
    ("GET", "/v1/sources"),
    ("POST", "/v1/sources"),
    ("GET", "/v1/sources/{source_id}"),
    ("PUT", "/v1/sources/{source_id}"),
    ("DELETE", "/v1/sources/{source_id}"),
    ("POST", "/v1/sources/{source_id}/pull"),
    ("GET", "/v1/quarantine"),
    ("GET", "/v1/quarantine/{quarantine_id}"),
    ("POST", "/v1/quarantine/{quarantine_id}/accept"),
    ("POST", "/v1/quarantine/{quarantine_id}/dismiss"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
]
mostly = st.sampled_from([True, True, True, False])
NAMES = {"series_id": BASE, "event_id": "CN-TEST-LICENCE", "source_id": "desk", "name": "retrain"}
KNOWN = {**NAMES, "run_id": 1} | dict.fromkeys(
    ("rule_id", "alert_id", "silence_id", "endpoint_id", "delivery_id", "quarantine_id"), 1
)


@pytest.fixture(scope="module")
def armed(either: Server) -> Server:
    """The service with one rule that fires, its alert, a silence, an endpoint and a delivery to it."""
    hook = {"name": "hook", "url": "https://example.com/"}
    rule = {"name": "Nd dear", "kind": "price", "series_id": BASE, "threshold": 1}
    silence = {"matches": {"team": "nobody"}, "ends_at": "2027-01-01T00:00:00Z", "comment": "made up"}
    for address, body in (("endpoints", hook), ("alert-rules", rule), ("silences", silence)):
        either.client.post(f"/v1/{address}", json=body, headers=either.writer).raise_for_status()
    assert evaluate(either.context).told == 2  # it fires, and its newest price is old
    return either


@pytest.fixture(scope="module")
def fed(armed: Server) -> Server:
    """The same with a source of no address, and a file that was kept apart."""
    desk = {"source_id": "desk", "label": "made up", "format": "csv", "series_id": BASE}
    armed.client.post("/v1/sources", json=desk, headers=armed.writer).raise_for_status()
    with armed.context.engine.begin() as conn:
        about = {"origin": "desk/a.csv", "form": "csv", "kind": "html", "reason": "a page"}
        hold(conn, b"<html>", source_id="desk", at=armed.context.clock.now(), **about)
    return armed


def test_every_address_is_walked(either: Server) -> None:
    described = either.client.get("/openapi.json").json()["paths"]
    found = {(m.upper(), path) for path, methods in described.items() for m in methods}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_conform(fed: Server, method: str, path: str) -> None:
    description = schemathesis.openapi.from_dict(fed.client.get("/openapi.json").json())
    operation = description[path][method]

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), known=mostly)
    def walk(case: Case, known: bool) -> None:
        if known:  # else nearly every address would name nothing
            for name in case.path_parameters or {}:
                case.path_parameters[name] = KNOWN[name]
        case.call_and_validate(base_url=fed.url, headers=fed.writer, checks=CHECKS)

    walk()
