"""Events beside a forecast: when each starts, whether it is in the forecast, and how it is marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from forecast.events.event import Event
from forecast.events.reading import read_events
from forecast.types import ON_PREMIUM, ON_PRICE
from service.dashboard.numbers import percent

#: With so few past events behind it, an effect is mostly its stated prior.
PRIOR_LED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event in the forecast. number: as on the chart, from 1. Effects are logs. on: None if not dated.

    joint_with: what it was estimated together with, as numbers of this list where it is on it.
    """

    number: int
    event_id: str
    title: str
    event_type: str
    on: date | None
    state: str
    probability: float
    effect_mean: float
    effect_low: float
    effect_high: float
    events_behind: int
    joint_with: tuple[str, ...]
    acts_on: str = ON_PRICE

    @property
    def certain(self) -> bool:
        """Has it happened?"""
        return self.state == "past"

    @property
    def on_premium(self) -> bool:
        """Is the effect one on the premium alone?"""
        return self.acts_on == ON_PREMIUM

    @property
    def prior_led(self) -> bool:
        """Is the effect mostly assumption?"""
        return self.events_behind <= PRIOR_LED

    @property
    def label(self) -> str:
        """Its number, with the probability unless it has happened."""
        return str(self.number) if self.certain else f"{self.number}: {percent(self.probability)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """An event that bears on the series and has no term of its own in this forecast (old, or within the
    premium)."""

    event_id: str
    title: str
    on: date
    state: str
    probability: float


def marks(uses: Iterable[Mapping[str, Any]], starts: Mapping[str, date]) -> tuple[Mark, ...]:
    """The events of a forecast by date, undated ones last. uses: as stored in the forecast's header."""
    ordered = sorted(uses, key=lambda u: (starts.get(u["event_id"], date.max), u["event_id"]))
    numbers = {use["event_id"]: str(at) for at, use in enumerate(ordered, 1)}
    return tuple(
        Mark(
            number=at,
            event_id=use["event_id"],
            title=use["title"],
            event_type=use["event_type"],
            on=starts.get(use["event_id"]),
            state=use["state"],
            probability=use["probability"],
            effect_mean=use["effect_mean"],
            effect_low=use["effect_low"],
            effect_high=use["effect_high"],
            events_behind=use["events_behind"],
            joint_with=tuple(sorted((numbers.get(i, i) for i in use["joint_with"]), key=_by_number)),
            acts_on=use.get("acts_on", ON_PRICE),  # a forecast of an earlier version does not say
        )
        for at, use in enumerate(ordered, 1)
    )


def timeline(
    events: Iterable[Event],
    uses: Iterable[Mapping[str, Any]],
    *,
    element: str | None,
    market: str | None,
    known_at: date,
) -> tuple[tuple[Mark, ...], tuple[Background, ...]]:
    """Events in the forecast, and the others known by `known_at` that bear on the element in that market."""
    readings = [r for r in read_events(events, market, known_at) if r.weight(element) > 0]
    used = marks(uses, {r.event_id: r.on for r in readings})
    ids = {mark.event_id for mark in used}
    return used, tuple(
        Background(event_id=r.event_id, title=r.title, on=r.on, state=r.state, probability=r.probability)
        for r in readings
        if r.event_id not in ids
    )


def _by_number(label: str) -> tuple[int, str]:
    return (int(label), "") if label.isdigit() else (10**9, label)
