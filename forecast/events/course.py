"""The course of open events: how far each moves the log price of a series at each step, if it happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from forecast.events.dummies import decaying_step, pulse, ramp, step
from forecast.types import Array, OpenEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A log effect at each step, for each day on which it may start. name: whose draws it takes.

    It is location + (below if t < 0 else above) * t for a Student-t with `dof` that ends at +-limit; below
    and above are signed, as a fading event takes back what it gave. shares: (starts,), sum 1; the rest:
    (starts, steps).
    """

    name: str
    shares: Array
    location: Array
    below: Array
    above: Array
    dof: float
    limit: float

    @property
    def moved(self) -> Array:
        """Which steps it moves at all, (steps,) of truth values."""
        touched = (self.location != 0.0) | (self.below != 0.0) | (self.above != 0.0)
        return np.asarray(touched.any(axis=0))


def dummy(shape: str, months: float | None, periods: pd.PeriodIndex, on: date) -> Array:
    """Share of the full effect in the mean of each period, (n,): the dummy of one shape."""
    if shape == "pulse":
        return pulse(periods, on)
    if shape == "step" or months is None:
        return step(periods, on)
    return ramp(periods, on, months) if shape == "ramp" else decaying_step(periods, on, months)


def course(event: OpenEvent, periods: pd.PeriodIndex) -> Course:
    """What `event` adds at each of `periods`, given that it happens.

    A part counts from its origin on, by how far the dummy has moved since. Parts have independent sizes:
    means add, scales add in squares.
    """
    steps = len(periods)
    origins = np.array([p.origin.ordinal for p in event.parts])
    ordinals = np.concatenate([origins, periods.asi8])
    reach = pd.PeriodIndex.from_ordinals(ordinals, freq=periods.freq)  # type: ignore[attr-defined]
    ahead = periods.asi8[None, :] > origins[:, None]
    location, below, above = (np.zeros((len(event.starts), steps)) for _ in range(3))
    for d, (on, _) in enumerate(event.starts):
        full = dummy(event.shape, event.months, reach, on)
        moves = np.where(ahead, full[len(origins) :] - full[: len(origins), None], 0.0)
        sign = np.where(moves.sum(axis=0) < 0.0, -1.0, 1.0)
        sizes = np.array([[p.mean, p.below, p.above] for p in event.parts])
        location[d] = sizes[:, 0] @ moves
        below[d] = sign * np.sqrt(sizes[:, 1] ** 2 @ moves**2)
        above[d] = sign * np.sqrt(sizes[:, 2] ** 2 @ moves**2)
    return Course(
        name=event.event_id,
        shares=np.array([share for _, share in event.starts]),
        location=location,
        below=below,
        above=above,
        dof=event.dof,
        limit=event.limit,
    )


def courses(events: Sequence[OpenEvent], periods: pd.PeriodIndex) -> tuple[Course, ...]:
    """The course of each."""
    return tuple(course(event, periods) for event in events)
