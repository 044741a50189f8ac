"""Which controls put a step into a premium: facts known by a day, never a later reading of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage, known_at

CONTROL_INSTRUMENTS = ("licence", "embargo")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlStep:
    """A control that took effect for certain, or its certain end."""

    event_id: str
    title: str
    on: date
    tightens: bool


def control_steps(events: Iterable[Event], element: str | None, day: date) -> tuple[ControlStep, ...]:
    """Controls known on `day` to have taken effect on the element outside China, and their certain ends.

    A control is a licence or embargo that tightens, whose coverage of the element is "covered", on a side
    that reaches ex-China, effective by `day` with probability 1. Anything less sure is not a step here.
    """
    found = []
    for event in known_at(events, day):
        if (
            element is None
            or event.direction != "tighten"
            or event.instrument not in CONTROL_INSTRUMENTS
            or event.elements.get(element) is not Coverage.COVERED
            or event.market_side is MarketSide.CHINA
        ):
            continue
        start = _certain(event.change(Stage.EFFECTIVE), day)
        if start is None:
            continue
        found.append(ControlStep(event_id=event.event_id, title=event.title, on=start, tightens=True))
        ends = [_certain(event.change(stage), day) for stage in (Stage.SUSPENDED, Stage.LIFTED)]
        after = [end for end in ends if end is not None and end > start]
        if after:
            found.append(
                ControlStep(event_id=event.event_id, title=event.title, on=min(after), tightens=False)
            )
    return tuple(sorted(found, key=lambda s: (s.on, s.event_id, not s.tightens)))


def control_spans(steps: tuple[ControlStep, ...]) -> tuple[tuple[float, float], ...]:
    """Disjoint spans of days in which at least one control is in force; the last may never end."""
    spans: list[tuple[float, float]] = []
    for step in (s for s in steps if s.tightens):
        ends = [s.on for s in steps if s.event_id == step.event_id and not s.tightens]
        begin, end = float(step.on.toordinal()), float(ends[0].toordinal()) if ends else np.inf
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((begin, end))
    return tuple(spans)


def _certain(change: EventChange | None, day: date) -> date | None:
    """Date of a change that has happened by `day` for certain, else None."""
    return change.on if change is not None and change.probability == 1.0 and change.on <= day else None
