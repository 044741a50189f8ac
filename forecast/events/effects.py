"""The effects layer: what events did to the prices of one market, and what those ahead may do.

Estimated at a cutoff from the prices and events known then. Only events that have started for certain are
estimated; an uncertain one would be a dummy of the wrong size, so it enters the draws alone: with its
probability, at the size that its type predicts. docs/events.md says all of it in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from forecast.errors import InputError
from forecast.events.dummies import columns
from forecast.events.estimation import SETTLED, estimate_from, one_market
from forecast.events.event import Event
from forecast.events.parameters import EffectParameters
from forecast.events.reading import PREMIUM, Reading, read_events
from forecast.events.scales import prior_t
from forecast.types import ON_PREMIUM, ON_PRICE, Array, EventUse, PriceHistory, SeriesKey

# The posterior of a heavy-tailed model has tails too. With 8 degrees of freedom its 90 % intervals hold 91 %
# of planted effects (tests/forecast/events/planted.py, 200 runs), with a normal 88 %.
POSTERIOR_DOF = 8.0
LARGEST_DRAW = 3.0  # a t has no mean price: draws end here, at 96 %; a licence's is then a price times 18
RECENT = timedelta(days=731)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEstimate:
    """One event in one market, as a log effect at full strength (an element's is `weight` times it).

    mean, sd, dof, low, high: centre, scale and degrees of freedom of a Student-t and its 90 % interval, of
    the posterior where prices speak (`informed`), else of what the type predicts. events_behind: informed
    events of the same type and channel. joint_with: events too close in time to be told apart; only their
    sum is well known.
    """

    reading: Reading
    mean: float
    sd: float
    dof: float
    low: float
    high: float
    informed: bool
    events_behind: int
    joint_with: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsFit:
    """Effects in one market as known at the end of `known_at`.

    readings: every event with a term here; estimates: beside them. positions: place of each reading among
    the events of the parameters, -1 where prices say nothing.
    """

    market: str | None
    known_at: date
    readings: tuple[Reading, ...]
    estimates: tuple[EventEstimate, ...]
    positions: tuple[int, ...]
    parameters: EffectParameters | None

    def adjustment(self, key: SeriesKey, periods: pd.PeriodIndex) -> Array:
        """(n,) posterior-mean log effect of the events in force; 0 where there is none."""
        return np.asarray(self.contributions(key, periods)[1].sum(axis=1))

    def contributions(self, key: SeriesKey, periods: pd.PeriodIndex) -> tuple[tuple[date, ...], Array]:
        """By event in force: the day its start was public, and its mean log effect at each period (n, k)."""
        weights = self.weights(key)
        chosen = [k for k in np.flatnonzero(weights) if self.readings[k].certain]
        readings = [self.readings[k] for k in chosen]
        sizes = np.array([self.estimates[k].mean * weights[k] for k in chosen], dtype=np.float64)
        return tuple(r.known_on for r in readings), columns(readings, periods) * sizes

    def sums(self, key: SeriesKey, loadings: Array) -> tuple[Array, Array, Array]:
        """Of sums of log effects on the series: (mean, scale, degrees of freedom) of a t each, (n,).

        loadings: (n, k) share of every reading's full effect. What prices speak of is taken from the joint
        posterior, so that events that cannot be told apart have a sum that is known; the others are added
        as independent of it.
        """
        weighted = loadings * self.weights(key)
        mean = weighted @ np.array([e.mean for e in self.estimates])
        sd, dof = (np.array([getattr(e, name) for e in self.estimates]) for name in ("sd", "dof"))
        places = np.array(self.positions, dtype=np.intp)
        known = places >= 0
        variance = (np.where(known, 0.0, weighted * sd) ** 2).sum(axis=1)
        if self.parameters is not None and known.any():
            at = len(self.parameters.groups) + places[known]
            rows = weighted[:, known] * self.parameters.prior_scales[places[known]]
            variance += ((rows @ self.parameters.covariance[np.ix_(at, at)]) * rows).sum(axis=1)
        heavy = np.where(weighted != 0, dof, np.inf).min(axis=1, initial=POSTERIOR_DOF)
        led = (weighted[:, known] != 0).any(axis=1)
        return mean, np.sqrt(variance), np.where(led, POSTERIOR_DOF, heavy)

    def after(self, day: date, without: frozenset[str] = frozenset()) -> EffectsFit:
        """Only the terms that are uncertain or start after `day`, less those named."""
        kept = [
            k
            for k, r in enumerate(self.readings)
            if (not r.certain or r.on > day) and r.event_id not in without
        ]
        return replace(
            self,
            readings=tuple(self.readings[k] for k in kept),
            estimates=tuple(self.estimates[k] for k in kept),
            positions=tuple(self.positions[k] for k in kept),
        )

    def uses(self, key: SeriesKey, periods: pd.PeriodIndex) -> tuple[EventUse, ...]:
        """Events that matter for a forecast of `periods`: they move it, or started in the last two years; by
        start. Effects are those on this element."""
        weights = self.weights(key)
        if not len(periods) or not weights.any():
            return ()
        reach = pd.period_range(periods[0] - 1, periods[-1], freq=periods.freq)
        moves = np.ptp(columns(self.readings, reach), axis=0)
        found = []
        for known, weight, move in zip(self.estimates, weights, moves, strict=True):
            reading = known.reading
            recent = timedelta(0) <= self.known_at - reading.on <= RECENT
            if weight > 0 and (recent or move > SETTLED):
                found.append(
                    EventUse(
                        event_id=reading.event_id,
                        title=reading.title,
                        event_type=reading.rule.event_type,
                        state=reading.state,
                        probability=reading.probability,
                        effect_mean=float(weight * known.mean),
                        effect_low=float(weight * known.low),
                        effect_high=float(weight * known.high),
                        events_behind=known.events_behind,
                        joint_with=known.joint_with,
                        acts_on=ON_PREMIUM if self.market == PREMIUM else ON_PRICE,
                    )
                )
        return tuple(found)

    def weights(self, key: SeriesKey) -> Array:
        """(k,) share of each event's effect that reaches the series; 0 for one without market or element."""
        if key.market is None:
            return np.zeros(len(self.readings))
        if key.market != self.market:
            raise InputError("market", key.market, f"{self.market}, the market of this fit")
        return np.array([r.weight(key.element) for r in self.readings], dtype=np.float64)


def fit_effects(
    histories: Sequence[PriceHistory], events: Sequence[Event], known_at: date, *, market: str | None = None
) -> EffectsFit:
    """Estimate the effects of events known at the end of `known_at` on the log prices of one market.

    The histories share a market and a calendar. `market` names it where there is no history on a calendar
    (dated quotes outside China): effects are then what the types predict. Without market or events the
    fit adjusts nothing.
    """
    market = one_market(histories) if histories else market
    readings = read_events(events, market, known_at)
    return _attach(estimate_from(histories, readings), readings, market, known_at)


def effects_from(
    parameters: EffectParameters | None, events: Sequence[Event], market: str | None, known_at: date
) -> EffectsFit:
    """The events as known at the end of `known_at`, with effects as they were estimated before.

    An event that the parameters do not know, or that is not certain by now, gets what its type predicts.
    Raises InputError for parameters of another market.
    """
    if parameters is not None and parameters.market != market:
        raise InputError("parameters.market", parameters.market, f"{market}, the market asked for")
    return _attach(parameters, read_events(events, market, known_at), market, known_at)


def _attach(
    parameters: EffectParameters | None, readings: tuple[Reading, ...], market: str | None, known_at: date
) -> EffectsFit:
    places = {} if parameters is None else {u: i for i, u in enumerate(parameters.event_ids)}
    positions = tuple(places.get(r.event_id, -1) if r.certain else -1 for r in readings)
    return EffectsFit(
        market=market,
        known_at=known_at,
        readings=readings,
        estimates=tuple(_estimate(r, p, parameters) for r, p in zip(readings, positions, strict=True)),
        positions=positions,
        parameters=parameters,
    )


def _estimate(reading: Reading, position: int, parameters: EffectParameters | None) -> EventEstimate:
    unit_mean, unit_scale = reading.mean, reading.scale
    centre, spread, dof = prior_t()
    behind = 0
    joint: tuple[str, ...] = ()
    if parameters is not None:
        group = parameters.groups.index(reading.group)
        centre, spread, dof = (
            float(a[group]) for a in (parameters.centres, parameters.spreads, parameters.dofs)
        )
        behind = parameters.members.count(group)
    if parameters is not None and position >= 0:
        at = len(parameters.groups) + position
        centre, spread = float(parameters.mean[at]), float(np.sqrt(parameters.covariance[at, at]))
        dof, joint = POSTERIOR_DOF, parameters.joint_with[position]
        unit_mean = float(parameters.prior_means[position])
        unit_scale = float(parameters.prior_scales[position])
    tail = float(stdtrit(dof, 0.95))
    mean, sd = unit_mean + unit_scale * centre, unit_scale * spread
    return EventEstimate(
        reading=reading,
        mean=mean,
        sd=sd,
        dof=dof,
        low=mean - tail * sd,
        high=mean + tail * sd,
        informed=position >= 0,
        events_behind=behind,
        joint_with=joint,
    )
