"""Effects, scenarios, changes and premiums on bad histories: finite, adding up, and labelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecast.distribution.branches import Standing, ask
from forecast.distribution.shocks import shared_levels
from forecast.errors import InputError
from forecast.events.home import series_effects
from forecast.events.scenario import EventEdit, Scenario, switches
from forecast.pipeline import PanelRun, run_panel
from forecast.revision import Basis, explain
from forecast.types import Relation
from tests.support.bad_input import (
    AHEAD,
    BAD,
    DAY,
    KNOWN,
    MEDIAN,
    Rows,
    check_numbers,
    licence,
    of,
    walk,
)

PANEL_EVENTS = (
    licence("PAST", date(2022, 3, 1), date(2022, 3, 1)),
    licence("NEXT", AHEAD, KNOWN, probability=0.4),
)
ALL = {"a": "constant", "b": "two points", "c": "a gap of two years", "d": "ten times the level"}


@cache
def troubled(day: date) -> tuple[PanelRun, Rows]:
    """Dysprosium four times with something wrong, once sound; of the two points one came after April."""
    rows = pd.concat([walk("ok", 4, "Dy"), *(BAD[k](walk(n, 3, "Dy")) for n, k in ALL.items())])
    rows = pd.concat([rows, walk("b", 3, "Dy").iloc[-4:-2]], ignore_index=True)
    return run_panel(rows, horizon=6, freq="MS", known_at=day, events=PANEL_EVENTS), rows


@pytest.mark.parametrize("name", ["ok", *ALL])
def test_effects_on_bad_histories_are_finite_and_add_up(name: str) -> None:
    run, _ = troubled(DAY)
    history = next(h for h in run.histories if h.key.unique_id == name)
    found = series_effects(run.effects["cn"], history)
    assert [e.event_id for e in found.events] == ["PAST", "NEXT"]
    for effect in found.events:
        assert np.isfinite([effect.full.mean, effect.full.low, effect.full.high]).all()
        assert effect.full.low < effect.full.mean < effect.full.high
    assert np.isfinite(found.counterfactual.effect).all()
    assert np.abs(found.counterfactual.effect).max() < 0.5, "a tenfold slip is not the event's doing"


@pytest.mark.parametrize("name", ["ok", *ALL])
def test_scenarios_on_bad_histories_recombine(name: str) -> None:
    made = of(troubled(DAY)[0], name)
    event = made.open_events[0]
    stated = {event.event_id: event}
    edits = Scenario(edits=(EventEdit(event_id="NEXT", kind="probability", probability=0.8),))
    standing = Standing(
        final=np.log(made.values),
        base=made.base_quantiles,
        base_paths=made.base_paths.astype(np.float64),
        lag=made.lag,
        periods=made.periods,
        events=made.open_events,
        levels=shared_levels(stated, len(made.paths), 0),
        seed=0,
    )
    questions = switches(edits, stated, made.open_events, made.key, made.origin)
    answer = ask(standing, questions, np.log([made.last_price * 1.1]))
    assert sum(b.probability for b in answer.branches) == pytest.approx(1.0)
    mixed = sum(b.probability * b.above for b in answer.branches)
    np.testing.assert_allclose(mixed, answer.mixture.above, atol=1e-9)
    for outcome in (answer.mixture, *answer.branches):
        assert np.isfinite(outcome.quantiles).all()
        assert (np.diff(outcome.quantiles, axis=1) >= 0).all()


def basis(day: date) -> Basis:
    run, rows = troubled(day)
    assert run.parameters is not None
    return Basis(
        history=rows,
        fx=None,
        events=PANEL_EVENTS,
        day=day,
        ends={f.key.unique_id: f.periods[-1] for f in run.forecasts},
        parameters=run.parameters,
        paths={f.key.unique_id: (f.origin.ordinal, f.base_paths) for f in run.forecasts},
        seed=0,
    )


@pytest.mark.parametrize("name", ["ok", *ALL])
def test_changes_of_bad_histories_are_taken_apart(name: str) -> None:
    """From two quotes to four, across ten times the level, and of a price that never moved."""
    old, new = date(2024, 4, 30), DAY
    found = explain(basis(old), basis(new), name, relations=(), freq="MS", horizon=6)
    np.testing.assert_allclose(sum(found.parts.values()), found.new - found.old, rtol=0, atol=1e-9)
    for run, logs in ((troubled(old)[0], found.old), (troubled(new)[0], found.new)):
        made = of(run, name)
        median = pd.Series(np.log(made.values[:, MEDIAN]), index=made.periods).loc[found.periods]
        np.testing.assert_allclose(logs, median, rtol=0, atol=1e-9)


def test_a_change_to_a_series_that_one_run_lacks_is_refused() -> None:
    old, new = basis(date(2024, 4, 30)), basis(DAY)
    less = {n: c for n, c in old.parameters.choices.items() if n != "ok"}
    old = replace(old, parameters=replace(old.parameters, choices=less))
    with pytest.raises(InputError, match="no stored parameters"):
        explain(old, new, "ok", relations=(), freq="MS", horizon=6)


def europe(*y: float) -> Rows:
    days = pd.to_datetime(["2023-11-20", "2024-02-10", "2024-05-15"])[: len(y)]
    return pd.DataFrame(
        {"unique_id": "dy-eu", "ds": days, "y": y, "element": "Dy", "market": "eu", "currency": "USD"}
    )


def premium(base: Rows, quotes: Rows) -> PanelRun:
    months = pd.date_range("2018-01-01", "2024-06-01", freq="MS")
    wiggle = 1.0 + 0.001 * np.sin(np.arange(len(months)))
    return run_panel(
        pd.concat([base, walk("nd", 2), quotes], ignore_index=True),
        horizon=6,
        freq="MS",
        known_at=DAY,
        relations=(Relation(target="dy-eu", base="dy"),),
        fx=pd.DataFrame({"month": months, "CNY": 7.0 * wiggle, "EUR": 0.9 * wiggle}),
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a gap of two years", "In dy: no price from 2021-01 to 2022-12"),
        ("ten times the level", "In dy: a slip of unit, currency or basis? 2022-03 ("),
        ("two points", "No Chinese price was known for the time of"),
    ],
)
def test_outside_china_what_is_wrong_with_the_chinese_price_is_said_too(kind: str, said: str) -> None:
    run = premium(BAD[kind](walk("dy", 1)), europe(40.0, 42.0, 41.0))
    assert not run.failures
    found = of(run, "dy-eu")
    check_numbers(found)
    assert any(c.startswith(said) for c in found.caveats)


@pytest.mark.parametrize(
    ("quotes", "said"),
    [
        (europe(41.0), "Prior-led: 1 quotes cannot carry a premium"),
        (europe(40.0, 42.0, 410.0), "a slip of unit, currency or basis? 2024-05-15 (9.76 times the price"),
    ],
)
def test_bad_quotes_outside_china_are_labelled(quotes: Rows, said: str) -> None:
    found = of(premium(walk("dy", 1), quotes), "dy-eu")
    check_numbers(found)
    assert any(c.startswith(said) for c in found.caveats)


def test_missing_quotes_outside_china_lengthen_the_lag() -> None:
    given, left_out = (premium(walk("dy", 1), q) for q in (europe(40.0, 42.0, np.nan), europe(40.0, 42.0)))
    assert not given.failures
    assert (str(of(given, "dy-eu").origin), of(given, "dy-eu").lag) == ("2024-02", 4)
    np.testing.assert_array_equal(of(given, "dy-eu").values, of(left_out, "dy-eu").values)


def test_outside_china_what_cannot_be_forecast_is_reported_with_its_reason() -> None:
    run = premium(walk("dy", 1).tail(1), europe(40.0, 42.0, 41.0))
    assert dict(run.failures)["dy"] == "one quote is no history: at least 2 are needed"
    assert "allowed: a Chinese series with a forecast" in dict(run.failures)["dy-eu"]
    none = premium(walk("dy", 1), europe(np.nan, np.nan))
    assert "no quote by then" in dict(none.failures)["dy-eu"]
    older = premium(walk("dy", 1).tail(3), europe(40.0))
    assert "newest quote in 2023-11" in dict(older.failures)["dy-eu"]
    assert "before which there is no price of dy" in dict(older.failures)["dy-eu"]
    twice = pd.concat([europe(40.0, 42.0, 41.0), europe(40.0)])
    with pytest.raises(InputError, match="dy-eu 2023-11-20 twice"):
        premium(walk("dy", 1), twice)
