"""Scenarios, baskets and crossings over a real socket: what they promise, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from data.store import forecasts as store
from data.store import runs
from service import auth, scenarios
from service.context import Context
from service.settings import Settings
from tests.support.service_world import (
    BASE,
    DRAWS,
    HORIZON,
    ISSUED,
    LAG,
    MONTHS,
    OUTSIDE,
    Server,
    answerable,
    forecast,
    month,
    save_answerable,
)

CHANCE = 0.3
EXPIRY = "CN-TEST-EXPIRY"
CLOSURE: dict[str, Any] = {
    "event_id": "closure",
    "title": "A mine closes",
    "probability": 0.4,
    "on": "2027-02-01",
    "elements": {"Nd": "supply"},
    "china": {"median": 30, "low": 5, "high": 80},
}
LEVELS = {BASE: [600.0]}


def issue(context: Context, chance: float = CHANCE, names: tuple[str, ...] = (BASE, OUTSIDE)) -> int:
    """A later run whose forecasts hold the event with a chance."""
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="later")
        later = ISSUED + timedelta(hours=1)
        made = []
        for name, level in ((BASE, 500.0), (OUTSIDE, 75.0)):
            if name not in names:
                continue
            issued = forecast(name, run_id, issued_at=later, level=level)
            one = answerable(issued, chance)
            made.append(one)
            store.save(conn, replace(issued, values=one.values, mean=one.mean, paths=one.paths))
        save_answerable(conn, run_id, made)
        rate = 7.0 * np.exp(0.02 * np.random.default_rng(5).standard_normal((DRAWS, LAG + HORIZON)))
        months = [month(MONTHS + k) for k in range(LAG + HORIZON)]
        store.save_fx_paths(conn, run_id, months, {"CNY": rate, "EUR": np.full_like(rate, 0.9)})
    return run_id


@pytest.fixture
def asked(settings: Settings, start: Callable[[Settings], Server]) -> Server:
    found = start(settings)
    issue(found.context)
    return found


def post(server: Server, path: str, body: dict[str, Any]) -> Any:
    return server.client.post(path, json=body).raise_for_status().json()


def column(outcome: Any, name: str) -> list[float]:
    return [row[name] for row in outcome["rows"]]


def test_a_scenario_without_a_change_is_the_stored_headline(asked: Server) -> None:
    found = post(asked, "/v1/scenarios", {"series": [BASE], "quantiles": [0.1, 0.5, 0.9]})["series"][0]
    stored = asked.client.get(f"/v1/series/{BASE}/forecast", params={"level": "80"}).json()
    ahead = [r for r in stored["rows"] if not r["nowcast"]]
    for outcome in (found["headline"], found["mixture"]):
        assert [r["ds"] for r in outcome["rows"]] == [r["ds"] for r in ahead]
        for row, known in zip(outcome["rows"], ahead, strict=True):
            assert row["quantiles"] == pytest.approx(known["quantiles"], rel=1e-12)
            assert row["change_percent"] == 0.0
    assert found["branches"] == []


def test_branches_recombine_over_the_wire(asked: Server) -> None:
    body = {
        "series": [BASE, OUTSIDE],
        "levels": LEVELS,
        "changes": [{"event_id": EXPIRY, "what": "postponed", "probability": 0.5, "to": "2027-04-10"}],
        "hypothetical": [CLOSURE],
    }
    found = post(asked, "/v1/scenarios", body)
    assert [s["kind"] for s in found["switches"]] == ["postponed", "hypothetical"]
    assert any("400 joint paths" in note for note in found["notes"])
    china, outside = found["series"]
    assert len(china["branches"]) == len(outside["branches"]) == 4
    assert sum(b["probability"] for b in china["branches"]) == pytest.approx(1.0)
    assert china["branches"][1]["on"] == {EXPIRY: True, "closure": False}
    above = [
        b["probability"] * np.array([r["levels"][0]["above"] for r in b["rows"]]) for b in china["branches"]
    ]
    mixed = [r["levels"][0]["above"] for r in china["mixture"]["rows"]]
    np.testing.assert_allclose(np.sum(above, axis=0), mixed, atol=1e-9)
    for outcome in (china["mixture"], *china["branches"]):
        risen = [r["levels"][0]["risen_by"] for r in outcome["rows"]]
        assert risen == sorted(risen)
        exact = [r["levels"][0] for r in outcome["rows"]]
        assert all(r["risen_by"] >= r["above"] and r["fallen_by"] >= 1 - r["above"] for r in exact)
        assert all(r["levels"][0]["risen_by_error"] <= 0.5 / DRAWS**0.5 for r in outcome["rows"])
    assert outside["mixture"]["rows"][0]["levels"] == []


def test_what_happens_moves_the_price_from_its_day(asked: Server) -> None:
    """January is its 22 of 31 days; the branch without it is the headline's base."""
    body = {"series": [BASE], "changes": [{"event_id": EXPIRY, "what": "probability", "probability": 1.0}]}
    happens, does_not = post(asked, "/v1/scenarios", body)["series"][0]["branches"]
    base = forecast(BASE, 1).values[:, 10]
    assert column(does_not, "median") == pytest.approx(base[LAG:], rel=2e-3)
    share = np.log(np.array(column(happens, "median")) / base[LAG:]) / 0.4
    assert share == pytest.approx([0.0, 22 / 31, 1.0, 1.0, 1.0, 1.0], abs=0.03)


