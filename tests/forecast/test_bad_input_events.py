"""Events that cannot reach a forecast, that contradict themselves or each other, or that are there twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from forecast.errors import InputError
from forecast.events.event import Event, Stage
from forecast.pipeline import PanelRun, backtest_panel, run_panel
from tests.support.bad_input import (
    AHEAD,
    DAY,
    KNOWN,
    PAST,
    licence,
    of,
    sound,
    step,
    width,
)

RUNS: dict[str, PanelRun] = {}


def with_events(*events: Event) -> PanelRun:
    if (what := repr(events)) not in RUNS:
        RUNS[what] = run_panel(sound(), horizon=6, freq="MS", known_at=DAY, events=events)
    return RUNS[what]


def same_numbers(one: PanelRun, other: PanelRun) -> bool:
    pairs = zip(one.forecasts, other.forecasts, strict=True)
    return all(np.array_equal(a.values, b.values) and np.array_equal(a.paths, b.paths) for a, b in pairs)


@cache
def unheard() -> dict[str, Event]:
    """Events of which a forecast for dysprosium and neodymium from June 2024 to December holds nothing."""
    end = step(Stage.LIFTED, AHEAD, KNOWN)
    return {
        "before the first price": licence("E", date(2010, 2, 1), date(2010, 1, 1)),
        "beyond the horizon": licence("E", date(2031, 2, 1), KNOWN),
        "beyond the horizon, unsure": licence("E", date(2031, 2, 1), KNOWN, probability=0.5),
        "not public yet": licence("E", date(2024, 7, 20), date(2024, 7, 1)),
        "another element": licence("E", PAST, PAST, element="Tb"),
        "another element, ahead": licence("E", AHEAD, KNOWN, element="Tb", probability=0.5),
        "no element that is known": licence("E", PAST, PAST, element="Unobtainium"),
        "lifted before it takes effect": licence("E", date(2024, 10, 1), KNOWN, end),
        "lifted the day it takes effect": licence("E", AHEAD, KNOWN, end),
    }  # fmt: skip


@pytest.mark.parametrize("what", unheard())
def test_an_event_that_cannot_reach_the_forecast_changes_no_bit_and_is_not_listed(what: str) -> None:
    found = with_events(unheard()[what])
    assert same_numbers(found, with_events())
    assert all(f.events == () and f.open_events == () for f in found.forecasts)


def test_an_event_for_another_element_leaves_its_neighbours_bits_alone() -> None:
    """Ahead it moves its own element only: the panel shares nothing that has not happened."""
    found = with_events(licence("E", AHEAD, KNOWN, probability=0.5))
    dy, nd = (f for f in found.forecasts)
    np.testing.assert_array_equal(nd.values, of(with_events(), "nd").values)
    assert nd.events == ()
    assert [u.event_id for u in dy.events] == ["E"]
    assert width(dy)[-1] > width(of(with_events(), "dy"))[-1]


def test_a_measure_dated_back_acts_from_its_announcement() -> None:
    back = licence("E", date(2023, 2, 1), PAST)
    assert same_numbers(with_events(back), with_events(licence("E", PAST, PAST)))
    reading = with_events(back).effects["cn"].readings[0]
    assert (reading.on, reading.known_on) == (PAST, PAST)


def test_of_two_effective_dates_the_later_known_holds() -> None:
    moved = licence("E", date(2024, 8, 1), KNOWN, step(Stage.EFFECTIVE, AHEAD, date(2024, 5, 1)))
    assert same_numbers(with_events(moved), with_events(licence("E", AHEAD, KNOWN)))


def test_an_extension_does_not_undo_an_end() -> None:
    """Suspended and extended on one day: an extension by itself moves nothing, so the end is read."""
    ended = step(Stage.SUSPENDED, AHEAD, KNOWN)
    both = with_events(licence("E", PAST, PAST, ended, step(Stage.EXTENDED, AHEAD, KNOWN)))
    assert same_numbers(both, with_events(licence("E", PAST, PAST, ended)))
    assert {"E", "E:lifting"} == {u.event_id for u in of(both, "dy").events}


@pytest.mark.parametrize("direction", ["ease", "tighten"])
def test_events_of_one_day_are_told_as_one_opposed_or_repeated(direction: str) -> None:
    """Tightened and eased on one day, or one fact under two ids: each names the other, they move as one."""
    other = licence("F", PAST, PAST, direction=direction)
    found = with_events(licence("E", PAST, PAST), other)
    assert {u.event_id: u.joint_with for u in of(found, "dy").events} == {"E": ("F",), "F": ("E",)}
    alone = with_events(licence("E", PAST, PAST)).effects["cn"].estimates[0]
    both = found.effects["cn"].estimates
    assert sum(e.mean for e in both) == pytest.approx(alone.mean, abs=alone.sd)
    apart = np.log(found.forecasts[0].values / with_events(licence("E", PAST, PAST)).forecasts[0].values)
    assert np.abs(apart).max() < 0.02, "it does not count twice"


def test_the_same_event_twice_is_refused() -> None:
    one = licence("E", PAST, PAST)
    for call in (run_panel, lambda *a, **k: backtest_panel(*a, cutoffs=[date(2023, 1, 1)], **k)):
        with pytest.raises(InputError) as caught:
            call(sound(), horizon=3, freq="MS", events=(one, replace(one, title="again")))
        assert (caught.value.field, caught.value.found) == ("events", "E twice")


def test_a_chance_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="0 to 1"):
        step(Stage.EFFECTIVE, AHEAD, KNOWN, 1.2)
