"""A change of forecast taken apart: real forecasts at both ends, and each cause where it belongs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecast.errors import InputError
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.models.stored import from_plain, to_plain
from forecast.parameters import KEPT
from forecast.pipeline import PanelRun, run_panel
from forecast.revision import PARTS, Basis, Change, explain
from forecast.types import Relation

EUROPE = Relation(target="dy-eu", base="dy")
OLD, NEW = date(2024, 5, 31), date(2024, 7, 31)


def prices(months: int, momentum: float = 0.9) -> pd.DataFrame:
    """Three metals with strong momentum, so that the combination is served; the same walk for any length."""
    frames = []
    for i, name in enumerate(("dy", "nd", "tb")):
        e = np.random.default_rng(i).standard_normal(131) * 0.04
        y = 100.0 * (i + 1) * np.exp(np.cumsum(e[1:] + momentum * e[:-1]))[:months]
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2015-01-01", periods=months, freq="MS"),
                    "y": y,
                    "element": name.title(),
                    "market": "cn",
                    "currency": "CNY",
                }
            )
        )
    europe = pd.DataFrame(
        {
            "unique_id": "dy-eu",
            "ds": pd.to_datetime(["2023-11-20", "2024-02-10", "2024-05-15"]),
            "y": [30.0, 31.0, 33.0],
            "element": "Dy",
            "market": "eu",
            "currency": "USD",
        }
    )
    return pd.concat([*frames, europe], ignore_index=True)


def rates(months: int) -> pd.DataFrame:
    walk = np.random.default_rng(9).standard_normal((120, 2)).cumsum(axis=0)[:months] * 0.01
    return pd.DataFrame(
        {
            "month": pd.date_range("2015-01-01", periods=months, freq="MS"),
            "CNY": 7.0 * np.exp(walk[:, 0]),
            "EUR": 0.9 * np.exp(walk[:, 1]),
        }
    )


def licence(on: date, known_on: date, probability: float, name: str) -> Event:
    return Event(
        event_id=name,
        title=name,
        instrument="licence",
        direction="tighten",
        jurisdiction="China",
        elements={"Dy": Coverage.COVERED},
        market_side=MarketSide.BOTH,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=known_on, known_on=known_on),
            EventChange(stage=Stage.EFFECTIVE, on=on, known_on=known_on, probability=probability),
        ),
    )


PAST = licence(date(2021, 3, 1), date(2021, 3, 1), 1.0, "PAST")
AHEAD = licence(date(2024, 9, 1), date(2024, 4, 1), 0.5, "AHEAD")


def issue(
    day: date, history: pd.DataFrame, fx: pd.DataFrame, events: tuple[Event, ...]
) -> tuple[PanelRun, Basis]:
    run = run_panel(
        history, horizon=6, freq="MS", known_at=day, events=events, relations=(EUROPE,), fx=fx, seed=4
    )
    assert run.parameters is not None
    assert not run.failures
    return run, Basis(
        history=history,
        fx=fx,
        events=events,
        day=day,
        ends={f.key.unique_id: f.periods[-1] for f in run.forecasts},
        parameters=run.parameters,
        paths={f.key.unique_id: (f.origin.ordinal, f.base_paths) for f in run.forecasts},
        seed=4,
    )


@cache
def first() -> tuple[PanelRun, Basis]:
    return issue(OLD, prices(113), rates(112), (PAST, AHEAD))


@cache
def second() -> tuple[PanelRun, Basis]:
    """Two months later: new quotes and rates, one correction, one event likelier and one new."""
    history = prices(115)
    at = (history["unique_id"] == "dy") & (history["ds"] == "2024-03-01")
    history.loc[at, "y"] *= 1.04
    likelier = replace(
        AHEAD,
        changes=(
            *AHEAD.changes,
            EventChange(
                stage=Stage.EFFECTIVE, on=date(2024, 9, 1), known_on=date(2024, 7, 1), probability=0.9
            ),
        ),
    )
    new = licence(date(2024, 10, 15), date(2024, 7, 5), 0.4, "NEW")
    return issue(NEW, history, rates(114), (PAST, likelier, new))


def change(old: Basis, new: Basis, series: str) -> Change:
    return explain(old, new, series, relations=(EUROPE,), freq="MS", horizon=6)


def medians(run: PanelRun, series: str, periods: pd.PeriodIndex) -> np.ndarray:
    found = next(f for f in run.forecasts if f.key.unique_id == series)
    return pd.Series(np.log(found.values[:, 10]), index=found.periods).loc[periods].to_numpy()


@pytest.mark.parametrize("series", ["dy", "nd", "tb", "dy-eu"])
def test_the_ends_are_the_forecasts_issued_and_the_parts_sum_to_the_change(series: str) -> None:
    (old, before), (new, after) = first(), second()
    found = change(before, after, series)
    assert tuple(found.parts) == PARTS
    # six months from May and six from July; in Europe the newest quote, and so the nowcast, is older
    assert len(found.periods) == (6 if series == "dy-eu" else 4)
    np.testing.assert_allclose(found.old, medians(old, series, found.periods), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.new, medians(new, series, found.periods), rtol=0, atol=1e-9)
    np.testing.assert_allclose(sum(found.parts.values()), found.new - found.old, rtol=0, atol=1e-9)


def test_the_combination_is_served_so_that_every_model_is_issued_again() -> None:
    for run, _ in (first(), second()):
        champions = {f.key.unique_id: f.champion for f in run.forecasts}
        assert champions["dy"] == champions["nd"] == "combination"


def test_a_run_that_serves_the_random_walk_can_still_issue_what_the_older_one_chose() -> None:
    _, before = first()
    run, after = issue(NEW, prices(115, momentum=-0.9), rates(114), (PAST, AHEAD))
    assert {f.champion for f in run.forecasts} == {"rw", "premium"}
    for series in ("dy", "dy-eu"):
        found = change(before, after, series)
        np.testing.assert_allclose(found.new, medians(run, series, found.periods), rtol=0, atol=1e-9)
        np.testing.assert_allclose(sum(found.parts.values()), found.new - found.old, rtol=0, atol=1e-9)
        assert np.abs(found.parts["model choice"]).max() > 1e-3


def test_each_cause_moves_its_own_part_and_no_other() -> None:
    _, before = first()
    _, after = second()
    assert before.fx is not None

    def moved(new: Basis, series: str = "dy") -> set[str]:
        found = change(before, new, series)
        return {name for name, part in found.parts.items() if np.abs(part).max() > 1e-9}

    assert moved(before) == set()
    correction = before.history.copy()
    correction.loc[(correction["unique_id"] == "dy") & (correction["ds"] == "2024-04-01"), "y"] *= 1.05
    assert moved(replace(before, history=correction)) == {"revised data"}
    assert moved(replace(before, history=prices(114))) == set(), "June is not known in May"
    assert moved(replace(before, events=(PAST,))) == {"events"}
    assert moved(replace(before, events=(PAST,)), "nd") == set(), "the event does not touch neodymium"
    assert before.parameters.choices["dy"].champion == "combination"
    walk = {"dy": replace(before.parameters.choices["dy"], champion="rw", weights={"rw": np.ones(6)})}
    chosen = replace(before.parameters, choices={**before.parameters.choices, **walk})
    assert moved(replace(before, parameters=chosen)) == {"model choice"}
    assert moved(replace(before, parameters=after.parameters, paths=after.paths)) <= {
        "parameters",
        "model choice",
    }
    dearer = before.fx.assign(CNY=before.fx["CNY"] * 1.02)
    assert moved(replace(before, fx=dearer), "dy-eu") == {"revised data"}


def test_a_likelier_control_raises_the_price_through_the_part_events() -> None:
    _, before = first()
    _, after = second()
    found = change(before, after, "dy-eu")
    assert found.parts["events"][-1] > 0.05


def test_parameters_survive_json() -> None:
    _, before = first()
    _, after = second()
    kept = json.loads(
        json.dumps(
            to_plain(
                {
                    "series": before.parameters.series,
                    "choices": before.parameters.choices,
                    "premiums": before.parameters.premiums,
                }
            ),
            allow_nan=False,
        )
    )
    again = replace(before, parameters=replace(before.parameters, **from_plain(kept, KEPT)))
    for series in ("dy", "dy-eu"):
        np.testing.assert_array_equal(change(before, after, series).old, change(again, after, series).old)


def test_runs_without_a_common_month_are_refused() -> None:
    _, before = first()
    late = replace(before, day=date(2026, 5, 31), ends={k: p + 24 for k, p in before.ends.items()})
    with pytest.raises(InputError, match="share a month"):
        explain(
            replace(before, ends={"nd": pd.Period("2024-06", "M")}),
            replace(late, history=prices(130)),
            "nd",
            relations=(EUROPE,),
            freq="MS",
            horizon=6,
        )
