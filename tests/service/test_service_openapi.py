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
    ("GET", "/v1/promotions"),
    ("GET", "/v1/series/{series_id}/champion"),
    ("POST", "/v1/series/{series_id}/rollback"),
    ("GET", "/v1/track-record"),
    ("GET", "/v1/track-record/scores"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
]
mostly = st.sampled_from([True, True, True, False])
KNOWN = {"series_id": BASE, "event_id": "CN-TEST-LICENCE", "run_id": 1}


def test_every_address_is_walked(either: Server) -> None:
    described = either.client.get("/openapi.json").json()["paths"]
    found = {(m.upper(), path) for path, methods in described.items() for m in methods}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_conform(either: Server, method: str, path: str) -> None:
    description = schemathesis.openapi.from_dict(either.client.get("/openapi.json").json())
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
        case.call_and_validate(base_url=either.url, headers=either.writer, checks=CHECKS)

    walk()
