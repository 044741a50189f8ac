"""Small events and histories for the tests of the events package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.types import Array, PriceHistory, SeriesKey

DAY = date(2026, 11, 24)


def change(stage: str, on: date, known_on: date | None = None, probability: float = 1.0) -> EventChange:
    return EventChange(stage=Stage(stage), on=on, known_on=known_on or on, probability=probability)


def event(
    event_id: str,
    announced: date,
    *,
    instrument: str = "licence",
    direction: str = "tighten",
    side: str = "both",
    elements: Mapping[str, str] | None = None,
    changes: Sequence[EventChange] = (),
    known_on: date | None = None,
    description: Mapping[str, object] | None = None,
) -> Event:
    chosen = elements or {"Dy": "covered", "Tb": "covered", "Nd": "none"}
    return Event(
        event_id=event_id,
        title=f"Event {event_id}",
        instrument=instrument,
        direction=direction,
        jurisdiction="Somewhere",
        elements={e: Coverage(c) for e, c in chosen.items()},
        market_side=MarketSide(side),
        changes=(change("announced", announced, known_on), *changes),
        description=description or {},
    )


def in_force(event_id: str, on: date, *, known_on: date | None = None, **more: object) -> Event:
    """An event that is announced and takes effect on one day."""
    return event(
        event_id,
        on,
        known_on=known_on,
        changes=[change("effective", on, known_on)],
        **more,  # type: ignore[arg-type]
    )


def history(
    element: str, y: Array, start: str = "2016-01", freq: str = "M", market: str = "cn"
) -> PriceHistory:
    periods = pd.period_range(start, periods=len(y), freq=freq)
    key = SeriesKey(unique_id=f"{element.lower()}-oxide-{market}", element=element, market=market)
    return PriceHistory(key=key, periods=periods, y=y)


def walk(n: int, seed: int, sd: float = 0.04) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(1000 * np.exp(np.cumsum(sd * rng.standard_normal(n))))
