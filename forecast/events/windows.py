"""Months out of the ordinary, told by what was public at the time and never by what prices then did.

news     a month into which, or shortly before which, something about the element became public
control  a month at whose end a border measure on the element was in force
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.events.event import Coverage, Event, Stage
from forecast.events.table import rule_for
from forecast.periods import last_day

NEWS_MONTHS = 3  # the month in which something became public, and the two after it
SURE = 0.5  # chance from which a step of a life-cycle counts as taken

_NAMED = (Coverage.COVERED, Coverage.PARTIAL)
_TOUCHED = (*_NAMED, Coverage.SUPPLY)
_ENDS = (Stage.SUSPENDED, Stage.LIFTED, Stage.SUPERSEDED)


def news_days(events: Iterable[Event], element: str | None) -> list[date]:
    """Days on which something became public that touches the element and has a term in the models."""
    return sorted(
        {
            change.known_on
            for event in events
            if element is not None
            and event.elements.get(element, Coverage.NONE) in _TOUCHED
            and rule_for(event).event_type != "none"
            for change in event.changes
        }
    )


def news_windows(
    events: Iterable[Event], element: str | None, cutoffs: Sequence[date], steps: Sequence[int]
) -> NDArray[np.bool_]:
    """(cutoffs, steps): did something become public after the cutoff, in that month or in the two before?

    steps: months after the cutoff's own. These are the months that a forecast of the cutoff could not know
    to be different.
    """
    ahead = np.asarray(steps)[None, :]
    at = np.array([pd.Period(day, "M").ordinal for day in cutoffs], dtype=np.int64).reshape(-1, 1)
    found = np.zeros((len(cutoffs), len(steps)), dtype=np.bool_)
    for day in news_days(events, element):
        since = at + ahead - pd.Period(day, "M").ordinal
        later = np.array([day > cutoff for cutoff in cutoffs], dtype=np.bool_).reshape(-1, 1)
        found |= later & (since >= 0) & (since < NEWS_MONTHS)
    return found


def in_control_window(events: Iterable[Event], element: str | None, month: pd.Period) -> bool:
    """Was a border measure that names the element in force at the month's end, as known by then?"""
    day = last_day(month)
    return element is not None and any(
        event.elements.get(element, Coverage.NONE) in _NAMED
        and rule_for(event).event_type == "export-barrier"
        and _in_force(event, day)
        for event in events
    )


def _in_force(event: Event, day: date) -> bool:
    known = event.known_at(day)
    if known is None:
        return False
    begins = Stage.EFFECTIVE if rule_for(event).anchor == "effective" else Stage.ANNOUNCED
    start = known.change(begins)
    if start is None or start.on > day or start.probability < SURE:
        return False
    ends = [change for stage in _ENDS if (change := known.change(stage)) is not None]
    return not any(end.on <= day and end.probability >= SURE for end in ends)
