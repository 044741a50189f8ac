"""Estimation: what the prices of one market say of the events that have started there for certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from forecast.errors import InputError
from forecast.events.dummies import DAYS_A_MONTH, columns, first_days
from forecast.events.event import Event
from forecast.events.parameters import EffectParameters
from forecast.events.posterior import Evidence, Posterior, estimate, innovations
from forecast.events.reading import GROUP_TYPES, GROUPS, Reading, read_events
from forecast.types import Array, PriceHistory

MONTHLY_SD = 0.05  # prior noise scale of a month's change; other steps by the root of time
COLLINEAR = 0.9
SETTLED = 0.01  # a dummy that still moves by less has run its course


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """readings: those that prices speak of, in the posterior's order. members: place of each one's group in
    GROUPS."""

    readings: tuple[Reading, ...]
    members: tuple[int, ...]
    posterior: Posterior
    joint_with: tuple[tuple[str, ...], ...]


def estimate_effects(
    histories: Sequence[PriceHistory], events: Sequence[Event], known_at: date
) -> EffectParameters | None:
    """What prices teach about the events known at the end of `known_at`; None where they say nothing.

    The histories share a market and a calendar, else InputError.
    """
    return estimate_from(histories, read_events(events, one_market(histories), known_at))


def estimate_from(histories: Sequence[PriceHistory], readings: Sequence[Reading]) -> EffectParameters | None:
    """The same from the events as they read that day."""
    market = one_market(histories)
    found = measure(histories, [r for r in readings if r.certain])
    if market is None or found is None:
        return None
    posterior = found.posterior
    return EffectParameters(
        market=market,
        groups=GROUPS,
        centres=posterior.centres,
        spreads=posterior.spreads,
        dofs=posterior.dofs,
        event_ids=tuple(r.event_id for r in found.readings),
        members=found.members,
        prior_means=np.array([r.mean for r in found.readings]),
        prior_scales=np.array([r.scale for r in found.readings]),
        mean=posterior.mean,
        covariance=posterior.covariance,
        joint_with=found.joint_with,
    )


def one_market(histories: Sequence[PriceHistory]) -> str | None:
    """The market that all histories share; InputError where they differ in it or in frequency."""
    markets = {h.key.market for h in histories}
    if len(markets) > 1:
        raise InputError("histories", sorted(map(str, markets)), "histories of one market")
    frequencies = {h.periods.freqstr for h in histories}
    if len(frequencies) > 1:
        raise InputError("histories", sorted(frequencies), "histories of one frequency")
    return next(iter(markets), None)


def measure(histories: Sequence[PriceHistory], started: Sequence[Reading]) -> Measured | None:
    """Posterior of the effects of events that have started; None where no price moved with any of them."""
    usable = [h for h in histories if h.key.element is not None and np.isfinite(h.y).sum() > 1]
    if not started or not usable:
        return None
    calendar = pd.period_range(
        min(h.periods[0] for h in usable), max(h.origin for h in usable), freq=usable[0].periods.freq
    )
    dummies = columns(started, calendar)
    evidence = gather(usable, started, dummies, calendar[0].ordinal)
    scales = np.array([r.scale for r in started])
    seen = np.flatnonzero(np.abs(evidence.x).max(axis=(0, 1)) > SETTLED * scales).tolist()
    if not len(seen):
        return None
    readings = tuple(started[i] for i in seen)
    members = np.array([GROUPS.index(r.group) for r in readings], dtype=np.intp)
    step_days = (usable[0].periods[0].end_time - usable[0].periods[0].start_time).days + 1
    sd = MONTHLY_SD * float(np.sqrt(step_days / DAYS_A_MONTH))
    changes = replace(evidence, x=evidence.x[:, :, seen])
    joint = _joint(readings, dummies[:, seen], calendar)
    return Measured(
        readings=readings,
        members=tuple(members.tolist()),
        posterior=estimate(changes, members, np.array(GROUP_TYPES, dtype=np.intp), sd),
        joint_with=tuple(joint.get(r.event_id, ()) for r in readings),
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
