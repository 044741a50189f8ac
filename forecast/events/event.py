"""An event and its life-cycle: what was public about it, and from when.

Nothing here is written with hindsight: an event carries changes, each with the day by which it was
public, and `known_at` returns the event as a reader of that day knew it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from forecast.errors import InputError


class Stage(StrEnum):
    """Life-cycle of an event."""

    ANNOUNCED = "announced"
    EFFECTIVE = "effective"
    SUSPENDED = "suspended"
    EXTENDED = "extended"
    LIFTED = "lifted"
    SUPERSEDED = "superseded"


class Coverage(StrEnum):
    """How an event touches an element."""

    COVERED = "covered"
    PARTIAL = "partial"
    SUPPLY = "supply"
    TECHNOLOGY = "technology"
    SYMPATHY = "sympathy"
    NONE = "none"


class MarketSide(StrEnum):
    """Where an event acts."""

    CHINA = "china-domestic"
    EX_CHINA = "ex-china"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChange:
    """One step of the life-cycle: `stage` holds from `on`, public since `known_on`.

    probability: chance that the step happens (or happened), in [0, 1]; 1 for a confirmed fact.
    A later change of the same stage replaces an earlier one from its own `known_on`.
    """

    stage: Stage
    on: date
    known_on: date
    probability: float = 1.0
    note: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise InputError("probability", self.probability, "a number from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A dated policy or supply fact.

    elements: element -> coverage. changes: sorted by known_on, the first is ANNOUNCED.
    description: hindsight and free text (reaction, reason ...); shown, never a model input.
    """

    event_id: str
    title: str
    instrument: str
    direction: str  # "tighten" or "ease"
    jurisdiction: str
    elements: Mapping[str, Coverage]
    market_side: MarketSide
    changes: tuple[EventChange, ...]
    forms: tuple[str, ...] = ()
    sources: tuple[Mapping[str, str | None], ...] = ()
    confidence: str = "medium"
    description: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.changes:
            raise InputError(f"{self.event_id}.changes", "none", "at least the announcement")
        ordered = tuple(sorted(self.changes, key=lambda c: (c.known_on, list(Stage).index(c.stage))))
        if ordered[0].stage is not Stage.ANNOUNCED:
            raise InputError(
                f"{self.event_id}.changes", ordered[0].stage.value, "the announcement as the first known"
            )
        if self.direction not in ("tighten", "ease"):
            raise InputError(f"{self.event_id}.direction", self.direction, "tighten or ease")
        object.__setattr__(self, "changes", ordered)

    @property
    def known_on(self) -> date:
        """Day by which the event was public."""
        return self.changes[0].known_on

    def known_at(self, day: date) -> Event | None:
        """The event as known at the end of `day`; None if it was not public yet."""
        known = tuple(c for c in self.changes if c.known_on <= day)
        if len(known) == len(self.changes):
            return self
        return replace(self, changes=known) if known else None

    def change(self, stage: Stage) -> EventChange | None:
        """The latest known change of that stage, or None."""
        found = [c for c in self.changes if c.stage is stage]
        return found[-1] if found else None

    def covers(self, element: str | None) -> bool:
        """Does it touch the element at all?"""
        return element is not None and self.elements.get(element, Coverage.NONE) is not Coverage.NONE


def known_at(events: Iterable[Event], day: date) -> tuple[Event, ...]:
    """All events public by the end of `day`, as they were known then, oldest first."""
    views = (e.known_at(day) for e in events)
    return tuple(sorted((v for v in views if v is not None), key=lambda e: (e.known_on, e.event_id)))
