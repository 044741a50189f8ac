"""What events did to a price outside China: on the Chinese price, and on the premium over it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from forecast.events.answers import (
    ALL_EVENTS,
    NO_EFFECT,
    Counterfactual,
    LogEffect,
    SeriesEffects,
    event_effect,
)
from forecast.events.dummies import columns
from forecast.events.effects import EffectsFit
from forecast.events.home import log_effects
from forecast.types import EventUse, SeriesKey

IN_CHINA = "prices in China"


def outside_effects(
    fit: EffectsFit,
    key: SeriesKey,
    uses: Sequence[EventUse],
    steps: Collection[str],
    base: SeriesEffects,
    quotes: Sequence[tuple[date, float]],
) -> SeriesEffects:
    """Effects on a series outside China: on the Chinese price, as estimated there, and on the premium.

    fit: what the types predict of the premium, from no prices. Of the premium only the step of its controls
    is measured, by the quotes, and jointly; whatever else quotes saw is in their walk. So every other effect
    on a premium is that of its type, and prior-led. uses: events as the forecast has them; steps: ids of
    those that the premium model has a step for. quotes: (day, price), oldest first: the counterfactual is of
    these days, without all that is measured, or without the controls together.
    """
    at_home = {e.event_id: e for e in base.events}
    starts = {r.event_id: r.on for r in fit.readings}
    controls = {u.event_id: u for u in uses if u.event_id in steps and u.event_id in starts}
    premium = replace(key, market=fit.market)
    weights = fit.weights(premium)
    predicted = log_effects(fit, premium, np.eye(len(fit.readings)))
    freq = base.origin.freqstr
    origin, today = pd.Period(quotes[-1][0], freq), pd.Period(fit.known_at, freq)
    shares = columns(fit.readings, pd.PeriodIndex([origin])), columns(fit.readings, pd.PeriodIndex([today]))
    events = []
    for k, reading in enumerate(fit.readings):
        home = at_home.pop(reading.event_id, None)
        if weights[k] == 0 or (reading.event_id in steps and reading.event_id not in controls):
            continue
        use = controls.get(reading.event_id)
        step = predicted[k] if use is None else LogEffect(use.effect_mean, use.effect_low, use.effect_high)
        share = float(shares[0][0, k]) * reading.certain
        in_price = NO_EFFECT if not reading.certain else None
        if use is not None:
            in_price = _added(step, NO_EFFECT if home is None else home.in_price)
        events.append(
            event_effect(
                reading,
                reach=float(weights[k]),
                full=_added(step, None if home is None else home.full),
                in_price=in_price,
                share_in_price=share,
                share_now=float(shares[1][0, k]) * reading.certain,
                source="type" if use is None else "quotes",
                events_behind=0 if use is None else use.events_behind,
                joint_with=() if use is None else tuple(u for u in use.joint_with if u in controls),
                china=None if home is None else home.full,
                premium=step,
            )
        )
    path = _path(controls, starts, base, quotes)
    # what prices in China measured has no path of its own in quotes outside
    events += [
        replace(e, china=e.full, joint_with=(), source=IN_CHINA if e.source == "prices" else e.source)
        for e in at_home.values()
    ]
    return SeriesEffects(
        series_id=key.unique_id,
        known_at=fit.known_at,
        origin=origin,
        price=quotes[-1][1],
        events=tuple(sorted(events, key=lambda e: (e.on, e.event_id))),
        joint=(),
        in_price=LogEffect(*(float(line[0, -1]) for line in (path.effect, path.low, path.high))),
        counterfactual=path,
    )


def _added(one: LogEffect, other: LogEffect | None) -> LogEffect:
    """Sum of two independent effects."""
    if other is None:
        return one
    mean = one.mean + other.mean
    low = float(np.hypot(one.mean - one.low, other.mean - other.low))
    return LogEffect(mean, mean - low, mean + float(np.hypot(one.high - one.mean, other.high - other.mean)))


def _path(
    controls: Mapping[str, EventUse],
    starts: Mapping[str, date],
    base: SeriesEffects,
    quotes: Sequence[tuple[date, float]],
) -> Counterfactual:
    """Effects on the days of the quotes: of the controls from the first one's day on, and on China's price as
    of that month, or of its newest."""
    days = [day for day, _ in quotes]
    ids = tuple(sorted(controls, key=lambda u: (starts[u], u)))
    effect, square = np.zeros((2, len(days))), np.zeros((2, 2, len(days)))
    on = np.array([bool(ids) and day >= starts[ids[0]] for day in days], dtype=np.float64)
    if ids:
        step = controls[ids[0]]
        ends = np.array([step.effect_mean - step.effect_low, step.effect_high - step.effect_mean])
        effect += step.effect_mean * on
        square += (ends[:, None, None] * on) ** 2
    home = base.counterfactual
    months = pd.PeriodIndex(days, freq=home.periods.freqstr).asi8 - home.periods[0].ordinal
    seen, at = months >= 0, np.clip(months, 0, len(home.periods) - 1)
    for row, label in enumerate((ALL_EVENTS, *ids[:1])):
        if label in home.labels:
            k, here = home.labels.index(label), seen * on if row else seen
            effect[row] += here * home.effect[k, at]
            square[0, row] += here * (home.effect[k, at] - home.low[k, at]) ** 2
            square[1, row] += here * (home.high[k, at] - home.effect[k, at]) ** 2
            if row:  # a month that a control began in is under it on no day before
                effect[0] -= seen * (1 - on) * home.effect[k, at]
    keep = slice(0, 1 + bool(ids))
    return Counterfactual(
        periods=pd.PeriodIndex(days, freq="D"),
        log_price=np.log([price for _, price in quotes]),
        labels=(ALL_EVENTS, *((" + ".join(ids),) if ids else ())),
        effect=effect[keep],
        low=(effect - np.sqrt(square[0]))[keep],
        high=(effect + np.sqrt(square[1]))[keep],
    )
