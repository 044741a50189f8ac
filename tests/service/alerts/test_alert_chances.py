"""Chances that rules are judged on: those of the crossing address, from the month after today's on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from data.store import forecasts as store
from data.store import prices
from forecast.distribution.bridge import WEEKS_A_MONTH, bridge_crossing
from service import baskets, forecasting
from service.alerts.chances import observe
from service.alerts.rules import Rule
from service.alerts.spot import weekly_volatility
from service.answers import ForecastQuery
from service.context import Context, open_context
from service.settings import Settings
from tests.support.service_world import (
    BASE,
    DRAWS,
    HORIZON,
    ISSUED,
    LAG,
    OUTSIDE,
    TODAY,
    fill,
    month,
)

LATER = date(2027, 1, 5)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The made-up world on SQLite."""
    folder: Path = tmp_path_factory.mktemp("chances")
    made = open_context(Settings(database_url=f"sqlite:///{folder}/service.db", today=TODAY))
    fill(made)
    yield made
    made.engine.dispose()


def crossing(rule_id: int = 1, **changes: object) -> Rule:
    """A rule on the Chinese series."""
    own = Rule(rule_id=rule_id, version=1, name="may pass", kind="p_cross_by", series_id=BASE, level=550.0,
               horizon=5, threshold=0.3)  # fmt: skip
    return replace(own, **changes)  # type: ignore[arg-type]


def values(context: Context, rules: list[Rule], today: date = TODAY) -> dict[int, float]:
    """Rule -> value."""
    with context.engine.connect() as conn:
        return {i: o.value for i, o in observe(context, conn, rules, rules[0].series_id or "", today).items()}


def paths(context: Context) -> np.ndarray:
    """Stored paths of the Chinese series in its own basis, (draws, steps)."""
    with context.engine.connect() as conn:
        issued = store.latest(conn, BASE)
    assert issued is not None
    return issued.paths.astype(np.float64)


@pytest.mark.parametrize("direction", ["above", "below"])
@pytest.mark.parametrize("basis", [{}, {"currency": "USD", "unit": "tonne", "tax": "ex-vat"}])
def test_in_the_month_of_issue_it_is_the_crossing_address_to_the_last_bit(
    context: Context, direction: str, basis: dict[str, str]
) -> None:
    level = 540.0 if not basis else 540 / 7.0 / 1.13 * 1000
    query = ForecastQuery(horizon=HORIZON, **basis)  # type: ignore[arg-type]
    shown = baskets.cross(context, BASE, level=level, direction=direction, query=query).rows
    shared = {"level": level, "direction": direction, **basis}
    by = [crossing(k, horizon=k, **shared) for k in range(1, HORIZON + 1)]
    at = [
        crossing(k, kind="p_beyond_at", horizon=None, on=shown[k - 1].ds.replace(day=9), **shared)
        for k in range(1, HORIZON + 1)
    ]
    assert list(values(context, by).values()) == [row.within for row in shown]
    assert list(values(context, at).values()) == [row.at for row in shown]
    assert values(context, by)[HORIZON] > values(context, at)[HORIZON]


def test_months_count_from_today_and_those_that_are_over_do_not_count(context: Context) -> None:
    ahead = paths(context)[:, LAG + 2 :]
    assert month(60 + LAG + 2) == date(2027, 2, 1), "the first month after that of LATER"
    wanted = {n: float((ahead[:, :n] > 550).any(axis=1).mean()) for n in (1, 2, 4)}
    rules = [crossing(n, horizon=n) for n in (1, 2, 4)]
    assert values(context, rules, LATER) == wanted
    assert values(context, rules, LATER) != values(context, rules)
    gone = crossing(9, kind="p_beyond_at", horizon=None, on=date(2027, 1, 20))
    assert values(context, [gone], LATER) == {}, "a month that has begun is no forecast"


def test_beyond_what_is_stored_the_months_there_are_count_and_it_says_so(context: Context) -> None:
    long = crossing(horizon=HORIZON)
    with context.engine.connect() as conn:
        (found,) = observe(context, conn, [long], BASE, LATER).values()
        assert found.value == float((paths(context)[:, LAG + 2 :] > 550).any(axis=1).mean())
        assert "ends 2 months before the horizon: train again" in found.note
        assert observe(context, conn, [replace(long, kind="forecast")], BASE, LATER) == {}
        assert observe(context, conn, [long], BASE, date(2027, 6, 1)) == {}, "no month is left"


