"""Every refusal is a problem document that names field, found and allowed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from data.reference.load import load_reference
from service import auth, errors
from service.context import Context
from service.settings import Settings
from tests.support.service_world import BASE, Server

FORECAST = f"/v1/series/{BASE}/forecast"
QUOTES = f"/v1/series/{BASE}/observations"
EVENT: dict[str, Any] = {
    "event_id": "CN-TEST-NEW",
    "title": "A new made-up event",
    "instrument": "quota",
    "direction": "tighten",
    "jurisdiction": "CN",
    "elements": {"Dy": "covered"},
    "market_side": "both",
    "changes": [{"stage": "announced", "on": "2026-11-20", "known_on": "2026-11-20"}],
}


def step(stage: str, on: str, known_on: str) -> dict[str, str]:
    return {"stage": stage, "on": on, "known_on": known_on}


def check(answer: httpx2.Response, status: int, field: str | None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:ytterby:problem:{errors.PROBLEMS[status][0]}"
    assert body["title"]
    assert body["detail"]
    if field is not None:
        assert body["field"] == field
        assert body["allowed"]
    return body


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/series/nope", 404, "series_id"),
        ("/v1/series/nope/observations", 404, "series_id"),
        ("/v1/series/nope/forecast", 404, "series_id"),
        ("/v1/events/nope", 404, "event_id"),
        ("/v1/events/nope/history", 404, "event_id"),
        ("/v1/training-runs/999", 404, "run_id"),
        ("/v1/training-runs/0", 422, "run_id"),
        ("/v1/training-runs/x", 422, "run_id"),
        ("/v1/backtests?run_id=999", 404, "run_id"),
        ("/v1/backtests?model=oracle", 404, "model"),
        ("/v1/backtests?series_id=nope", 404, "series_id"),
        ("/nowhere", 404, "path"),
        (f"{FORECAST}?horizon=7", 422, "horizon"),
        (f"{FORECAST}?horizon=0", 422, "horizon"),
        (f"{FORECAST}?horizon=six", 422, "horizon"),
        (f"{FORECAST}?level=99", 422, "level"),
        (f"{FORECAST}?level=80&quantiles=0.5", 422, "level"),
        (f"{FORECAST}?quantiles=0.01", 422, "quantiles"),
        (f"{FORECAST}?currency=GBP", 422, "currency"),
        (f"{FORECAST}?unit=lb", 422, "unit"),
        (f"{FORECAST}?tax=none", 422, "tax"),
        (f"{FORECAST}?as_of=yesterday", 422, "as_of"),
        (f"{FORECAST}?as_of=2001-01-01", 409, "forecast"),
        (f"{FORECAST}?horizn=3", 422, "horizn"),
        (f"{FORECAST}?horizon=3&horizon=4", 422, "horizon"),
        (f"{FORECAST}?format=xml", 422, "format"),
        (f"{QUOTES}?recorded_by=2026-11-24T00:00:00", 422, "recorded_by"),
        (f"{QUOTES}?start=2026-02-01&end=2026-01-01", 422, "start"),
        ("/v1/training-runs?limit=0", 422, "limit"),
        ("/v1/series?page=2", 422, "page"),
        ("/healthz?x=1", 422, "x"),
    ],
)
def test_reading_is_refused_by_name(shared: Server, path: str, status: int, field: str) -> None:
    check(shared.client.get(path), status, field)


def test_annual_figures_alone_are_never_told_to_train(server: Server) -> None:
    with server.context.engine.begin() as conn:
        load_reference(conn, datetime(2026, 11, 24, tzinfo=UTC))
    annual = "/v1/series/dy-oxide-usgs"
    for asked in ("forecast", "effects", "forecast/changes"):
        found = check(server.client.get(f"{annual}/{asked}"), 409, "forecast")
        assert found["allowed"] == "a series with monthly or dated quotes"
    basket = {"items": [{"series_id": "dy-oxide-usgs", "share": 1}]}
    assert (
        "monthly or dated"
        in check(server.client.post("/v1/baskets", json=basket), 409, "forecast")["allowed"]
    )


def test_horizon_beyond_what_is_stored_says_how_far_it_goes(shared: Server) -> None:
    body = check(shared.client.get(f"{FORECAST}?horizon=24"), 422, "horizon")
    assert body["found"] == 24
    assert body["allowed"].startswith("1 to 6")


def test_unknown_series_lists_the_known(shared: Server) -> None:
    assert BASE in check(shared.client.get("/v1/series/nope"), 404, "series_id")["allowed"]


def test_several_refused_values_are_all_named(shared: Server) -> None:
    body = check(shared.client.get(f"{FORECAST}?horizon=x&currency=GBP"), 422, "horizon")
    assert {e["field"] for e in body["errors"]} == {"horizon", "currency"}


def test_method_not_taken_says_which_are(shared: Server) -> None:
    answer = shared.client.delete("/v1/series")
    check(answer, 405, "method")
    assert "GET" in answer.headers["allow"]


WRITES = [
    ("POST", QUOTES, {"rows": [{"ds": "2026-08-01", "y": 500}]}),
    ("POST", "/v1/events", EVENT),
    (
        "PATCH",
        "/v1/events/CN-TEST-LICENCE",
        {"stage": "lifted", "on": "2026-11-20", "known_on": "2026-11-20"},
    ),
    ("POST", "/v1/training-runs", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_writing_needs_a_key_of_scope_write(
    shared: Server, method: str, path: str, body: dict[str, Any]
) -> None:
    bare = shared.client.request(method, path, json=body)
    check(bare, 401, "Authorization")
    assert bare.headers["www-authenticate"].startswith("Bearer")
    for wrong in ("Bearer nonsense", "Basic abc", "Bearer", f"Bearer {shared.key}x"):
        check(
            shared.client.request(method, path, json=body, headers={"Authorization": wrong}),
            401,
            "Authorization",
        )
    reading = auth.make(shared.context, "reader", ("read",))
    header = {"Authorization": f"Bearer {reading}"}
    body_text = check(shared.client.request(method, path, json=body, headers=header), 403, "Authorization")
    assert reading not in str(body_text)


def test_revoked_key_stops_at_once(server: Server) -> None:
    auth.revoke(server.context, "test desk")
    check(server.client.post("/v1/training-runs", json={}, headers=server.writer), 401, "Authorization")


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_bodies_of_another_form_are_refused(
    shared: Server, method: str, path: str, body: dict[str, Any]
) -> None:
    headers = shared.writer | {"Content-Type": "application/xml"}
    check(shared.client.request(method, path, content=b"<a/>", headers=headers), 415, "Content-Type")


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_bodies_that_cannot_be_read_are_refused(
    shared: Server, method: str, path: str, body: dict[str, Any]
) -> None:
    headers = shared.writer | {"Content-Type": "application/json"}
    check(shared.client.request(method, path, content=b"{", headers=headers), 422, "body")
    unknown = {**body, "colour": "red"}
    found = check(shared.client.request(method, path, json=unknown, headers=shared.writer), 422, None)
    assert "colour" in str(found)


def test_too_large_a_body_is_refused_declared_or_not(shared: Server) -> None:
    large = b"x" * 30_000
    headers = shared.writer | {"Content-Type": "text/csv"}
    check(shared.client.post(QUOTES, content=large, headers=headers), 413, "body")
    check(shared.client.post(QUOTES, content=iter([large[:9000]] * 4), headers=headers), 413, "body")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": "CN-TEST-LICENCE"}, "event_id"),
        ({"event_id": "no spaces"}, "event_id"),
        ({"direction": "sideways"}, "direction"),
        ({"elements": {}}, "elements"),
        ({"elements": {"Xx": "covered"}}, None),
        ({"changes": []}, "changes"),
        ({"instrument": "zap"}, "instrument"),
        ({"instrument": "*"}, "instrument"),
        ({"changes": [*EVENT["changes"], step("lifted", "2026-11-21", "2026-11-19")]}, "changes.1.known_on"),
        ({"changes": [*EVENT["changes"], step("lifted", "2026-11-21", "2026-11-25")]}, "changes.1.known_on"),
        ({"changes": [step("announced", "2026-12-01", "2026-12-01")]}, "changes.0.known_on"),
        ({"changes": [*EVENT["changes"], step("suspended", "2026-11-19", "2026-11-20")]}, "changes.1.on"),
        ({"changes": [*EVENT["changes"], step("effective", "2026-11-19", "2026-11-20")]}, "changes.1.on"),
        (
            {
                "changes": [
                    *EVENT["changes"],
                    step("effective", "2026-12-01", "2026-11-20"),
                    step("effective", "2027-01-01", "2026-11-20"),
                ]
            },
            "changes.2.known_on",
        ),
        ({"changes": EVENT["changes"] * 2}, "changes.1.known_on"),
        (
            {
                "changes": [
                    *EVENT["changes"],
                    step("suspended", "2027-01-01", "2026-11-20"),
                    step("extended", "2027-01-01", "2026-11-20"),
                ]
            },
            "changes",
        ),
        (
            {"changes": [{"stage": "lifted", "on": "2026-11-20", "known_on": "2026-11-20"}]},
            "CN-TEST-NEW.changes",
        ),
        ({"changes": [{"stage": "announced", "on": "2026-11-20", "known_on": "soon"}]}, "changes.0.known_on"),
    ],
)
def test_events_that_cannot_be_are_refused(shared: Server, change: dict[str, Any], field: str | None) -> None:
    answer = shared.client.post("/v1/events", json=EVENT | change, headers=shared.writer)
    check(answer, 422, field)


def test_a_change_before_the_announcement_is_refused(shared: Server) -> None:
    body = {"stage": "lifted", "on": "2025-01-01", "known_on": "2025-01-01", "probability": 2}
    found = shared.client.patch("/v1/events/CN-TEST-LICENCE", json=body, headers=shared.writer)
    check(found, 422, "probability")
    body["probability"] = 1
    found = shared.client.patch("/v1/events/CN-TEST-LICENCE", json=body, headers=shared.writer)
    assert "found '2025-01-01'" in check(found, 422, "known_on")["detail"]
    for wrong, field in ((step("lifted", "2025-01-01", "2026-11-20"), "on"),
                         (step("effective", "2025-01-01", "2026-11-20"), "on"),
                         (step("lifted", "2026-11-20", "2026-11-25"), "known_on")):  # fmt: skip
        found = shared.client.patch("/v1/events/CN-TEST-LICENCE", json=wrong, headers=shared.writer)
        check(found, 422, field)


def test_a_day_on_which_a_suspension_begins_cannot_extend_it_for_certain(server: Server) -> None:
    """The made-up licence is suspended from 10 November 2025: contradictions are refused, chances are not."""
    path = "/v1/events/CN-TEST-LICENCE"
    sure = step("extended", "2025-11-10", "2026-11-20")
    body = check(server.client.patch(path, json=sure, headers=server.writer), 422, "on")
    assert body["found"] == "suspended and extended on 2025-11-10"
    assert "probabilities below 1" in body["allowed"]
    assert len(server.client.get(path).json()["changes"]) == 3, "nothing was written"
    unsure = {**sure, "probability": 0.4}
    assert server.client.patch(path, json=unsure, headers=server.writer).status_code == 200


def test_of_two_words_of_one_day_the_one_recorded_later_holds(server: Server) -> None:
    """A slip can be corrected the day it was made; the history shows both."""
    assert server.client.post("/v1/events", json=EVENT, headers=server.writer).status_code == 201
    path = f"/v1/events/{EVENT['event_id']}"
    for on in ("2027-03-01", "2027-02-01"):
        found = server.client.patch(path, json=step("effective", on, "2026-11-20"), headers=server.writer)
        assert found.json()["changes"][-1]["on"] == on
    assert len(server.client.get(f"{path}/history").json()["edits"]) == 4
    again = check(server.client.post("/v1/events", json=EVENT, headers=server.writer), 422, "event_id")
    assert "an id that is not taken" in again["allowed"]


def test_an_unknown_instrument_is_told_the_known_and_other_is_taken(server: Server) -> None:
    found = server.client.post("/v1/events", json=EVENT | {"instrument": "zap"}, headers=server.writer)
    assert "licence" in check(found, 422, "instrument")["allowed"]
    taken = server.client.post("/v1/events", json=EVENT | {"instrument": "other"}, headers=server.writer)
    assert taken.status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_header_is_refused(shared: Server, host: str) -> None:
    answer = shared.client.get("/v1/series", headers={"Host": host})
    assert answer.status_code == 400
    if host:
        check(answer, 400, "Host")


def test_beyond_loopback_every_call_needs_a_key(settings: Settings, start: Any) -> None:
    server = start(settings.model_copy(update={"embedded": False}))
    check(server.client.get("/v1/series"), 401, "Authorization")
    check(server.client.get(FORECAST), 401, "Authorization")
    assert server.client.get("/v1/series", headers=server.writer).status_code == 200
    reading = auth.make(server.context, "reader", ("read",))
    headers = {"Authorization": f"Bearer {reading}", "Host": "desk.example"}
    assert server.client.get("/v1/series", headers=headers).status_code == 200
    assert server.client.get("/healthz").status_code == 200


def test_a_fault_of_ours_does_not_leak(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("service.catalogue.list_series", broken)
    body = check(shared.client.get("/v1/series"), 500, None)
    assert "swordfish" not in str(body)


def test_before_any_forecast_the_answer_says_what_to_do(settings: Settings) -> None:
    from fastapi.testclient import TestClient

    from service.app import create_app
    from service.context import open_context
    from tests.support.service_world import fill

    context: Context = open_context(settings)
    fill(context, with_forecast=False)
    with TestClient(create_app(context=context), base_url="http://127.0.0.1") as client:
        for path in (FORECAST, "/v1/backtests"):
            answer = client.get(path)
            assert answer.status_code == 409
            assert "ytterby train" in answer.json()["allowed"]
    context.engine.dispose()


def test_before_migration_the_service_is_not_ready(settings: Settings) -> None:
    from fastapi.testclient import TestClient

    from service.app import create_app
    from service.context import open_context

    context = open_context(settings)
    with TestClient(create_app(context=context), base_url="http://127.0.0.1") as client:
        answer = client.get("/readyz")
        assert answer.status_code == 409
        assert "ytterby migrate" in answer.json()["allowed"]
        assert client.get("/v1/series").status_code == 503
    context.engine.dispose()
