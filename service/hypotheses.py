"""From the checked fields of a request to a Scenario: what an event of one's own would do, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.events.event import Coverage, MarketSide
from forecast.events.scenario import (
    MOST_STARTS,
    NONE,
    EventEdit,
    Hypothesis,
    Scenario,
    Size,
    size_of,
    sizes_by_table,
)
from forecast.events.table import COVERAGE_WEIGHT, find_rule
from service import events
from service.refusals import Refusal


def read_scenario(content: Mapping[str, Any]) -> Scenario:
    """A Scenario from checked fields. Raises Refusal for an instrument or a size that cannot be used."""
    return Scenario(
        hypotheses=tuple(_hypothesis(k, h) for k, h in enumerate(content.get("hypothetical") or ())),
        edits=tuple(
            EventEdit(
                event_id=c["event_id"], kind=c["what"], probability=c.get("probability"), to=c.get("to")
            )
            for c in content.get("changes") or ()
        ),
    )


def _hypothesis(number: int, given: Mapping[str, Any]) -> Hypothesis:
    field = f"hypothetical.{number}"
    side = MarketSide(given["market_side"])
    instrument, direction = given.get("instrument"), given.get("direction")
    if (instrument is None) != (direction is None):
        raise Refusal(f"{field}.direction", direction, "instrument and direction together, or neither")
    event_type, shape, months = "of your own", given.get("shape") or "step", given.get("months")
    china, premium = NONE, NONE
    if instrument is not None and direction is not None:
        if instrument not in (*events.INSTRUMENTS, events.OTHER):
            allowed = f"one of {', '.join(events.INSTRUMENTS)}; or {events.OTHER}"
            raise Refusal(f"{field}.instrument", instrument, allowed)
        rule = find_rule(instrument, direction, side)
        china, premium = sizes_by_table(rule, side)
        event_type = rule.event_type
        if given.get("shape") is None:
            shape, months = rule.shape, months or rule.half_life_months or rule.ramp_months
    china = _size(f"{field}.china", given.get("china")) or china
    premium = _size(f"{field}.premium", given.get("premium")) or premium
    if instrument is None and china == premium == NONE:
        raise Refusal(f"{field}.china", None, "an instrument and a direction, or a strength of your own")
    if shape in ("ramp", "decaying_step") and months is None:
        raise Refusal(f"{field}.months", None, f"the months of a {shape}: its length, or its half-life")
    return Hypothesis(
        event_id=given["event_id"],
        title=given.get("title") or given["event_id"],
        event_type=event_type,
        probability=given["probability"],
        starts=_starts(field, given["on"], given.get("latest")),
        shape=shape,
        months=months,
        weights={e: COVERAGE_WEIGHT[Coverage(c)] for e, c in given["elements"].items()},
        china=china,
        premium=premium,
    )


def _size(field: str, given: Mapping[str, Any] | None) -> Size | None:
    """A stated strength as a size in logs."""
    if given is None:
        return None
    numbers = [given["median"], given["low"], given["high"]]
    if given.get("unit", "percent") == "percent":
        if not all(np.isfinite(n) and n > -100.0 for n in numbers):
            raise Refusal(field, numbers, "per cent above -100")
        numbers = [float(np.log1p(n / 100.0)) for n in numbers]
    return size_of(field, *numbers)


def _starts(field: str, on: date, latest: date | None) -> tuple[tuple[date, float], ...]:
    """One day, or days a month apart up to the latest one, each as likely as the others."""
    if latest is None or latest == on:
        return ((on, 1.0),)
    if latest < on:
        raise Refusal(f"{field}.latest", latest, f"{on}, the first day it may start, or later")
    if (latest.year - on.year) * 12 + latest.month - on.month >= MOST_STARTS:
        raise Refusal(f"{field}.latest", latest, f"within {MOST_STARTS - 1} months of {on}")
    days = [day.date() for day in pd.date_range(on, latest, freq=pd.DateOffset(months=1))]
    return tuple((day, 1.0 / len(days)) for day in days)
