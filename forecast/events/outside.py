"""What events did to a price outside China: on the Chinese price, and on the premium over it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.events.answers import NO_EFFECT, LogEffect, SeriesEffects, event_effect
from forecast.events.dummies import columns
from forecast.events.effects import EffectsFit
from forecast.events.home import log_effects
from forecast.types import SeriesForecast


def outside_effects(fit: EffectsFit, forecast: SeriesForecast, base: SeriesEffects) -> SeriesEffects:
    """Effects on a series outside China: on the Chinese price, as estimated there, and on the premium.

    fit: what the types predict of the premium, from no prices. Of the premium only the step of its controls
    is measured, by the quotes, and jointly; whatever else quotes saw is in their walk. So every other effect
    on a premium is that of its type, and prior-led.
    """
    at_home = {e.event_id: e for e in base.events}
    steps = set(forecast.details.get("premium_events", ()))
    controls = {u.event_id: u for u in forecast.events if u.event_id in steps}
    key = replace(forecast.key, market=fit.market)
    weights = fit.weights(key)
    predicted = log_effects(fit, key, np.eye(len(fit.readings)))
    origin, today = forecast.origin, pd.Period(fit.known_at, forecast.periods.freqstr)
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
    events += [replace(e, china=e.full, joint_with=()) for e in at_home.values()]
    return SeriesEffects(
        series_id=forecast.key.unique_id,
        known_at=fit.known_at,
        origin=origin,
        price=forecast.last_price,
        events=tuple(sorted(events, key=lambda e: (e.on, e.event_id))),
        joint=(),
        in_price=None,
        counterfactual=None,
    )


def _added(one: LogEffect, other: LogEffect | None) -> LogEffect:
    """Sum of two independent effects."""
    if other is None:
        return one
    mean = one.mean + other.mean
    low = float(np.hypot(one.mean - one.low, other.mean - other.low))
    return LogEffect(mean, mean - low, mean + float(np.hypot(one.high - one.mean, other.high - other.mean)))
