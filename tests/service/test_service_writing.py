"""Writing over a real socket: quotes in, corrections, events and their history. On both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from service.settings import Settings
from tests.support.service_world import BASE, MONTHS, OUTSIDE, Server

QUOTES = f"/v1/series/{BASE}/observations"
EVENT = {
    "event_id": "CN-TEST-NEW",
    "title": "A new made-up event",
    "instrument": "quota",
    "direction": "tighten",
    "jurisdiction": "CN",
    "elements": {"Dy": "covered", "Nd": "partial"},
    "market_side": "both",
    "changes": [{"stage": "announced", "on": "2026-11-20", "known_on": "2026-11-20"}],
}


@pytest.fixture
def server(settings: Settings, start: Callable[[Settings], Server], database_url: str) -> Iterator[Server]:
    """A running service for this test alone, on each database in turn."""
    made = start(settings.model_copy(update={"database_url": database_url}))
    yield made
    made.context.engine.dispose()


def counts(body: dict[str, object]) -> tuple[object, ...]:
    return body["added"], body["corrected"], body["unchanged"], len(body["refused"])  # type: ignore[arg-type]


def test_quotes_once_twice_and_corrected(server: Server) -> None:
    base = server.client.get(QUOTES).json()["observations"][-1]["value"]
    rows = {"rows": [{"ds": "2026-08-01", "y": base * 1.1}, {"ds": "2026-09-01", "y": base * 1.2}]}
    first = server.client.post(QUOTES, json=rows, headers=server.writer).raise_for_status().json()
    assert counts(first) == (2, 0, 0, 0)
    again = server.client.post(QUOTES, json=rows, headers=server.writer).json()
    assert counts(again) == (0, 0, 2, 0)
    rows["rows"][1]["y"] = base * 1.25
    corrected = server.client.post(QUOTES, json=rows, headers=server.writer).json()
    assert counts(corrected) == (0, 1, 1, 0)
    found = server.client.get(QUOTES).json()["observations"]
    assert len(found) == MONTHS + 2
    assert found[-1]["value"] == pytest.approx(base * 1.25)
    newest = server.client.get(f"/v1/series/{BASE}").json()["last_quote"]
    assert newest["ds"] == "2026-09-01"
    said = server.client.get(f"/v1/series/{BASE}/forecast").json()["caveats"]
    assert any(
        "recorded after" in c and f"2026-09-01 {base * 1.25:g} (and 1 more); train again" in c for c in said
    )


def test_preview_writes_nothing(server: Server) -> None:
    rows = {"rows": [{"ds": "2026-08-01", "y": 510}, {"ds": "2026-09-01", "y": -1}]}
    seen = server.client.post(QUOTES, json=rows, params={"preview": "true"}, headers=server.writer).json()
    assert counts(seen) == (1, 0, 0, 1)
    assert seen["preview"] is True
    assert len(server.client.get(QUOTES).json()["observations"]) == MONTHS


def test_good_rows_are_kept_or_on_request_none(server: Server) -> None:
    lines = ["unique_id,ds,y", "{0},2026-08-01,510", "{0},2026-09-01,-3", "{1},2026-09-01,5"]
    lines.append("{0},2027-01-01,5")
    body = "\r\n".join(lines).format(BASE, OUTSIDE)
    headers = server.writer | {"Content-Type": "text/csv"}
    refused = server.client.post(QUOTES, content=body, params={"on_bad_row": "refuse-all"}, headers=headers)
    assert refused.status_code == 422
    problem = refused.json()
    assert [(e["line"], e["column"]) for e in problem["errors"]] == [(3, "y"), (4, "unique_id"), (5, "ds")]
    assert len(server.client.get(QUOTES).json()["observations"]) == MONTHS
    kept = server.client.post(QUOTES, content=body, headers=headers).json()
    assert counts(kept) == (1, 0, 0, 3)
    assert kept["refused"][0]["line"] == 3
    assert kept["refused"][0]["value"] == "-3"
    assert len(server.client.get(QUOTES).json()["observations"]) == MONTHS + 1


def test_csv_read_out_can_be_sent_back(server: Server) -> None:
    text = server.client.get(QUOTES, params={"format": "csv"}).text
    headers = server.writer | {"Content-Type": "text/csv; charset=utf-8"}
    back = server.client.post(QUOTES, content=text, headers=headers).raise_for_status().json()
    assert counts(back) == (0, 0, MONTHS, 0)


def test_event_added_changed_and_remembered(server: Server) -> None:
    made = server.client.post("/v1/events", json=EVENT, headers=server.writer)
    assert made.status_code == 201
    where = made.headers["location"]
    assert server.client.get(where).json() == made.json()
    step = {
        "stage": "effective",
        "on": "2027-02-01",
        "known_on": "2026-11-22",
        "probability": 0.4,
        "note": "hm",
    }
    changed = server.client.patch(where, json=step, headers=server.writer).raise_for_status().json()
    assert changed["stage"] == "effective"
    assert changed["changes"][-1]["probability"] == 0.4
    again = server.client.patch(where, json=step, headers=server.writer).json()
    assert again == changed
    assert server.client.get(where, params={"as_of": "2026-11-21"}).json()["stage"] == "announced"
    edits = server.client.get(f"{where}/history").json()["edits"]
    assert [edit["author"] for edit in edits] == ["test desk"] * len(edits)
    assert edits[-1]["what"] == "change added"
    assert edits[-1]["content"]["probability"] == 0.4


def test_run_is_queued_and_shown(server: Server) -> None:
    asked = server.client.post("/v1/training-runs", json={"reason": "new data"}, headers=server.writer)
    assert asked.status_code == 202
    run = server.client.get(asked.headers["location"]).json()
    assert (run["state"], run["reason"]) == ("queued", "new data")
    assert server.client.get("/v1/training-runs").json()["runs"][0] == run


def test_forecasts_are_read(server: Server) -> None:
    found = server.client.get("/v1/forecasts", params={"currency": "EUR", "level": "80,95"}).json()
    assert [f["series_id"] for f in found["forecasts"]] == [BASE, OUTSIDE]
    assert found["left_out"] == []


def test_text_that_no_database_keeps_is_refused(server: Server) -> None:
    notes = r"a\u0000b", r"a\ud800"
    rows = ", ".join(f'{{"ds": "2026-08-01", "y": 510, "note": "{note}"}}' for note in notes)
    body = f'{{"rows": [{rows}]}}'
    headers = server.writer | {"Content-Type": "application/json"}
    found = server.client.post(QUOTES, content=body, headers=headers).raise_for_status().json()
    assert counts(found) == (0, 0, 0, 2)
    assert [bad["column"] for bad in found["refused"]] == ["note", "note"]
    assert server.client.get("/v1/series/a%00b").status_code == 422
    assert server.client.get("/v1/backtests?series_id=a%00b").status_code == 422
    for title in notes:
        text = json.dumps(EVENT).replace("A new made-up event", title)
        answer = server.client.post("/v1/events", content=text, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["field"] == "title"
