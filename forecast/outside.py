"""Prices outside China: the Chinese price, ex VAT, times a premium, in the series' own currency.

    log P = log P_china - log(1 + VAT) + premium - log(CNY per USD) [+ log(EUR per USD)]

The Chinese paths are those of the forecast, so both prices move together; premium and exchange rate are
drawn beside them. There are too few quotes outside China to measure coverage, and none is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from zlib import crc32

import numpy as np
import pandas as pd

from forecast.assembly import headline_paths, shifted
from forecast.caveats import history_caveats, open_event_caveats, slip_caveats
from forecast.distribution.fx import FxPaths, fx_paths
from forecast.distribution.headline import EventTerms, event_terms
from forecast.distribution.paths import DRAWS, at_quantiles, path_quantiles, quantile_mean, reorder
from forecast.errors import InputError
from forecast.events.course import courses
from forecast.events.dummies import DAYS_A_MONTH
from forecast.events.effects import fit_effects
from forecast.events.event import Event
from forecast.events.reading import PREMIUM
from forecast.events.table import LIFTING
from forecast.models.premium import PremiumFit, PremiumInput, fit_premium
from forecast.models.premium_sensitivity import premium_parts
from forecast.periods import last_day, series_key, steps_between
from forecast.types import (
    ON_PREMIUM,
    QUANTILES,
    Array,
    CalibrationReport,
    EventUse,
    FitReport,
    OpenEvent,
    PriceHistory,
    Relation,
    SeriesForecast,
)
from forecast.vat import china_vat

#: Draws of the premium per stored path: 8,000 in all keep the sampling error of a median under 1 %.
REPEAT = 8
CURRENCIES = ("CNY", "EUR")
MONTHS = 12
Z90 = 1.645  # normal score of a central 90 % interval


def _base_paths(
    base: SeriesForecast, history: PriceHistory, periods: pd.PeriodIndex
) -> tuple[Array, list[str]]:
    """Chinese log paths (draws, steps) without open events: quotes where known, paths after."""
    columns, gaps = [], []
    logs = base.base_paths.astype(np.float64)
    for period in periods:
        ahead = period.ordinal - base.origin.ordinal
        if ahead > 0:
            columns.append(logs[:, ahead - 1])
            continue
        at = period.ordinal - history.periods[0].ordinal
        known = np.flatnonzero(np.isfinite(history.y[: at + 1]))
        if known[-1] != at:
            gaps.append(str(period))
        columns.append(np.full(DRAWS, history.log_price[known[-1]]))
    notes = [f"no Chinese price in {', '.join(gaps)}: the last one before stands in"] if gaps else []
    return np.stack(columns, axis=1), notes


def draw_rates(fx: pd.DataFrame, months: pd.PeriodIndex, known_at: date, seed: int) -> FxPaths:
    """Paths of CNY and EUR per USD, (DRAWS, months): one set a run, so that whatever is turned from one
    currency into another moves with the same rates."""
    return fx_paths(fx, CURRENCIES, months, DRAWS, np.random.default_rng([seed, 3]), known_at)


def _log_rate(rates: FxPaths, currency: str, periods: pd.PeriodIndex) -> Array:
    """log of CNY per unit of the currency, (draws, steps)."""
    at = slice(
        periods[0].ordinal - rates.periods[0].ordinal, periods[-1].ordinal - rates.periods[0].ordinal + 1
    )
    per_usd = np.log(rates.rates["CNY"][:, at])
    return per_usd if currency == "USD" else per_usd - np.log(rates.rates[currency][:, at])


def _slips(rows: pd.DataFrame) -> tuple[str, ...]:
    """What dated quotes say of themselves; gaps in months."""
    gaps = rows["ds"].diff().dt.days.to_numpy(np.float64)[1:] / DAYS_A_MONTH
    return slip_caveats([str(d.date()) for d in rows["ds"]], np.log(rows["y"].to_numpy(np.float64)), gaps)


def control_uses(fit: PremiumFit) -> tuple[EventUse, ...]:
    """The controls whose step the premium holds: one effect for all of them together, from the quotes."""
    controls = [s for s in fit.steps if s.tightens]
    mean, sd = fit.components["control_step_mean"], fit.components["control_step_sd"]
    return tuple(
        EventUse(
            event_id=s.event_id,
            title=s.title,
            event_type="export-barrier",
            state="past",
            probability=1.0,
            effect_mean=mean,
            effect_low=mean - Z90 * sd,
            effect_high=mean + Z90 * sd,
            events_behind=len(controls),
            joint_with=tuple(o.event_id for o in fit.steps if o is not s),
            acts_on=ON_PREMIUM,
        )
        for s in controls
    )


def join_events(china: Sequence[OpenEvent], premium: Sequence[OpenEvent]) -> tuple[OpenEvent, ...]:
    """Open events of a price outside China: what each does to the Chinese price and to the premium."""
    own = {e.event_id: e for e in premium}
    out = []
    for event in china:
        other = own.pop(event.event_id, None)
        if other is not None:  # one size for both parts: its tails are those of the heavier one
            event = replace(event, dof=min(event.dof, other.dof), parts=(*event.parts, *other.parts))
        out.append(event)
    return tuple(sorted((*out, *own.values()), key=lambda e: (e.starts[0][0], e.event_id)))


def forecast_outside(
    relation: Relation,
    seen: pd.DataFrame,
    forecasts: Sequence[SeriesForecast],
    histories: Sequence[PriceHistory],
    events: tuple[Event, ...],
    fx: pd.DataFrame | None,
    rates: FxPaths | None,
    known_at: date,
    quantiles: tuple[float, ...],
    seed: int,
    *,
    parts: bool = True,
    events_at: date | None = None,
    walk: Array | None = None,
) -> tuple[SeriesForecast, PremiumFit]:
    """Forecast of one series outside China to the same last period as its base, and the premium in it.

    parts: also say, in `details`, what the premium is made of; that takes longer than the forecast.
    events_at: day at whose end the events are read, `known_at` if None. walk: sizes of the premium's walk as
    estimated before.
    Raises InputError where base, quotes, currency or exchange rates are missing.
    """
    rows = seen[seen["unique_id"] == relation.target].dropna(subset=["y"]).sort_values("ds")
    base = next((f for f in forecasts if f.key.unique_id == relation.base), None)
    if base is None:
        raise InputError(f"{relation.target}.base", relation.base, "a Chinese series with a forecast")
    if rows.empty:
        raise InputError(relation.target, "no quote by then", "at least one dated quote")
    if fx is None or rates is None:
        raise InputError("fx", None, "monthly rates CNY and EUR per USD for a series outside China")
    key = series_key(rows)
    if key.currency not in ("USD", "EUR", "CNY"):
        raise InputError(f"{relation.target}.currency", key.currency, "USD, EUR or CNY")
    history = next(h for h in histories if h.key.unique_id == relation.base)
    fit = fit_premium(
        PremiumInput(
            points=rows,
            base=history,
            element=key.element,
            market=key.market,
            events=events,
            known_at=known_at,
            fx=fx,
            base_includes_vat=relation.base_includes_vat,
            events_at=events_at,
        ),
        walk=walk,
    )
    origin = pd.Period(rows["ds"].iloc[-1], base.periods.freqstr)
    lag = steps_between(origin, base.periods[-1]) - (len(base.periods) - base.lag)
    if lag < 0:
        raise InputError(
            f"{relation.target}.ds", f"newest quote in {origin}", "known_at, as it is newer than its base"
        )
    periods = pd.period_range(origin + 1, base.periods[-1], freq=base.periods.freq)
    if periods[0] < rates.periods[0]:
        raise InputError(
            f"{relation.target}.ds",
            f"newest quote in {origin}",
            f"one from {rates.periods[0]}, the first rate",
        )
    if periods[0] < history.periods[0]:
        raise InputError(
            f"{relation.target}.ds",
            f"newest quote in {origin}",
            f"one from {history.periods[0] - 1}, before which there is no price of {relation.base}",
        )
    count = DRAWS * REPEAT
    rng = np.random.default_rng([seed, 2, crc32(relation.target.encode())])
    # the month of the newest quote leads, so that a quote newer than every Chinese price can be the start
    reach = pd.period_range(origin, periods[-1], freq=periods.freq) if origin > base.origin else periods
    chinese, notes = _base_paths(base, history, reach)
    vat = np.array([np.log1p(china_vat(last_day(p))) for p in reach]) * relation.base_includes_vat
    in_step = frozenset(s.event_id if s.tightens else f"{s.event_id}:{LIFTING}" for s in fit.steps)
    # the walk through the quotes holds what earlier events did: counted again they would count twice
    effects = fit_effects((), events, events_at or known_at, market=PREMIUM).after(fit.last_day, in_step)
    premium = replace(key, market=PREMIUM)
    terms = event_terms(effects, premium, origin, periods)
    logs = np.tile(chinese - vat, (REPEAT, 1)) + fit.draws(reach, count, rng)
    if key.currency != "CNY":
        logs = logs - np.tile(_log_rate(rates, key.currency, reach), (REPEAT, 1))
    if len(reach) > len(periods):
        noise = fit.priors.quote_noise * rng.standard_normal(count)
        start = np.log(float(rows["y"].iloc[-1])) + noise
        logs = logs[:, 1:] + (start - logs[:, 0])[:, None]
        notes = [
            *notes,
            f"no Chinese price is as new as the quote of {rows['ds'].iloc[-1].date()}: paths start at it",
        ]
    logs = logs + np.tile(
        shifted(np.zeros((DRAWS, len(periods))), terms.past, [1.0] * len(terms.past), seed), (REPEAT, 1)
    )
    base_quantiles = path_quantiles(logs, QUANTILES)
    base_paths = reorder(logs[:DRAWS], base_quantiles, QUANTILES).astype(np.float32)
    found = join_events(base.open_events, terms.open_events)
    moving = [(e, c) for e, c in zip(found, courses(found, periods), strict=True) if c.moved.any()]
    joint = EventTerms(past=(), open_events=tuple(e for e, _ in moving), courses=tuple(c for _, c in moving))
    final = joint.mixed(base_quantiles)
    paths = headline_paths(base_paths, final, joint.open_events, joint.courses, seed)
    forecast = SeriesForecast(
        key=key,
        origin=origin,
        last_price=float(rows["y"].iloc[-1]),
        lag=lag,
        periods=periods,
        quantiles=quantiles,
        values=np.exp(at_quantiles(final, QUANTILES, quantiles)),
        # of the quantile function, as the paths are: a few draws out of 8,000 must not make a mean
        mean=quantile_mean(final, QUANTILES),
        paths=paths.astype(np.float32),
        weights={"premium": np.ones(len(periods))},
        champion="premium",
        promotion_reason=f"few quotes: the Chinese price ({base.champion}) times a premium is the one model",
        reports=(FitReport(model="premium", status="ok", parameters=fit.components),),
        calibration=CalibrationReport(
            kind="premium",
            n_errors=0,
            volatility=base.calibration.volatility,
            note=f"{len(fit.points)} dated quotes; no coverage is claimed",
        ),
        base_quantiles=base_quantiles,
        base_paths=base_paths,
        open_events=joint.open_events,
        events=(*control_uses(fit), *effects.uses(premium, periods)),
        caveats=(
            *fit.notes,
            *notes,
            *open_event_caveats(base_quantiles, final),
            *(n for n in rates.notes if n.startswith(("CNY", key.currency))),
            *_slips(rows),
            *(f"In {relation.base}: {said}" for said in history_caveats(history, MONTHS)),
        ),
        details={"last_quote_on": fit.last_day.isoformat(), "premium_events": sorted(in_step)}
        | ({"premium_parts": premium_parts(fit)} if parts else {}),
    )
    return forecast, fit