def test_an_observation_says_what_it_is(context: Context) -> None:
    with context.engine.connect() as conn:
        (found,) = observe(context, conn, [crossing()], BASE, TODAY).values()
        newest = store.latest(conn, BASE)
    assert newest is not None
    run_id = newest.run_id
    assert (found.key, found.at) == (f"{run_id:010d}", ISSUED)
    share = found.value
    error = (share * (1 - share) / DRAWS) ** 0.5
    assert found.note == (
        "Chance of a monthly mean above 550 CNY/kg incl-vat in some month 2026-12 to 2027-04, "
        f"with a standard error of {error:.1%}, from {DRAWS} joint paths of run {run_id}. "
        "Within a month a daily price may cross and come back."
    )


def test_ten_thousand_levels_are_those_asked_one_by_one(context: Context) -> None:
    levels = np.random.default_rng(0).uniform(400, 650, 10_000)
    sides = ["above", "below"]
    rules = [
        crossing(k, level=float(x), horizon=1 + k % HORIZON, direction=sides[k % 2])
        for k, x in enumerate(levels)
    ]
    found = values(context, rules)
    ahead = paths(context)[:, LAG:]
    for k in range(0, 10_000, 97):
        some = ahead[:, : 1 + k % HORIZON]
        beyond = some > levels[k] if k % 2 == 0 else some < levels[k]
        assert found[k] == beyond.any(axis=1).mean()
    assert len(found) == 10_000


@pytest.mark.parametrize("quantile", [None, 0.9])
def test_a_quantile_is_the_one_that_is_served(context: Context, quantile: float | None) -> None:
    query = ForecastQuery(quantiles=(0.9,), currency="USD")
    rows = forecasting.answer(context, BASE, query).rows[LAG:]
    rule = crossing(kind="forecast", level=None, currency="USD", quantile=quantile, threshold=80.0, horizon=4)
    wanted = rows[3].median if quantile is None else rows[3].quantiles["q0.9"]
    assert values(context, [rule]) == {1: wanted}
    assert values(context, [replace(rule, horizon=None, on=rows[3].ds)]) == {1: wanted}


def test_a_spot_crossing_is_the_bridge_over_the_paths_and_says_how_it_was_made(context: Context) -> None:
    spot = crossing(measure="spot")
    with context.engine.connect() as conn:
        (found,) = observe(context, conn, [spot], BASE, TODAY).values()
        series = prices.get_series(conn, BASE)
        assert series is not None
        moves = weekly_volatility(conn, series, TODAY)
    points = np.log(paths(context)[:, LAG - 1 : LAG + 5])
    wanted = bridge_crossing(points, float(np.log(550.0)), moves.weekly, above=True)[-1]
    assert found.value == wanted
    assert found.value > values(context, [crossing()])[1]
    changes = np.diff(np.log([q.value for q in quotes_of(context)[-36:]]))
    assert moves.weekly == pytest.approx(np.sqrt(np.mean(changes**2) * 1.5 / WEEKS_A_MONTH), rel=0.02)
    assert "the spot price (bridge" in found.note
    assert "monthly means, corrected for averaging" in found.note
    assert "daily price" not in found.note


def quotes_of(context: Context) -> list[prices.Quote]:
    """Quotes of the Chinese series."""
    with context.engine.connect() as conn:
        return prices.load(conn, [BASE])


def test_a_basis_without_a_rate_leaves_out_its_rules_and_no_other(context: Context) -> None:
    rules = [crossing(1), crossing(2, currency="GBP")]
    assert list(values(context, rules)) == [1]


def test_without_a_forecast_there_is_nothing_to_judge(context: Context) -> None:
    assert values(context, [crossing(series_id="nope")]) == {}
    outside = crossing(series_id=OUTSIDE, level=80.0, currency="USD")
    assert 0 < values(context, [outside])[1] < 1
