"""Champions, rollback and the track record over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable

import pytest

from service.cli import main
from service.record.score import score_due
from service.settings import Settings
from tests.support.record_world import MIXTURE, WALK, at, came, run
from tests.support.service_world import BASE, OUTSIDE, Server

ROLLBACK = f"/v1/series/{BASE}/rollback"


@pytest.fixture
def told(settings: Settings, start: Callable[[Settings], Server]) -> Server:
    """Two runs after the first forecast, and a scored month."""
    server = start(settings)
    run(server.context, "2026-11-22", 0.0)
    run(server.context, "2026-11-23", 0.1)
    came(server.context, BASE, "2026-10", 510.0, recorded="2026-11-23")
    score_due(server.context, now=at("2026-11-24"))
    return server


def test_rollback_needs_a_writing_key_and_a_reason(told: Server) -> None:
    body = {"reason": "too narrow"}
    assert told.client.post(ROLLBACK, json=body).status_code == 401
    none = told.client.post(ROLLBACK, json={}, headers=told.writer)
    assert (none.status_code, none.json()["field"]) == (422, "reason")
    found = told.client.post(ROLLBACK, json=body, headers=told.writer).raise_for_status().json()
    assert (found["champion"], found["served_as"]["recipe"]) == (WALK, WALK)
    assert found["decision"]["author"] == "test desk"
    assert found["decision"]["reason"] == "too narrow"
    answer = told.client.get(f"/v1/series/{OUTSIDE}/forecast").json()
    assert answer["served_as"] == {"rung": "champion", "recipe": WALK, "reason": ""}
    again = told.client.post(ROLLBACK, json=body, headers=told.writer)
    assert (again.status_code, again.json()["field"]) == (422, "champion")


def test_who_was_champion_is_one_request(told: Server) -> None:
    before, after = (
        told.client.get(f"/v1/series/{BASE}/champion", params={"on": day}).raise_for_status().json()
        for day in ("2026-11-22", "2026-11-23")
    )
    assert [(a["champion"], a["trained"]["run_id"]) for a in (before, after)] == [(WALK, 2), (MIXTURE, 3)]
    assert after["since"] == "2026-11-23T09:00:00Z"
    assert after["decision"]["evidence"]["panel"]["gain"] == pytest.approx(0.1)
    assert set(after["trained"]) >= {"known_at", "fingerprint", "seed", "versions", "weights", "parameters"}
    assert told.client.get(f"/v1/series/{BASE}/champion", params={"on": "2020-01-01"}).status_code == 409
    assert told.client.get("/v1/series/none/champion").status_code == 404


def test_decisions_are_listed_with_evidence_and_as_csv(told: Server) -> None:
    found = told.client.get("/v1/promotions", params={"series_id": BASE}).raise_for_status().json()
    assert [p["outcome"] for p in found["promotions"]] == ["promoted", "kept"]
    only = told.client.get("/v1/promotions", params={"outcome": "promoted", "format": "csv"}).text
    (row,) = csv.DictReader(io.StringIO(only))
    assert (row["champion"], row["previous"], row["challenger"]) == (MIXTURE, WALK, MIXTURE)
    assert told.client.get("/v1/promotions", params={"outcome": "lost"}).status_code == 422


def test_the_record_and_its_ledger_as_json_and_csv(told: Server) -> None:
    asked = {"series_id": BASE, "horizon": ""}
    assert told.client.get("/v1/track-record", params=asked).status_code == 422
    found = told.client.get("/v1/track-record", params={"series_id": BASE}).raise_for_status().json()
    nowcast = next(g for g in found["groups"] if g["value"] == "nowcast")["figures"]
    assert nowcast["scored"] == 3
    flat = told.client.get("/v1/track-record", params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(flat)))
    assert (rows[0]["by"], rows[0]["value"]) == ("all", "all")
    assert {"by", "value", "scored", "skill", "coverage_80", "direction"} <= set(rows[0])
    ledger = told.client.get("/v1/track-record/scores", params={"limit": 2}).raise_for_status().json()
    assert [line["run_id"] for line in ledger["scores"]] == [3, 2]
    text = told.client.get("/v1/track-record/scores", params={"format": "csv"}).text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["ds"], line["actual"], line["vintage"]) for line in lines] == [
        ("2026-10-01", "510.0", "1")
    ] * 3


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ytterby(told: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line over the same database."""
    monkeypatch.setenv("YTTERBY_DATABASE_URL", told.context.settings.database_url)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ytterby", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr()
        return int(ended.value.code or 0), " ".join(found.out.split()), " ".join(found.err.split())

    return call


def test_the_command_line_says_who_was_champion_and_rolls_back(ytterby: Run) -> None:
    code, text, _ = ytterby("champion", BASE, "--on", "2026-11-22")
    assert code == 0
    assert "Champion: rw, since 2026-11-22 09:00 UTC" in text
    assert "Trained by run 2" in text
    code, text, _ = ytterby("champion", OUTSIDE)
    assert f"Champion: combination, since 2026-11-23 09:00 UTC, as of {BASE}. The rung below: rw." in text
    code, text, _ = ytterby("rollback", BASE, "--reason", "too narrow")
    assert code == 0
    assert "Champion: rw" in text
    assert "too narrow" in text
    code, _, said = ytterby("rollback", BASE, "--reason", "again")
    assert code == 2
    assert "one that took the place from another" in said
    code, text, _ = ytterby("champion", BASE, "--json")
    assert json.loads(text)["decision"]["outcome"] == "rolled-back"


def test_a_fallback_is_said_on_the_page_and_on_the_command_line(told: Server, ytterby: Run) -> None:
    why = "the previous champion speaks"
    assert why not in ytterby("forecast", BASE)[1]
    run(told.context, "2026-11-24", 0.1, withheld={(BASE, MIXTURE): "the newest price looks like a slip"})
    assert f"Fallback: run 4 has no forecast by the champion, {MIXTURE}" in ytterby("forecast", BASE)[1]
    for name in (BASE, OUTSIDE):
        page = told.client.get(f"/series/{name}").raise_for_status().text
        assert "Fallback: run 4 has no forecast by the champion" in page
        assert why in page


def test_the_command_line_shows_the_record(ytterby: Run) -> None:
    code, text, _ = ytterby("track-record", "--score")
    assert code == 0
    assert "6 forecasts since 2026-11-21 (live)" in text
    assert "horizon nowcast 3" in text
    code, text, _ = ytterby("track-record", "--record", "replays", "--csv")
    assert text.startswith("by,value,scored")
    code, _, said = ytterby("track-record", "--vintage", "second")
    assert code == 2
    assert "first, latest" in said
