"""Dummies: what share of an event's full effect the mean of each period holds.

Each shape is a value per calendar day from `on` on, and a dummy is the exact mean of those values over
the days of the period: a step on the 4th of a 30-day month is 27/30. Past and future are one function.
Periods are months ("M") or weeks ("W-FRI" ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from forecast.errors import InputError
from forecast.events.event import Event
from forecast.events.reading import Reading, read_events
from forecast.events.table import EVENT_TYPES, EventRule
from forecast.types import Array

DAYS_A_MONTH = 365.25 / 12
PULSE_DAYS = 28
EPOCH = date(1970, 1, 1).toordinal()


def step(periods: pd.PeriodIndex, on: date) -> Array:
    """0 before `on`, 1 from that day on; (n,) in [0, 1]."""
    return _mean(periods, [on], lambda days: days)[:, 0]


def pulse(periods: pd.PeriodIndex, on: date, days: int = PULSE_DAYS) -> Array:
    """1 for `days` days from `on`, else 0; (n,) in [0, 1]."""
    _positive("days", days)
    return _mean(periods, [on], lambda n: np.minimum(n, days))[:, 0]


def ramp(periods: pd.PeriodIndex, on: date, months: float) -> Array:
    """Rises by equal daily parts from `on`, is 1 after `months` (rounded to whole days) and stays."""
    _positive("months", months)
    return _ramps(periods, [on], np.array([months]))[:, 0]


def decaying_step(periods: pd.PeriodIndex, on: date, half_life_months: float) -> Array:
    """1 on the day `on`, halved every `half_life_months`; (n,) in [0, 1]."""
    _positive("half_life_months", half_life_months)
    return _decays(periods, [on], np.array([half_life_months]))[:, 0]


def columns(readings: Sequence[Reading], periods: pd.PeriodIndex) -> Array:
    """Dummies of the readings by the shapes of their rows, (n, k), before any element's weight."""
    out = np.empty((len(periods), len(readings)))
    for shape in {r.rule.shape for r in readings}:
        at = [k for k, r in enumerate(readings) if r.rule.shape == shape]
        days = [readings[k].on for k in at]
        if shape == "ramp":
            out[:, at] = _ramps(periods, days, np.array([readings[k].rule.ramp_months for k in at], float))
        elif shape == "decaying_step":
            lives = np.array([readings[k].rule.half_life_months for k in at], float)
            out[:, at] = _decays(periods, days, lives)
        else:
            out[:, at] = _mean(periods, days, partial(np.minimum, PULSE_DAYS if shape == "pulse" else np.inf))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDesign:
    """The events that touch one element in one market. matrix: (n, k) dummies times the element's weight.

    weights, probabilities: (k,); states, rules and on (the start) by column, ordered by start.
    """

    event_ids: tuple[str, ...]
    matrix: Array
    weights: Array
    probabilities: Array
    states: tuple[str, ...]
    rules: tuple[EventRule, ...]
    on: tuple[date, ...]


def design(
    events: Iterable[Event],
    periods: pd.PeriodIndex,
    element: str | None,
    market: str | None,
    known_at: date,
) -> EventDesign:
    """Dummies of every event known at the end of `known_at` that touches the element in the market.

    No element or no market: no columns. Events that are not certain have columns too, marked by `states`.
    """
    readings = [r for r in read_events(events, market, known_at) if r.weight(element) > 0]
    weights = np.array([r.weight(element) for r in readings], dtype=np.float64)
    return EventDesign(
        event_ids=tuple(r.event_id for r in readings),
        matrix=columns(readings, periods) * weights,
        weights=weights,
        probabilities=np.array([r.probability for r in readings], dtype=np.float64),
        states=tuple(r.state for r in readings),
        rules=tuple(r.rule for r in readings),
        on=tuple(r.on for r in readings),
    )


def design_by_type(
    events: Iterable[Event],
    periods: pd.PeriodIndex,
    element: str | None,
    market: str | None,
    known_at: date,
) -> tuple[tuple[str, ...], Array]:
    """Regressors for models of their own: (types, (n, k)), one column a type, in the table's order.

    A column sums the dummies by probability; an uncertain event counts only in periods after `known_at`.
    Types that are 0 in every period up to `known_at` are left out: nothing could be learnt of them. So are
    spill-overs, whose prior is too tight for a free coefficient.
    """
    found = read_events(events, market, known_at)
    readings = [r for r in found if r.weight(element) > 0 and not r.spill]
    matrix = columns(readings, periods)
    past = first_days(periods) <= known_at.toordinal()
    names, out = [], []
    for name in EVENT_TYPES:
        total = np.zeros(len(periods))
        for k, reading in enumerate(readings):
            if reading.rule.event_type == name:
                column = reading.weight(element) * reading.probability * matrix[:, k]
                total += column if reading.certain else np.where(past, 0.0, column)
        if total[past].any():
            names.append(name)
            out.append(total)
    return tuple(names), np.array(out).reshape(len(out), len(periods)).T


def first_days(periods: pd.PeriodIndex) -> Array:
    """Ordinal of the first day of each period, (n,)."""
    return _spans(periods)[0]


def _ramps(periods: pd.PeriodIndex, on: Sequence[date], months: Array) -> Array:
    lengths = np.maximum(np.round(months * DAYS_A_MONTH), 1)

    def total(n: Array) -> Array:
        rising = np.minimum(n, lengths)
        return np.asarray(rising * (rising + 1) / (2 * lengths) + (n - rising))

    return _mean(periods, on, total)


def _decays(periods: pd.PeriodIndex, on: Sequence[date], half_lives: Array) -> Array:
    rates = np.log(2) / (half_lives * DAYS_A_MONTH)
    return _mean(periods, on, lambda n: np.asarray(np.expm1(-rates * n) / np.expm1(-rates)))


def _mean(periods: pd.PeriodIndex, on: Sequence[date], total: Callable[[Array], Array]) -> Array:
    """Mean over each period's days, (n, k); total(n) is the sum of the first n daily values from `on`."""
    first, last = (days[:, None] for days in _spans(periods))
    start = np.array([day.toordinal() for day in on], dtype=np.float64)
    before, through = np.maximum(first - start, 0.0), np.maximum(last + 1 - start, 0.0)
    return np.asarray((total(through) - total(before)) / (last + 1 - first), dtype=np.float64)


def _spans(periods: pd.PeriodIndex) -> tuple[Array, Array]:
    """First and last day of each period as ordinals."""
    return _cached_spans(periods.freqstr, tuple(periods.asi8.tolist()))


@lru_cache(maxsize=512)
def _cached_spans(freq: str, ordinals: tuple[int, ...]) -> tuple[Array, Array]:
    # pandas needs a tenth of a millisecond for this, and the same calendars come back at every cutoff
    base = pd.Period(ordinal=min(ordinals, default=0), freq=freq)
    reach = pd.period_range(base, periods=max(ordinals, default=0) - base.ordinal + 2, freq=freq)
    stamps = reach.to_timestamp(how="start").to_numpy().astype("datetime64[D]").astype(np.int64)
    days = np.asarray(stamps + EPOCH, dtype=np.float64)
    at = np.array(ordinals, dtype=np.intp) - base.ordinal
    first, after = days[at], days[at + 1]
    last = after - 1
    first.setflags(write=False)
    last.setflags(write=False)
    return first, last


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(name, value, "a number above 0")
