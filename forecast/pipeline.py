"""The face of the package: prices and events in, calibrated forecasts out.

    forecast_panel   long frame of the newest forecast, one row per series and period
    backtest_panel   the same at past cutoffs, for every model and for "champion"
    run_panel        the full result with paths, weights, reports and reasons

Time: `known_at` is the day whose end bounds every price and event. The period that holds it is step 0;
`horizon` counts the periods after it. Periods between a series' last quote and step 0 are the nowcast.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.assembly import draw_shocks, price_quantiles, series_forecast
from forecast.distribution.fx import FxPaths
from forecast.distribution.paths import at_quantiles, quantile_mean
from forecast.errors import ForecastError, InputError
from forecast.events.effects import EffectsFit, fit_effects
from forecast.events.event import Event
from forecast.events.event import known_at as events_known_at
from forecast.outside import draw_rates, forecast_outside
from forecast.panel import SeriesTask, build_panel
from forecast.periods import (
    available,
    check_history,
    label,
    last_day,
    period_frequency,
    steps_between,
    to_day,
    to_histories,
)
from forecast.types import QUANTILES, Array, PriceHistory, Relation, SeriesForecast

Progress = Callable[[str, int, int], None]
CHAMPION = "champion"
MONTHLY = "MS"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRun:
    """Forecasts of one run, and the series that got none with the reason."""

    forecasts: tuple[SeriesForecast, ...]
    failures: tuple[tuple[str, str], ...]
    known_at: date
    seed: int
    rates: FxPaths | None  # joint paths of CNY and EUR per USD over all months forecast
    by_model: dict[str, dict[str, Array]]  # model -> series -> log price quantiles at QUANTILES, (steps, 21)


def _check_arguments(horizon: int, quantiles: Sequence[float]) -> tuple[float, ...]:
    if not isinstance(horizon, int | np.integer) or horizon < 1:
        raise InputError("horizon", horizon, "a whole number of steps from 1")
    chosen = tuple(float(q) for q in quantiles)
    if not chosen or list(chosen) != sorted(set(chosen)) or chosen[0] <= 0 or chosen[-1] >= 1:
        raise InputError("quantiles", chosen, "increasing numbers between 0 and 1")
    return chosen


def _group(histories: Sequence[PriceHistory]) -> dict[str, list[PriceHistory]]:
    """Histories by market: effects are never pooled over markets."""
    out: dict[str, list[PriceHistory]] = {}
    for history in histories:
        if history.key.market and history.key.element:
            out.setdefault(history.key.market, []).append(history)
    return out


def _task(
    history: PriceHistory,
    fit: EffectsFit | None,
    events: tuple[Event, ...],
    steps: int,
    season: int,
    seed: int,
) -> SeriesTask:
    """What fitting one series needs: its contributions from the effects layer, if events touch it."""
    contributions, known_from = np.zeros((len(history.y), 0)), np.zeros(0)
    if fit is not None:
        days, contributions = fit.contributions(history.key, history.periods)
        ends = [last_day(p) for p in history.periods]
        known_from = np.array([bisect_left(ends, d) for d in days], dtype=np.float64)
    return SeriesTask(
        history=history,
        steps=steps,
        season=season,
        events=events if fit is not None else (),
        contributions=contributions,
        known_from=known_from,
        seed=seed,
    )


def run_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    known_at: date | None = None,
    executor: Executor | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    models: bool = False,
) -> PanelRun:
    """Forecast every series of a long frame `unique_id, ds, y` (optional element, market, currency,
    available_on) `horizon` periods beyond `known_at`; without it, beyond each series' own last quote.

    events: with their life-cycle; only what was public at `known_at` is used. relations: series quoted
    outside China, modelled as the Chinese price times a premium; needs `fx` (month, CNY, EUR per USD) and
    monthly data.
    executor: fits series in parallel; the numbers do not depend on it. models: also give the quantiles
    of each model in `by_model`. Raises InputError for arguments or rows that cannot be used; a series
    that cannot be forecast is in `failures` with its reason.
    """
    chosen = _check_arguments(horizon, quantiles)
    rule, season = period_frequency(freq)
    history = check_history(history)
    known_at = to_day(known_at)
    outside = {r.target for r in relations}
    seen = available(history, known_at, rule, outside)
    histories = to_histories(seen[~seen["unique_id"].isin(outside)], freq)
    missing = sorted(set(history["unique_id"]) - outside - {h.key.unique_id for h in histories})
    failures = [(u, "no price was available by the day asked for") for u in missing]
    short = [h for h in histories if np.isfinite(h.y).sum() < 2]
    failures += [(h.key.unique_id, "one quote is no history: at least 2 are needed") for h in short]
    histories = [h for h in histories if np.isfinite(h.y).sum() >= 2]
    if not histories:
        raise InputError("history", "no series with two available prices", "at least one")
    day = known_at or max(last_day(h.origin) for h in histories)
    public = events_known_at(events, day)
    effects = {m: fit_effects(group, public, day) for m, group in _group(histories).items()} if public else {}
    tasks = [
        _task(
            h,
            effects.get(h.key.market or ""),
            public,
            horizon + (max(steps_between(h.origin, pd.Period(day, rule)), 0) if known_at else 0),
            season,
            seed,
        )
        for h in histories
    ]
    if progress:
        progress("models", 0, len(tasks))
    panel = build_panel(tasks, season=season, mapper=executor.map if executor else map)
    forecasts: list[SeriesForecast] = []
    by_model: dict[str, dict[str, Array]] = {}
    for u, (task, shock) in enumerate(
        zip(tasks, draw_shocks(panel, np.random.default_rng(seed)), strict=True)
    ):
        fit = effects.get(task.history.key.market or "")
        forecast, drawn = series_forecast(panel, u, fit, shock, chosen, horizon)
        forecasts.append(forecast)
        for name in panel.paths if models else ():
            values = price_quantiles(panel, u, name, drawn)
            if np.isfinite(values).all():
                by_model.setdefault(name, {})[forecast.key.unique_id] = values
        if progress:
            progress("ranges", u + 1, len(tasks))
    rates = None
    if fx is not None and not fx.empty and freq == MONTHLY:
        # a dated quote outside China may be older than the Chinese one: its months count too
        oldest = pd.Period(seen.groupby("unique_id")["ds"].max().min(), rule) + 1
        first = max(oldest, pd.Period(fx["month"].min(), rule))
        rates = draw_rates(fx, pd.period_range(first, max(f.periods[-1] for f in forecasts)), day, seed)
    for relation in relations:
        try:
            forecasts.append(
                forecast_outside(relation, seen, forecasts, histories, public, fx, rates, day, chosen, seed)
            )
        except ForecastError as error:
            failures.append((relation.target, str(error)))
    return PanelRun(
        forecasts=tuple(sorted(forecasts, key=lambda f: f.key.unique_id)),
        failures=tuple(sorted(failures)),
        known_at=day,
        seed=seed,
        rates=rates,
        by_model=by_model,
    )


def forecast_frame(run: PanelRun, freq: str) -> pd.DataFrame:
    """Horizon rows of a run as the long frame unique_id, ds, mean, q0.025 ... q0.975."""
    frames = []
    for f in run.forecasts:
        columns = {f"q{q:g}": f.values[f.lag :, i] for i, q in enumerate(f.quantiles)}
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f.key.unique_id,
                    "ds": label(f.periods[f.lag :], freq),
                    "mean": f.mean[f.lag :],
                    **columns,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def forecast_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    known_at: date | None = None,
    executor: Executor | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """run_panel as a long frame unique_id, ds, mean, q0.025 ...: `horizon` rows a series.

    Raises InputError when a series cannot be forecast: a caller of a frame must not miss one unseen.
    """
    run = run_panel(
        history,
        horizon=horizon,
        freq=freq,
        quantiles=quantiles,
        events=events,
        relations=relations,
        fx=fx,
        known_at=known_at,
        executor=executor,
        seed=seed,
    )
    if run.failures:
        name, why = run.failures[0]
        raise InputError(name, why, "a series that can be forecast; run_panel reports failures instead")
    return forecast_frame(run, freq)


def backtest_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    cutoffs: Sequence[date],
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    lag: int | Mapping[str, int] = 0,
    executor: Executor | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """What would have been forecast at each cutoff: unique_id, ds, cutoff, model, mean, q0.025 ...

    A cutoff names its period, which is step 0: what was public by the end of that period is
    known. `lag` periods up to the cutoff are withheld as they are late today, by series or for all (0: the
    cutoff's own period is known).
    At each cutoff everything is done again from what was known then: effects, parameters, ranges, weights
    and choice; so `model == "champion"` is prequential. A row with an `available_on` counts from that day
    on, its own period included. A cutoff before the history begins gives no rows, as does a series that
    could not be forecast at it. executor runs cutoffs in parallel with the same numbers.
    """
    rule, _ = period_frequency(freq)
    history = check_history(history)
    periods = pd.PeriodIndex(history["ds"], freq=rule)
    days = pd.to_datetime(history["available_on"]) if "available_on" in history else None
    late = history["unique_id"].map(lambda u: lag if isinstance(lag, int) else lag.get(u, 0)).to_numpy(int)
    ordinals = np.asarray(periods.asi8)
    jobs, folds = [], []
    for cutoff in cutoffs:
        known = pd.Period(cutoff, rule)
        keep = ordinals <= known.ordinal - late
        if days is not None:
            keep &= (days <= pd.Timestamp(last_day(known))).to_numpy()
        own = history[keep & ~history["unique_id"].isin([r.target for r in relations]).to_numpy()]
        if own.groupby("unique_id")["y"].count().max() < 2 or own.empty:
            continue
        folds.append(cutoff)
        seen = history[keep].drop(columns="available_on", errors="ignore")
        jobs.append(
            {
                "history": seen,
                "horizon": horizon,
                "freq": freq,
                "quantiles": tuple(quantiles),
                "events": tuple(events),
                "relations": tuple(relations),
                "fx": fx,
                "known_at": last_day(known),
                "seed": seed,
                "models": True,
            }
        )
    if not jobs:
        raise InputError(
            "cutoffs", [str(c) for c in cutoffs], "at least one with two available prices before it"
        )
    chosen, frames = _check_arguments(horizon, quantiles), []
    for i, run in enumerate((executor.map if executor else map)(_run_job, jobs)):
        frames.append(_fold_frame(run, freq, chosen).assign(cutoff=pd.Timestamp(folds[i])))
        if progress:
            progress("backtest", i + 1, len(jobs))
    return pd.concat(frames, ignore_index=True)


def _run_job(job: dict[str, Any]) -> PanelRun:
    return run_panel(**job)


def _fold_frame(run: PanelRun, freq: str, quantiles: tuple[float, ...]) -> pd.DataFrame:
    """Champion and every model of one fold, horizon rows only."""
    frames = [forecast_frame(run, freq).assign(model=CHAMPION)]
    for name, found in run.by_model.items():
        for f in run.forecasts:
            if f.key.unique_id in found:
                logs = found[f.key.unique_id][f.lag :]
                values = np.exp(at_quantiles(logs, QUANTILES, quantiles))
                frames.append(
                    pd.DataFrame({f"q{q:g}": values[:, i] for i, q in enumerate(quantiles)}).assign(
                        unique_id=f.key.unique_id,
                        ds=label(f.periods[f.lag :], freq),
                        model=name,
                        mean=quantile_mean(logs, QUANTILES),
                    )
                )
    return pd.concat(frames, ignore_index=True)