def test_an_event_that_reaches_no_series_is_said_to_move_nothing(asked: Server) -> None:
    elsewhere = {**CLOSURE, "event_id": "elsewhere", "elements": {"Tb": "supply"}}
    found = post(asked, "/v1/scenarios", {"series": [BASE], "hypothetical": [CLOSURE, elsewhere]})
    idle = [note for note in found["notes"] if "moves none of the series asked" in note]
    assert [note.split()[0] for note in idle] == ["elsewhere"]


def test_an_answer_nobody_would_read_is_refused_before_it_is_made(
    asked: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 branches x 6 months x (21 quantiles + 5 levels) of one series are 9,984 numbers."""
    events = [{**CLOSURE, "event_id": f"c{k}"} for k in range(6)]
    quantiles = [0.025, *(0.05 * k for k in range(1, 20)), 0.975]
    body = {"series": [BASE], "quantiles": quantiles, "levels": {BASE: [400, 450, 500, 550, 600]}}
    assert scenarios.MOST_CELLS > 3 * 9_984, "eighteen months of one series can be asked"
    monkeypatch.setattr(scenarios, "MOST_CELLS", 9_984)
    found = post(asked, "/v1/scenarios", {**body, "hypothetical": events})
    assert len(found["series"][0]["branches"]) == 64
    answer = asked.client.post(
        "/v1/scenarios", json={**body, "series": [BASE, OUTSIDE], "hypothetical": events}
    )
    assert answer.status_code == 413
    assert "18,048 numbers" in answer.json()["found"]
    assert answer.json()["allowed"].startswith("at most 9,984: fewer events, series")


def test_ready_scenarios_can_be_sent_back(asked: Server) -> None:
    found = asked.client.get("/v1/scenarios").raise_for_status().json()["scenarios"]
    expiry = {s["event_id"]: s for s in found}[EXPIRY]
    assert (expiry["on"], expiry["probability"], expiry["state"]) == ("2027-01-10", CHANCE, "pending")
    assert expiry["moves"] == [BASE, OUTSIDE]
    answered = post(asked, "/v1/scenarios", expiry["request"])
    assert [len(s["branches"]) for s in answered["series"]] == [2, 2]
    assert answered["series"][0]["branches"][0]["probability"] == CHANCE


def test_a_basket_is_that_of_its_paths(asked: Server) -> None:
    body = {
        "items": [{"series_id": BASE, "quantity": 10}, {"series_id": OUTSIDE, "quantity": [1, 2, 3]}],
        "currency": "USD",
        "tax": "ex-vat",
        "horizon": 3,
        "budget": 2600,
        "levels": [70],
    }
    found = post(asked, "/v1/baskets", body)
    with asked.context.engine.connect() as conn:
        kept = {name: store.latest(conn, name) for name in (BASE, OUTSIDE)}
        rates = store.latest_fx_paths(conn, found["run_id"])
    china, europe = (kept[name].paths[:, LAG : LAG + 3].astype(float) for name in (BASE, OUTSIDE))  # type: ignore[union-attr]
    china = china / 1.13 / rates.paths["CNY"][:, LAG : LAG + 3]  # type: ignore[union-attr]
    amounts = np.array([1.0, 2.0, 3.0])
    spent = 10 * china + amounts * europe
    assert found["total_mean"] == pytest.approx(spent.sum(axis=1).mean(), rel=1e-6)
    assert found["total_quantiles"]["q0.9"] == pytest.approx(np.quantile(spent.sum(axis=1), 0.9), rel=1e-6)
    assert found["over_budget"] == pytest.approx((spent.sum(axis=1) > 2600).mean(), abs=1e-9)
    unit = spent / (10 + amounts)
    assert column_of(found, "q0.9") == pytest.approx(np.quantile(unit, 0.9, axis=0), rel=1e-6)
    assert [r["above"]["70"] for r in found["rows"]] == pytest.approx((unit > 70).mean(axis=0), abs=1e-9)
    assert found["spread_ratio"] > 1.05


def column_of(found: Any, name: str) -> list[float]:
    return [row["quantiles"][name] for row in found["rows"]]


def test_shares_make_one_kg(asked: Server) -> None:
    items = [{"series_id": BASE, "share": 0.75}, {"series_id": OUTSIDE, "share": 0.25}]
    found = post(asked, "/v1/baskets", {"items": items, "currency": "CNY"})
    assert found["items"][0]["quantities"] == [0.75] * HORIZON
    assert "different tax bases" in found["notes"][1]
    alone = post(asked, "/v1/baskets", {"items": [{"series_id": BASE, "share": 1}]})
    stored = asked.client.get(f"/v1/series/{BASE}/forecast").json()["rows"][LAG:]
    assert column_of(alone, "q0.5") == pytest.approx([r["median"] for r in stored], rel=0.01)
    assert alone["spread_ratio"] == pytest.approx(1.0)


@pytest.mark.parametrize("direction", ["above", "below"])
def test_crossing_counts_paths(asked: Server, direction: str) -> None:
    params = {"level": 550, "direction": direction, "horizon": 5}
    found = asked.client.get(f"/v1/series/{BASE}/forecast/crossing", params=params).json()
    with asked.context.engine.connect() as conn:
        paths = store.latest(conn, BASE).paths[:, LAG : LAG + 5]  # type: ignore[union-attr]
    beyond = paths > 550 if direction == "above" else paths < 550
    assert column(found, "at") == pytest.approx(beyond.mean(axis=0))
    assert column(found, "within") == pytest.approx([beyond[:, : k + 1].any(axis=1).mean() for k in range(5)])
    assert found["rows"][-1]["within"] > found["rows"][-1]["at"]
    assert "monthly means" in found["note"]
    assert found["rows"][0]["within_error"] <= 0.5 / DRAWS**0.5


def test_crossing_in_another_currency_moves_with_the_rate(asked: Server) -> None:
    path = f"/v1/series/{BASE}/forecast/crossing"
    own = asked.client.get(path, params={"level": 560}).json()
    usd = asked.client.get(path, params={"level": 80, "currency": "USD"}).json()
    assert usd["basis"]["currency"] == "USD"
    assert usd["exchange_rate"]["uncertainty_included"]
    assert usd["rows"][0]["within"] > own["rows"][0]["within"], "the rate adds its own spread"


SCENARIO = {"series": [BASE]}
ONE = {"event_id": EXPIRY, "what": "cancelled"}
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("scenarios", {"changes": [{**ONE, "probability": 1.5}]}, 422, "changes.0.probability"),
    ("scenarios", {"changes": [{**ONE, "event_id": "CN-NONE"}]}, 422, "changes.0.event_id"),
    ("scenarios", {"changes": [ONE, {**ONE, "what": "postponed", "to": "2027-04-10"}]}, 422, "event_id"),
    ("scenarios", {"changes": [{**ONE, "what": "postponed"}]}, 422, "changes.0.to"),
    ("scenarios", {"changes": [{**ONE, "what": "postponed", "to": "2026-12-01"}]}, 422, "changes.0.to"),
    ("scenarios", {"changes": [{**ONE, "what": "unmade"}]}, 422, "changes.0.what"),
    ("scenarios", {"changes": [{**ONE, "to": "2027-04-10"}]}, 422, "changes.0.to"),
    ("scenarios", {"changes": [{**ONE, "what": "probability", "to": "2027-04-10"}]}, 422, "changes.0.to"),
    ("scenarios", {"levels": {BASE: [0]}}, 422, f"levels.{BASE}.0"),
    ("scenarios", {"levels": {BASE: [1, 2, 3, 4, 5, 6]}}, 422, f"levels.{BASE}"),
    ("scenarios", {"levels": {OUTSIDE: [1]}}, 422, f"levels.{OUTSIDE}"),
    ("scenarios", {"horizon": HORIZON + 1}, 422, "horizon"),
    ("scenarios", {"quantiles": [0.01]}, 422, "quantiles.0"),
    ("scenarios", {"series": ["nope"]}, 404, "series_id"),
    ("scenarios", {"surprise": 1}, 422, "surprise"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "on": "2026-11-01"}]}, 422, "hypothetical.0.on"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "on": "2031-11-01"}]}, 422, "hypothetical.0.on"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "latest": "2026-11-01"}]}, 422, "hypothetical.0.latest"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "latest": "9999-12-31"}]}, 422, "hypothetical.0.latest"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "event_id": EXPIRY}]}, 422, "hypothetical.0.event_id"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "china": None}]}, 422, "hypothetical.0.china"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "shape": "ramp"}]}, 422, "hypothetical.0.months"),
    ("scenarios", {"hypothetical": [{**CLOSURE, "instrument": "quota"}]}, 422, "hypothetical.0.direction"),
    (
        "scenarios",
        {"hypothetical": [{**CLOSURE, "instrument": "magic", "direction": "ease"}]},
        422,
        "hypothetical.0.instrument",
    ),
    (
        "scenarios",
        {"hypothetical": [{**CLOSURE, "china": {"median": -100, "low": 0, "high": 1}}]},
        422,
        "hypothetical.0.china",
    ),
    (
        "scenarios",
        {"hypothetical": [{**CLOSURE, "china": {"median": 1, "low": 2, "high": 3, "unit": "log"}}]},
        422,
        "hypothetical.0.china",
    ),
    ("scenarios", {"hypothetical": [{**CLOSURE, "event_id": f"c{k}"} for k in range(7)]}, 422, "events"),
    ("baskets", {"items": []}, 422, "items"),
    ("baskets", {"items": [{"series_id": BASE}]}, 422, "items.0.quantity"),
    ("baskets", {"items": [{"series_id": BASE, "quantity": 1, "share": 1}]}, 422, "items.0.quantity"),
    ("baskets", {"items": [{"series_id": BASE, "quantity": [1, 2]}]}, 422, "items.0.quantity"),
    ("baskets", {"items": [{"series_id": BASE, "quantity": 0}]}, 422, "items"),
    ("baskets", {"items": [{"series_id": BASE, "share": 0}]}, 422, "items"),
    ("baskets", {"items": [{"series_id": BASE, "share": 0.9}]}, 422, "items"),
    ("baskets", {"items": [{"series_id": BASE, "share": 1}], "budget": 9}, 422, "budget"),
    ("baskets", {"items": [{"series_id": BASE, "share": 1}] * 2}, 422, "items"),
    ("baskets", {"items": [{"series_id": "nope", "share": 1}]}, 404, "series_id"),
    (
        "baskets",
        {"items": [{"series_id": BASE, "share": 1}, {"series_id": OUTSIDE, "share": 1}]},
        422,
        "currency",
    ),
    ("baskets", {"items": [{"series_id": BASE, "share": 1}], "horizon": 7}, 422, "horizon"),
    ("baskets", {"items": [{"series_id": BASE, "share": 1}], "budget": -1}, 422, "budget"),
]


@pytest.mark.parametrize(("path", "body", "status", "field"), REFUSED)
def test_what_cannot_be_asked_is_refused_by_name(
    shared: Server, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    content = {**SCENARIO, **body} if path == "scenarios" else body
    answer = shared.client.post(f"/v1/{path}", json=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field, answer.text
    assert answer.json()["allowed"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "level"),
        ({"level": 0}, "level"),
        ({"level": "nan"}, "level"),
        ({"level": 500, "direction": "up"}, "direction"),
        ({"level": 500, "horizon": 7}, "horizon"),
        ({"level": 500, "currency": "GBP"}, "currency"),
    ],
)
def test_crossing_refuses_by_name(shared: Server, params: dict[str, Any], field: str) -> None:
    answer = shared.client.get(f"/v1/series/{BASE}/forecast/crossing", params=params)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


def test_a_read_key_is_enough_and_beyond_loopback_it_is_needed(
    settings: Settings, start: Callable[[Settings], Server]
) -> None:
    closed = start(settings.model_copy(update={"embedded": False, "allowed_hosts": ["127.0.0.1"]}))
    assert closed.client.post("/v1/scenarios", json=SCENARIO).status_code == 401
    reader = {"Authorization": f"Bearer {auth.make(closed.context, 'reader', ('read',))}"}
    assert closed.client.post("/v1/scenarios", json=SCENARIO, headers=reader).status_code == 200
    text = {**reader, "Content-Type": "text/plain"}
    assert closed.client.post("/v1/baskets", content=b"{}", headers=text).status_code == 415


def test_a_forecast_of_an_older_version_says_what_to_do(server: Server) -> None:
    with server.context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="older")
        store.save(conn, forecast(BASE, run_id, issued_at=ISSUED + timedelta(hours=1)))
    answer = server.client.post("/v1/scenarios", json=SCENARIO)
    assert answer.status_code == 409
    assert "train" in answer.json()["allowed"]


def test_a_basket_of_two_runs_is_refused_and_a_new_run_is_seen_at_once(asked: Server) -> None:
    items = [{"series_id": BASE, "quantity": 1}, {"series_id": OUTSIDE, "quantity": 1}]
    body = {"items": items, "currency": "USD"}
    first = post(asked, "/v1/baskets", body)
    with asked.context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="one series")
        issued = forecast(BASE, run_id, issued_at=ISSUED + timedelta(days=1), level=900.0)
        store.save(conn, issued)
        save_answerable(conn, run_id, [answerable(issued, 0.0)])
    refused = asked.client.post("/v1/baskets", json=body)
    assert refused.status_code == 422
    assert str(run_id) in refused.json()["found"]
    alone = post(asked, "/v1/baskets", {"items": items[:1]})
    assert alone["run_id"] == run_id != first["run_id"]
    assert date.fromisoformat(alone["rows"][0]["ds"]) == month(MONTHS + LAG)
