"""What events did to a price of the market that they were estimated in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from forecast.events.answers import (
    ALL_EVENTS,
    NO_EFFECT,
    Counterfactual,
    EventEffect,
    JointEffect,
    LogEffect,
    SeriesEffects,
    event_effect,
)
from forecast.events.dummies import columns
from forecast.events.effects import EffectsFit
from forecast.types import Array, PriceHistory, SeriesKey


def series_effects(fit: EffectsFit, history: PriceHistory) -> SeriesEffects:
    """Effects on a series of the market that `fit` was estimated in, by start of the event."""
    key = history.key
    weights = fit.weights(key)
    chosen = [k for k in range(len(fit.readings)) if weights[k] > 0]
    measured = [k for k in chosen if fit.estimates[k].informed]
    dummies = columns(fit.readings, history.periods)
    now = columns(fit.readings, pd.PeriodIndex([pd.Period(fit.known_at, history.periods.freqstr)]))[0]
    full = log_effects(fit, key, np.eye(len(fit.readings)))
    priced = log_effects(fit, key, np.diag(dummies[-1]))
    ids = {fit.readings[k].event_id for k in chosen}
    events = [
        event_effect(
            fit.readings[k],
            reach=float(weights[k]),
            full=full[k],
            in_price=_in_price(fit, k, priced[k]),
            share_in_price=float(dummies[-1, k]) * fit.readings[k].certain,
            share_now=float(now[k]) * fit.readings[k].certain,
            source="prices" if fit.estimates[k].informed else "type",
            events_behind=fit.estimates[k].events_behind,
            joint_with=tuple(u for u in fit.estimates[k].joint_with if u in ids),
        )
        for k in chosen
    ]
    together = _coinciding(events)
    places = {r.event_id: k for k, r in enumerate(fit.readings)}
    groups = [[places[u] for u in ids] for ids in together]
    joint = tuple(
        JointEffect(
            event_ids=ids,
            full=log_effects(fit, key, _mask(fit, group))[0],
            in_price=log_effects(fit, key, _mask(fit, group) * dummies[-1])[0],
        )
        for ids, group in zip(together, groups, strict=True)
    )
    sets = [measured, *([k] for k in measured), *groups]
    labels = (
        ALL_EVENTS,
        *(fit.readings[k].event_id for k in measured),
        *(" + ".join(ids) for ids in together),
    )
    paths = [_range(*fit.sums(key, _mask(fit, some) * dummies)) for some in sets]
    return SeriesEffects(
        series_id=key.unique_id,
        known_at=fit.known_at,
        origin=history.origin,
        price=float(history.y[-1]),
        events=tuple(events),
        joint=joint,
        in_price=LogEffect(*(float(line[-1]) for line in paths[0])),
        counterfactual=Counterfactual(
            periods=history.periods,
            log_price=history.log_price,
            labels=labels,
            effect=np.stack([p[0] for p in paths]),
            low=np.stack([p[1] for p in paths]),
            high=np.stack([p[2] for p in paths]),
        ),
    )


def _range(mean: Array, sd: Array, dof: Array) -> tuple[Array, Array, Array]:
    """(mean, low, high): a t with its 90 % interval."""
    reach = np.asarray(stdtrit(dof, 0.95)) * sd
    return mean, mean - reach, mean + reach


def log_effects(fit: EffectsFit, key: SeriesKey, loadings: Array) -> list[LogEffect]:
    """The sums of `EffectsFit.sums` with their 90 % intervals."""
    rows = zip(*_range(*fit.sums(key, loadings)), strict=True)
    return [LogEffect(float(m), float(low), float(high)) for m, low, high in rows]


def _in_price(fit: EffectsFit, k: int, found: LogEffect) -> LogEffect | None:
    """Nothing for what has not begun; unknown for what began before prices could show it."""
    if not fit.readings[k].certain:
        return NO_EFFECT
    return found if fit.estimates[k].informed else None


def _mask(fit: EffectsFit, chosen: Sequence[int]) -> Array:
    row = np.zeros((1, len(fit.readings)))
    row[0, list(chosen)] = 1.0
    return row


def _coinciding(events: Sequence[EventEffect]) -> list[tuple[str, ...]]:
    """Sets of events that are linked by `joint_with`, directly or through others, in order of start."""
    left = {e.event_id: e.joint_with for e in events}
    out = []
    for event in events:
        if event.event_id not in left or not event.joint_with:
            continue
        found, todo = set(), [event.event_id]
        while todo:
            one = todo.pop()
            if one in left:
                found.add(one)
                todo += left.pop(one)
        out.append(tuple(e.event_id for e in events if e.event_id in found))
    return out
