"""From a baseline to the headline: what past events still do, and what open ones may do, mixed in exactly.

    baseline --(past events, as certain as their posterior)--> base --(open events)--> headline

The first mixture gives the price if no open event happens. Both are exact (mixture), so that a headline can
be made again from the same parts to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.distribution.mixture import mix
from forecast.events.course import Course, courses
from forecast.events.dummies import columns
from forecast.events.effects import LARGEST_DRAW, POSTERIOR_DOF, EffectsFit, EventEstimate
from forecast.events.reading import Reading
from forecast.types import Array, EventPart, OpenEvent, SeriesKey

LARGEST_LOG = 30.0  # exp of it is still a number; no price gets there
PAST = "past events"  # name of their draws
PAST_LIMIT = 10.0  # scales at which the posterior of past effects ends: 1e-5 is beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTerms:
    """What events do to one series from its origin on. past: for certain; courses: of the open events."""

    past: tuple[Course, ...]
    open_events: tuple[OpenEvent, ...]
    courses: tuple[Course, ...]

    def base(self, baseline: Array) -> Array:
        """Log quantiles (steps, 21) if no open event happens, of those of the baseline."""
        return np.minimum(mix(baseline, self.past, [1.0] * len(self.past)), LARGEST_LOG)

    def mixed(self, base: Array) -> Array:
        """Log quantiles (steps, 21) with the open events at their probabilities."""
        chances = [e.probability for e in self.open_events]
        return np.minimum(mix(base, self.courses, chances), LARGEST_LOG)


def headline(
    baseline: Array, fit: EffectsFit | None, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex
) -> Array:
    """Final log quantiles (steps, 21) from those of a baseline anchored at the last price, and the events.

    No random number is drawn: the same arguments give the same numbers.
    """
    terms = event_terms(fit, key, origin, periods)
    return terms.mixed(terms.base(baseline))


def event_terms(
    fit: EffectsFit | None, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex
) -> EventTerms:
    """The events of `fit` that move the price of a series after `origin`; none without a fit."""
    if fit is None:
        return EventTerms(past=(), open_events=(), courses=())
    found = open_events(fit, key, origin, periods)
    return EventTerms(
        past=past_courses(fit, key, origin, periods), open_events=found, courses=courses(found, periods)
    )


def past_courses(
    fit: EffectsFit, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex
) -> tuple[Course, ...]:
    """How events that have started move the price on from `origin`.

    Those that prices speak of are one term: their posterior is jointly a Student-t, and so is what they do at
    a step. One that started after the last quote is a term of its own, as large as its type predicts.
    """
    moves = _moves(fit, key, origin, periods)
    known = [k for k in _moving(fit, moves) if fit.positions[k] >= 0]
    terms = []
    if known:
        means = np.array([fit.estimates[k].mean for k in known])
        rows = moves[:, known]
        spread = np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance(fit, known), rows))
        terms.append(_certain(PAST, rows @ means, spread, POSTERIOR_DOF, PAST_LIMIT))
    for k in _moving(fit, moves):
        if fit.readings[k].certain and fit.positions[k] < 0:
            known_as = fit.estimates[k]
            course = moves[:, k]
            name = known_as.reading.event_id
            terms.append(
                _certain(name, known_as.mean * course, known_as.sd * course, known_as.dof, LARGEST_DRAW)
            )
    return tuple(terms)


def open_events(
    fit: EffectsFit, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex
) -> tuple[OpenEvent, ...]:
    """The events of `fit` that may still happen, or may have, and would move the price, by start and id."""
    moves = _moves(fit, key, origin, periods)
    return tuple(
        open_event(fit.readings[k], fit.estimates[k], key.element, origin)
        for k in _moving(fit, moves)
        if not fit.readings[k].certain
    )


def open_event(reading: Reading, size: EventEstimate, element: str | None, origin: pd.Period) -> OpenEvent:
    """A reading as a term of one series, of the size that its type predicts."""
    weight, rule = reading.weight(element), reading.rule
    mean, sd = size.mean, size.sd
    return OpenEvent(
        event_id=reading.event_id,
        title=reading.title,
        event_type=rule.event_type,
        state=reading.state,
        probability=reading.probability,
        starts=((reading.on, 1.0),),
        shape=rule.shape,
        months=rule.half_life_months or rule.ramp_months,
        dof=size.dof,
        limit=LARGEST_DRAW,
        parts=(EventPart(mean=weight * mean, below=weight * sd, above=weight * sd, origin=origin),),
    )


def covariance(fit: EffectsFit, chosen: list[int]) -> Array:
    """Covariance of the log effects at full strength of readings that prices speak of, (k, k)."""
    if fit.parameters is None:
        return np.zeros((len(chosen), len(chosen)))
    at = [len(fit.parameters.groups) + fit.positions[k] for k in chosen]
    units = fit.parameters.covariance[np.ix_(at, at)]
    scales = np.array([fit.estimates[k].sd for k in chosen]) / np.sqrt(np.diag(units))
    return np.asarray(units * np.outer(scales, scales))


def _certain(name: str, location: Array, spread: Array, dof: float, limit: float) -> Course:
    return Course(
        name=name,
        shares=np.ones(1),
        location=location[None],
        below=spread[None],
        above=spread[None],
        dof=dof,
        limit=limit,
    )


def _moves(fit: EffectsFit, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex) -> Array:
    """How far each reading's dummy moves from `origin` on, times the element's weight, (steps, k)."""
    now = columns(fit.readings, pd.period_range(origin, periods=1, freq=origin.freq))
    return np.asarray((columns(fit.readings, periods) - now) * fit.weights(key))


def _moving(fit: EffectsFit, moves: Array) -> list[int]:
    return [int(k) for k in np.flatnonzero(np.any(moves != 0.0, axis=0))]
