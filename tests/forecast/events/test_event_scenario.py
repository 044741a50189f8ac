"""Scenarios: what may be asked, what is refused by name, and what a question means for one series."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from forecast.errors import InputError
from forecast.events.event import MarketSide
from forecast.events.scenario import (
    EventEdit,
    Hypothesis,
    Scenario,
    Size,
    check,
    hypothetical,
    size_of,
    sizes_by_table,
    switches,
)
from forecast.events.table import find_rule
from forecast.types import EventPart, OpenEvent, SeriesKey

ISSUED, LAST = date(2026, 11, 24), date(2028, 5, 31)
ORIGIN = pd.Period("2026-02", "M")
DY = SeriesKey(unique_id="dy-oxide-cn", element="Dy", market="cn", currency="CNY")
EU = replace(DY, unique_id="dy-oxide-eu", market="eu", currency="USD")
EXPIRY = OpenEvent(
    event_id="expiry",
    title="The suspension ends",
    event_type="export-barrier",
    state="pending",
    probability=0.15,
    starts=((date(2027, 1, 10), 1.0),),
    shape="step",
    months=None,
    dof=4.0,
    limit=3.0,
    parts=(EventPart(mean=0.0, below=0.05, above=0.05, origin=ORIGIN),),
)
CLOSURE = Hypothesis(
    event_id="closure",
    title="A mine closes",
    event_type="feed-loss",
    probability=0.4,
    starts=((date(2027, 2, 1), 1.0),),
    shape="decaying_step",
    months=4.0,
    weights={"Dy": 0.5},
    china=size_of("china", 0.4, 0.1, 0.9),
    premium=Size(mean=0.1, below=0.2, above=0.2),
)


def edit(kind: str, **more: object) -> EventEdit:
    return EventEdit(event_id="expiry", kind=kind, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scenario", "field"),
    [
        (Scenario(edits=(edit("probability", probability=1.2),)), "changes.0.probability"),
        (Scenario(hypotheses=(replace(CLOSURE, probability=-0.1),)), "hypothetical.0.probability"),
        (Scenario(edits=(replace(edit("cancelled"), event_id="no-such"),)), "changes.0.event_id"),
        (Scenario(edits=(edit("cancelled"), edit("postponed", to=date(2027, 6, 1)))), "event_id"),
        (Scenario(edits=(edit("postponed"),)), "changes.0.to"),
        (Scenario(edits=(edit("postponed", to=date(2027, 1, 1)),)), "changes.0.to"),
        (Scenario(edits=(edit("postponed", to=date(2030, 1, 1)),)), "changes.0.to"),
        (Scenario(hypotheses=(replace(CLOSURE, starts=((ISSUED, 1.0),)),)), "hypothetical.0.on"),
        (Scenario(hypotheses=(replace(CLOSURE, event_id="expiry"),)), "hypothetical.0.event_id"),
        (Scenario(hypotheses=tuple(replace(CLOSURE, event_id=f"c{k}") for k in range(7))), "events"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(scenario: Scenario, field: str) -> None:
    with pytest.raises(InputError) as caught:
        check(scenario, {"expiry": EXPIRY}, ISSUED, LAST)
    assert caught.value.field == field


def test_what_can_be_asked_is_taken() -> None:
    check(Scenario(hypotheses=(CLOSURE,), edits=(edit("probability"),)), {"expiry": EXPIRY}, ISSUED, LAST)


def test_a_stated_range_is_the_range_of_the_size() -> None:
    size = size_of("china", 0.4, 0.1, 0.9)
    tail = student.ppf(0.95, 4)
    np.testing.assert_allclose([size.mean - tail * size.below, size.mean + tail * size.above], [0.1, 0.9])
    with pytest.raises(InputError, match="low <= median <= high"):
        size_of("china", 0.4, 0.5, 0.9)
    with pytest.raises(InputError):
        size_of("china", 0.4, 0.1, float("nan"))


def test_the_table_speaks_for_both_markets() -> None:
    china, premium = sizes_by_table(find_rule("licence", "tighten"), MarketSide.BOTH)
    assert (china.mean, china.above) == (0.0, 0.05)
    assert (premium.mean, premium.above) == (0.5, 0.8)
    inside, nothing = sizes_by_table(find_rule("quota", "tighten"), MarketSide.CHINA)
    assert inside.mean == 0.03
    assert nothing == Size(mean=0.0, below=0.0, above=0.0)


def test_a_hypothesis_reaches_an_element_by_its_weight_and_a_market_by_its_parts() -> None:
    here, there = (hypothetical(CLOSURE, key, ORIGIN) for key in (DY, EU))
    assert here is not None
    assert there is not None
    assert [p.mean for p in here.parts] == [0.2]
    assert [p.mean for p in there.parts] == [0.2, 0.05]
    assert hypothetical(CLOSURE, replace(DY, element="Nd"), ORIGIN) is None
    assert hypothetical(CLOSURE, replace(DY, market=None), ORIGIN) is None


def test_switches_say_what_on_and_off_mean() -> None:
    asked = (edit("probability"), edit("cancelled"), edit("postponed", probability=0.5, to=date(2027, 6, 1)))
    meaning = {}
    for one in asked:
        found = switches(Scenario(edits=(one,)), {"expiry": EXPIRY}, (EXPIRY,), DY, ORIGIN)[0]
        assert found.on is not None
        assert found.off is not None
        meaning[one.kind] = (found.probability, found.on[1], found.off[1])
        assert (found.on[0].starts == EXPIRY.starts) == (one.kind != "postponed")
    assert meaning == {
        "probability": (0.15, 1.0, 0.0),
        "cancelled": (1.0, 0.0, 0.15),
        "postponed": (0.5, 0.15, 0.15),
    }
    untouched = switches(Scenario(edits=(edit("probability"),)), {"expiry": EXPIRY}, (), DY, ORIGIN)[0]
    assert (untouched.on, untouched.off, untouched.probability) == (None, None, 0.15)
