"""Event effects and counterfactual prices over a real socket and on the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from data.store.tables import run_fact
from service.cli import app
from tests.support.service_world import BASE, MONTHS, OUTSIDE, Server, effects, month, quotes

PATH = f"/v1/series/{BASE}/effects"
LICENCE = "CN-TEST-LICENCE"


def test_effects_say_what_stands_behind_them(shared: Server) -> None:
    found = shared.client.get(PATH).raise_for_status().json()
    stored = effects(BASE)
    assert (found["known_at"], found["origin"]) == ("2026-11-21", "2026-07-01")
    assert found["price"] == stored.price
    assert [e["event_id"] for e in found["events"]] == [LICENCE, f"{LICENCE}:lifting"]
    for told, made in zip(found["events"], stored.events, strict=True):
        assert told["full"]["log"]["mean"] == made.full.mean
        assert told["full"]["percent"]["high"] == pytest.approx(100 * np.expm1(made.full.high))
        assert told["prior_led"] is True
        assert (told["source"], told["events_behind"]) == ("prices", 1)
        assert told["full"]["per_unit"] is None  # it has begun: its money is in the price
        inside = told["in_price"]
        rest = found["price"] - inside["per_unit"]["mean"]
        assert rest == pytest.approx(found["price"] * np.exp(-inside["log"]["mean"]))
        assert inside["per_unit"]["low"] < inside["per_unit"]["mean"] < inside["per_unit"]["high"]


def test_money_moves_with_the_basis_and_per_cent_does_not(shared: Server) -> None:
    own = shared.client.get(PATH).json()
    other = shared.client.get(PATH, params={"currency": "USD", "tax": "ex-vat", "unit": "tonne"}).json()
    assert other["basis"] == {"currency": "USD", "unit": "tonne", "tax": "ex-vat"}
    ratio = other["price"] / own["price"]
    assert ratio == pytest.approx(1000 / 1.13 / 6.9, rel=0.2)
    assert "carried forward" in other["notes"][0]
    for one, two in zip(own["events"], other["events"], strict=True):
        assert one["full"]["percent"] == two["full"]["percent"]
        assert two["in_price"]["per_unit"]["mean"] == pytest.approx(
            ratio * one["in_price"]["per_unit"]["mean"]
        )


@pytest.mark.parametrize("params", [{}, {"currency": "EUR", "tax": "ex-vat"}])
def test_actual_is_counterfactual_plus_effect(shared: Server, params: dict[str, str]) -> None:
    answer = shared.client.get(f"{PATH}/counterfactual", params=params | {"event": LICENCE})
    found = answer.raise_for_status().json()
    assert found["events"][0] == "all"
    rows = found["rows"]
    assert [r["ds"] for r in rows] == [month(i).isoformat() for i in range(MONTHS)]
    for row in rows:
        assert row["log_counterfactual"] + row["log_effect"] == row["log_price"]
        rest = row["counterfactual"]
        assert rest["low"] <= rest["mean"] <= rest["high"]
        assert rest["mean"] == pytest.approx(np.exp(row["log_counterfactual"]))
        assert row["percent"]["mean"] == pytest.approx(100 * (row["price"] / rest["mean"] - 1), abs=1e-9)
    assert rows[0]["percent"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert rows[-1]["log_effect"] != 0
    whole = shared.client.get(f"{PATH}/counterfactual", params=params).json()
    assert whole["event"] == "all"
    assert whole["rows"][-1]["price"] == rows[-1]["price"]


def test_csv(shared: Server) -> None:
    rows = list(csv.DictReader(io.StringIO(shared.client.get(PATH, params={"format": "csv"}).text)))
    assert [r["event_id"] for r in rows] == [LICENCE, f"{LICENCE}:lifting"]
    assert rows[0]["prior_led"] == "true"
    assert float(rows[0]["in_price_per_unit_mean"]) != 0
    path = shared.client.get(f"{PATH}/counterfactual", headers={"Accept": "text/csv"}).text
    table = list(csv.DictReader(io.StringIO(path)))
    assert len(table) == MONTHS
    assert table[0]["event"] == "all"


def test_outside_china_there_are_two_parts_and_days_of_quotes(shared: Server) -> None:
    found = shared.client.get(f"/v1/series/{OUTSIDE}/effects").raise_for_status().json()
    assert "premium" in found["notes"][-1]
    control = found["events"][0]
    assert (control["event_id"], control["source"]) == (LICENCE, "quotes")
    parts = control["china"]["log"]["mean"] + control["premium"]["log"]["mean"]
    assert control["full"]["log"]["mean"] == pytest.approx(parts)
    answer = shared.client.get(f"/v1/series/{OUTSIDE}/effects/counterfactual", params={"event": LICENCE})
    rows = answer.raise_for_status().json()["rows"]
    assert [r["ds"] for r in rows] == [q.ds.isoformat() for q in quotes() if q.series_id == OUTSIDE]
    assert [r["log_effect"] == 0 for r in rows] == [r["ds"] < "2025-04-04" for r in rows]


def test_refusals(shared: Server, server: Server) -> None:
    assert shared.client.get("/v1/series/none/effects").status_code == 404
    unknown = shared.client.get(f"{PATH}/counterfactual", params={"event": "nope"})
    assert unknown.status_code == 422
    assert LICENCE in unknown.json()["allowed"]
    assert shared.client.get(PATH, params={"horizon": "3"}).status_code == 422
    early = shared.client.get(PATH, params={"as_of": "2026-11-20"})
    assert early.status_code == 409
    assert "issued by 2026-11-20" in early.json()["detail"]
    with server.context.engine.begin() as conn:
        conn.execute(delete(run_fact))
    assert server.client.get(PATH).status_code == 409


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("YTTERBY_DATABASE_URL", server.context.settings.database_url)
    monkeypatch.setenv("YTTERBY_TODAY", "2026-11-24")

    def call(*words: str) -> str:
        found = CliRunner().invoke(app, list(words))
        assert found.exit_code == 0, found.output
        return found.stdout

    return call


def test_the_command_line(run: Callable[..., str]) -> None:
    shown = run("effects", BASE)
    assert "prices, prior-led" in shown
    assert "All that prices speak of" in shown
    assert json.loads(run("effects", BASE, "--json"))["events"][0]["event_id"] == LICENCE
    assert run("effects", BASE, "--csv").splitlines()[1].startswith(f"{BASE},{LICENCE},")
    path = run("effects", BASE, "--without", "all")
    assert "without any event" in path
    assert len(run("effects", BASE, "--without", LICENCE, "--csv").splitlines()) == MONTHS + 1
    assert len(json.loads(run("effects", BASE, "--without", "all", "--json"))["rows"]) == MONTHS
    assert "premium" in run("effects", OUTSIDE, "--all")
