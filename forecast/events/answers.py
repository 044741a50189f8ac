"""What events did to one price, as answers: per event, for events that coincide, and month by month.

All of it is in logs, where actual = counterfactual + effect; `percent` and `money` say it to buyers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from forecast.events.reading import Reading
from forecast.events.table import BROAD_TYPES
from forecast.types import Array

FEW_EVENTS = 2  # a type with so few informed events is led by the table
ALL_EVENTS = "all"


@dataclass(frozen=True, slots=True)
class LogEffect:
    """A log effect with its 90 % interval."""

    mean: float
    low: float
    high: float


NO_EFFECT = LogEffect(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEffect:
    """One event and one series.

    full: at full strength, on this element; of an event ahead, if it happens. in_price: in the newest
    price; None where nothing measures it. share_in_price, share_now: of the full effect, in the month of the
    newest price and in that of `known_at`. source: "prices" (estimated from this market),
    "prices in China" (there, for one outside), "quotes" (the
    control step of a premium, one for all controls together) or "type" (what the type predicts).
    events_behind: informed events of its broad type and channel; prior_led: two or fewer. china, premium:
    the two parts of `full` outside China, None where there is none.
    """

    event_id: str
    title: str
    event_type: str
    broad_type: str
    state: str
    probability: float
    on: date
    shape: str
    half_life_months: float | None
    ramp_months: float | None
    reach: float
    full: LogEffect
    in_price: LogEffect | None
    share_in_price: float
    share_now: float
    source: str
    events_behind: int
    prior_led: bool
    joint_with: tuple[str, ...] = ()
    china: LogEffect | None = None
    premium: LogEffect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JointEffect:
    """Events that coincide, as one: their sum is known better than their shares."""

    event_ids: tuple[str, ...]
    full: LogEffect
    in_price: LogEffect | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterfactual:
    """Month by month, outside China on the days of the quotes.

    labels: ALL_EVENTS, then event ids, then ids of coinciding events joined by " + ".
    log_price: (n,), NaN without a quote. effect, low, high: (labels, n) log effects with their 90 %
    interval. The price without them is log_price - effect; low and high change places.
    """

    periods: pd.PeriodIndex
    log_price: Array
    labels: tuple[str, ...]
    effect: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesEffects:
    """Everything about one series. price: the newest, of the month `origin`, in the series' own basis.

    in_price: all events together that prices or quotes speak of, in that price.
    """

    series_id: str
    known_at: date
    origin: pd.Period
    price: float
    events: tuple[EventEffect, ...]
    joint: tuple[JointEffect, ...]
    in_price: LogEffect
    counterfactual: Counterfactual


def percent(log_effect: float) -> float:
    """Per cent of the price without the effect."""
    return float(100 * np.expm1(log_effect))


def money(log_effect: float, price: float) -> float:
    """Part of `price` that is the effect: the price less what it would be without, in the price's basis."""
    return float(-price * np.expm1(-log_effect))


def without(log_price: Array, effect: Array) -> tuple[Array, Array]:
    """(counterfactual, effect), in logs, such that their sum is the actual price to the last bit.

    The effect is rounded to what the difference of the two prices holds: it moves by 1e-16 or so.
    """
    counterfactual = log_price - effect
    return counterfactual, log_price - counterfactual


def event_effect(
    reading: Reading,
    *,
    reach: float,
    full: LogEffect,
    in_price: LogEffect | None,
    share_in_price: float,
    share_now: float,
    source: str,
    events_behind: int,
    joint_with: tuple[str, ...],
    china: LogEffect | None = None,
    premium: LogEffect | None = None,
) -> EventEffect:
    rule = reading.rule
    return EventEffect(
        event_id=reading.event_id,
        title=reading.title,
        event_type=rule.event_type,
        broad_type=BROAD_TYPES[rule.event_type],
        state=reading.state,
        probability=reading.probability,
        on=reading.on,
        shape=rule.shape,
        half_life_months=rule.half_life_months,
        ramp_months=rule.ramp_months,
        reach=reach,
        full=full,
        in_price=in_price,
        share_in_price=share_in_price,
        share_now=share_now,
        source=source,
        events_behind=events_behind,
        prior_led=events_behind <= FEW_EVENTS,
        joint_with=joint_with,
        china=china,
        premium=premium,
    )
