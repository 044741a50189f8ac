"""The effects layer: what events did to the prices of one market, and what those ahead may do.

Estimated at a cutoff from the prices and events known then. Only events that have started for certain are
estimated; an uncertain one would be a dummy of the wrong size, so it enters the draws alone: with its
probability, at the size that its type predicts. docs/events.md says all of it in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zlib import crc32

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from forecast.errors import InputError
from forecast.events.dummies import DAYS_A_MONTH, columns, first_days
from forecast.events.event import Event
from forecast.events.posterior import DOF, GROUP_SD, OWN_SD, Evidence, Index, Posterior, estimate, innovations
from forecast.events.reading import Reading, read_events
from forecast.types import Array, EventUse, PriceHistory, SeriesKey

# The posterior of a heavy-tailed model has tails too. With 8 degrees of freedom its 90 % intervals hold 91 %
# of planted effects (tests/forecast/events/planted.py, 200 runs), with a normal 88 %.
POSTERIOR_DOF = 8.0
LARGEST_DRAW = 3.0  # a t has no mean price: draws end here, at 96 %; a licence's is then a price times 18
MONTHLY_SD = 0.05  # prior noise scale of a month's change; other steps by the root of time
COLLINEAR = 0.9
RECENT = timedelta(days=731)
SETTLED = 0.01  # a dummy that still moves by less has run its course


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEstimate:
    """One event in one market, as a log effect at full strength (an element's is `weight` times it).

    mean, sd, low, high: centre, scale (of a Student-t) and 90 % interval, of the posterior where prices
    speak (`informed`), else of what the type predicts. events_behind: informed events of the same type and
    channel. joint_with: events too close in time to be told apart; only their sum is well known.
    """

    reading: Reading
    mean: float
    sd: float
    low: float
    high: float
    informed: bool
    events_behind: int
    joint_with: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsFit:
    """Effects in one market as known at the end of `known_at`.

    readings: every event with a term here; estimates: beside them. positions: place of each reading in the
    posterior, -1 where prices say nothing.
    """

    market: str | None
    known_at: date
    readings: tuple[Reading, ...]
    estimates: tuple[EventEstimate, ...]
    positions: tuple[int, ...]
    posterior: Posterior | None

    def adjustment(self, key: SeriesKey, periods: pd.PeriodIndex) -> Array:
        """(n,) posterior-mean log effect of the events in force; 0 where there is none."""
        return np.asarray(self.contributions(key, periods)[1].sum(axis=1))

    def contributions(self, key: SeriesKey, periods: pd.PeriodIndex) -> tuple[tuple[date, ...], Array]:
        """By event in force: the day its start was public, and its mean log effect at each period (n, k)."""
        weights = self._weights(key)
        chosen = [k for k in np.flatnonzero(weights) if self.readings[k].certain]
        readings = [self.readings[k] for k in chosen]
        sizes = np.array([self.estimates[k].mean * weights[k] for k in chosen], dtype=np.float64)
        return tuple(r.known_on for r in readings), columns(readings, periods) * sizes

    def draws(
        self, key: SeriesKey, origin: pd.Period, periods: pd.PeriodIndex, n: int, rng: np.random.Generator
    ) -> Array:
        """(n, len(periods)) log effect at each period minus that at `origin`.

        Past events move as their dummies do, with joint posterior draws of their size; each uncertain event
        happens in a share of draws equal to its probability. Every event has a stream of its own, named by
        its id: another event more or less leaves its draws as they were, and two series that are given
        generators of one seed see the same event happen in the same draws. Where no event moves the price
        the result is exactly 0 and `rng` is not used.
        """
        now = columns(self.readings, pd.period_range(origin, periods=1, freq=origin.freq))
        moves = (columns(self.readings, periods) - now) * self._weights(key)
        moving = np.flatnonzero(np.any(moves != 0.0, axis=0))
        out = np.zeros((n, len(periods)))
        if not len(moving):
            return out
        root = int(rng.integers(2**63))
        out += self._known_sizes(moving, n, root) @ moves[:, moving].T
        for k in moving:
            if self.positions[k] < 0:
                known = self.estimates[k]
                stream = np.random.default_rng([root, crc32(known.reading.event_id.encode())])
                happens = stream.random(n) < known.reading.probability
                shock = np.clip(stream.standard_t(DOF, n), -LARGEST_DRAW, LARGEST_DRAW)
                out += np.outer(np.where(happens, known.mean + known.sd * shock, 0.0), moves[:, k])
        return out

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
        """Events that matter for a forecast of `periods`: ahead, still moving, or of the last two years; by
        start. Effects are those on this element."""
        weights = self._weights(key)
        if not len(periods) or not weights.any():
            return ()
        reach = pd.period_range(periods[0] - 1, periods[-1], freq=periods.freq)
        moves = np.ptp(columns(self.readings, reach), axis=0)
        found = []
        for known, weight, move in zip(self.estimates, weights, moves, strict=True):
            reading = known.reading
            matters = move > SETTLED or self.known_at - reading.on <= RECENT
            if weight > 0 and matters:
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
                    )
                )
        return tuple(found)

    def _known_sizes(self, moving: Index, n: int, root: int) -> Array:
        """(n, moving) joint draws of the sizes that prices speak of; 0 for the others."""
        out = np.zeros((n, len(moving)))
        informed = [i for i, k in enumerate(moving) if self.positions[k] >= 0]
        if not informed or self.posterior is None:
            return out
        at = [self.posterior.groups + self.positions[moving[i]] for i in informed]
        values, vectors = np.linalg.eigh(self.posterior.covariance[np.ix_(at, at)])
        stream = np.random.default_rng([root, 0])
        normal = stream.standard_normal((n, len(at)))
        stretch = np.sqrt(POSTERIOR_DOF / stream.chisquare(POSTERIOR_DOF, (n, 1)))
        v = self.posterior.mean[at] + (stretch * normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        readings = [self.readings[moving[i]] for i in informed]
        out[:, informed] = [r.mean for r in readings] + np.array([r.scale for r in readings]) * v
        return out

    def _weights(self, key: SeriesKey) -> Array:
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
    markets = {h.key.market for h in histories}
    if len(markets) > 1:
        raise InputError("histories", sorted(map(str, markets)), "histories of one market")
    frequencies = {h.periods.freqstr for h in histories}
    if len(frequencies) > 1:
        raise InputError("histories", sorted(frequencies), "histories of one frequency")
    market = next(iter(markets), market)
    readings = read_events(events, market, known_at)
    started = [k for k, r in enumerate(readings) if r.certain]
    usable = [h for h in histories if h.key.element is not None and np.isfinite(h.y).sum() > 1]
    positions, posterior, joint = [-1] * len(readings), None, {}
    groups = sorted({r.group for r in readings})
    if started and usable:
        calendar = pd.period_range(
            min(h.periods[0] for h in usable), max(h.origin for h in usable), freq=usable[0].periods.freq
        )
        dummies = columns([readings[k] for k in started], calendar)
        evidence = gather(usable, [readings[k] for k in started], dummies, calendar[0].ordinal)
        scales = [readings[k].scale for k in started]
        seen = np.flatnonzero(np.abs(evidence.x).max(axis=(0, 1)) > SETTLED * np.array(scales))
        if len(seen):
            for place, i in enumerate(seen):
                positions[started[i]] = place
            index = np.array([groups.index(readings[started[i]].group) for i in seen], dtype=np.intp)
            step_days = (usable[0].periods[0].end_time - usable[0].periods[0].start_time).days + 1
            sd = MONTHLY_SD * float(np.sqrt(step_days / DAYS_A_MONTH))
            posterior = estimate(replace(evidence, x=evidence.x[:, :, seen]), index, len(groups), sd)
            joint = _joint([readings[started[i]] for i in seen], dummies[:, seen], calendar)
    informed = [r.group for r, p in zip(readings, positions, strict=True) if p >= 0]
    estimates = tuple(
        _estimate(r, p, posterior, groups.index(r.group), informed.count(r.group), joint.get(r.event_id, ()))
        for r, p in zip(readings, positions, strict=True)
    )
    return EffectsFit(
        market=market,
        known_at=known_at,
        readings=readings,
        estimates=estimates,
        positions=tuple(positions),
        posterior=posterior,
    )


def gather(
    histories: Sequence[PriceHistory], readings: Sequence[Reading], dummies: Array, first: int
) -> Evidence:
    """Changes of price (less what prior means explain) and of dummies (in prior scales), made independent.

    dummies: (t, k) over the joint calendar of the histories, which starts at ordinal `first`. A change is
    filed under the period it ends in.
    """
    y = np.zeros((len(dummies), len(histories)))
    here = np.zeros(y.shape, dtype=np.bool_)
    x = np.zeros((*y.shape, len(readings)))
    means = np.array([r.mean for r in readings])
    scales = np.array([r.scale for r in readings])
    for s, history in enumerate(histories):
        quotes = np.flatnonzero(np.isfinite(history.y))
        at = quotes + (history.periods[0].ordinal - first)
        weights = np.array([r.weight(history.key.element) for r in readings])
        moved = np.diff(dummies[at], axis=0) * weights
        change = np.diff(history.log_price[quotes]) - moved @ means
        rows = innovations(np.column_stack([change, moved * scales]), np.diff(quotes).astype(np.float64))
        y[at[1:], s], x[at[1:], s], here[at[1:], s] = rows[:, 0], rows[:, 1:], True
    return Evidence(y=y, x=x, here=here)


def _estimate(
    reading: Reading,
    position: int,
    posterior: Posterior | None,
    group: int,
    behind: int,
    joint: tuple[str, ...],
) -> EventEstimate:
    centre, variance = 0.0, GROUP_SD**2 + OWN_SD**2
    dof = DOF
    if posterior is not None and position >= 0:
        at = posterior.groups + position
        centre, variance, dof = posterior.mean[at], posterior.covariance[at, at], POSTERIOR_DOF
    elif posterior is not None and behind:
        centre, variance = posterior.mean[group], posterior.covariance[group, group] + OWN_SD**2
    tail = float(stdtrit(dof, 0.95))
    mean, sd = reading.mean + reading.scale * float(centre), reading.scale * float(np.sqrt(variance))
    return EventEstimate(
        reading=reading,
        mean=mean,
        sd=sd,
        low=mean - tail * sd,
        high=mean + tail * sd,
        informed=position >= 0,
        events_behind=behind,
        joint_with=joint,
    )


def _joint(
    readings: Sequence[Reading], dummies: Array, calendar: pd.PeriodIndex
) -> dict[str, tuple[str, ...]]:
    """For each event the others that start in its period, or whose dummies move almost as its own does."""
    moved = np.diff(dummies, axis=0)
    moved = moved - moved.mean(axis=0)
    size = np.sqrt((moved**2).sum(axis=0))
    alike = np.abs(moved.T @ moved) > COLLINEAR * np.outer(size, size)
    starts = np.searchsorted(first_days(calendar), [r.on.toordinal() for r in readings], side="right")
    alike |= starts[:, None] == starts[None, :]
    np.fill_diagonal(alike, False)
    out: dict[str, tuple[str, ...]] = {}
    for i, j in np.argwhere(alike):
        one, other = readings[i], readings[j]
        if any(one.weight(e) and other.weight(e) for e in one.weights):
            out[one.event_id] = (*out.get(one.event_id, ()), other.event_id)
    return out
