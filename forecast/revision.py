"""Why did the forecast change? From what an old run stood on to what a new one stands on, a step at a time.

    new data       quotes and exchange rates that came since, read on the new day
    revised data   corrections of those that were there
    events         new and changed events, and the time that passed over known ones
    parameters     what was estimated again: models, effects, ranges, the walk of a premium
    model choice   which forecaster is served, and its weights

Each step is a forecast issued again with stored parameters: nothing is estimated. A part is the difference of
two such forecasts in log median, so the parts sum to the change and none is called "other".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.assembly import base_forecast
from forecast.distribution.calibration import WARM_UP
from forecast.distribution.combination import combine
from forecast.distribution.common import in_usual_size, mean_over_series
from forecast.distribution.headline import event_terms
from forecast.distribution.young import panel_volatility
from forecast.errors import InputError
from forecast.events.effects import effects_from
from forecast.events.event import Event
from forecast.events.event import known_at as events_known_at
from forecast.fold import Setting, forecast_targets, series_task
from forecast.known import Known
from forecast.models import get_candidate
from forecast.models.base import FitInput
from forecast.panel import COMBINATION, series_errors, series_paths
from forecast.parameters import Choice, RunParameters
from forecast.periods import steps_between, to_books
from forecast.types import QUANTILES, Array, CalibrationReport, Relation, SeriesForecast

PARTS = ("new data", "revised data", "events", "parameters", "model choice")
MIDDLE = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the forecasts of one run stand on.

    history, fx, seed: as run_panel takes them. day: on which they were issued. ends: last period, by series.
    paths: series -> (ordinal of its origin, base paths (draws, steps)), whose ranks say how months move
    together.
    """

    history: pd.DataFrame
    fx: pd.DataFrame | None
    events: tuple[Event, ...]
    day: date
    ends: Mapping[str, pd.Period]
    parameters: RunParameters
    paths: Mapping[str, tuple[int, NDArray[np.float32]]]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """old, new: (steps,) log medians of the months that both forecasts hold; parts: PARTS -> (steps,)."""

    periods: pd.PeriodIndex
    old: Array
    new: Array
    parts: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """One forecast on the way: prices of `data` on its day, events of `events` on theirs."""

    history: pd.DataFrame
    fx: pd.DataFrame | None
    day: date
    end: pd.Period
    events: tuple[Event, ...]
    events_day: date
    parameters: RunParameters
    paths: Mapping[str, tuple[int, NDArray[np.float32]]]
    choices: Mapping[str, Choice]
    seed: int


def explain(
    old: Basis,
    new: Basis,
    series: str,
    *,
    relations: Sequence[Relation],
    freq: str,
    horizon: int,
) -> Change:
    """Take the change of one series' forecast apart. relations: of every series outside China to its base.

    Raises InputError where the runs have no month in common or one lacks the parameters of the series.
    """
    medians = [
        _median(stand, series, relations=relations, freq=freq, horizon=horizon)
        for stand in _stands(old, new, series)
    ]
    shared = medians[0].index
    for found in medians[1:]:
        shared = shared.intersection(found.index)
    if not len(shared):
        raise InputError(f"{series}.periods", "none in common", "two forecasts that share a month")
    logs = [found.loc[shared].to_numpy(np.float64) for found in medians]
    steps = [after - before for before, after in pairwise(logs)]
    return Change(
        periods=pd.PeriodIndex(shared),
        old=logs[0],
        new=logs[-1],
        parts=dict(zip(PARTS, steps, strict=True)),
    )


def _stands(old: Basis, new: Basis, series: str) -> Iterator[_Stand]:
    """The old forecast, and then with one thing after another taken from the new one."""
    if series not in old.ends or series not in new.ends:
        raise InputError("series", series, "one that both runs forecast")
    at = _Stand(
        history=old.history,
        fx=old.fx,
        day=old.day,
        end=old.ends[series],
        events=old.events,
        events_day=old.day,
        parameters=old.parameters,
        paths=old.paths,
        choices=old.parameters.choices,
        seed=old.seed,
    )
    yield at
    history = _joined(old.history, new.history, ["unique_id", "ds"])
    fx = _joined(old.fx, new.fx, ["month"]) if old.fx is not None and new.fx is not None else new.fx
    at = replace(at, history=history, fx=fx, day=new.day, end=new.ends[series])
    yield at
    at = replace(at, history=new.history, fx=new.fx)
    yield at
    at = replace(at, events=new.events, events_day=new.day)
    yield at
    at = replace(at, parameters=new.parameters, paths=new.paths, seed=new.seed)
    yield at
    yield replace(at, choices=new.parameters.choices)


def _joined(old: pd.DataFrame, new: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Rows of `old` as they were, and those of `new` that it did not have."""
    known = pd.MultiIndex.from_frame(old[key])
    fresh = ~pd.MultiIndex.from_frame(new[key]).isin(known)
    return pd.concat([old, new[fresh]], ignore_index=True).sort_values(key, ignore_index=True)


def _median(at: _Stand, series: str, *, relations: Sequence[Relation], freq: str, horizon: int) -> pd.Series:
    """Log median by period of one series."""
    relation = next((r for r in relations if r.target == series), None)
    outside = at.history["unique_id"].isin([r.target for r in relations])
    name = relation.base if relation else series
    setting = Setting(
        points=at.history[at.history["unique_id"] == series],
        relations=(relation,) if relation else (),
        fx=at.fx,
        freq=freq,
        horizon=horizon,
        quantiles=QUANTILES,
        seed=at.seed,
    )
    events = events_known_at(at.events, at.events_day)
    choice = at.choices.get(name)
    if choice is None or name not in at.parameters.series:
        raise InputError(name, "no stored parameters", "a series that both runs forecast")
    # the whole panel: its volatility and its news are in the forecast of each series
    rows = at.history[~outside]
    found = [b.at(at.day) for b in to_books(rows, freq)] if len(rows) else []
    histories = tuple(h for h in found if h is not None)
    effects = {
        market: effects_from(at.parameters.effects.get(market), events, market, at.events_day)
        for market in {h.key.market for h in histories if h.key.market and h.key.element}
    }
    known = Known(day=at.day, histories=histories, events=events, effects=effects)
    if name not in known.place:
        raise InputError(name, f"no price by {at.day}", "a series that both runs forecast")
    base, final = _calendar_forecast(at, setting, known, name)
    if relation is None:
        return pd.Series(final[:, MIDDLE], index=base.periods)
    premium = at.parameters.premiums.get(relation.target)
    if premium is None:
        raise InputError(relation.target, "no stored parameters", "a series that both runs forecast")
    _, made, failed = forecast_targets(
        setting, known, [base], events_at=at.events_day, walks={relation.target: premium.walk}
    )
    if failed:
        raise InputError(failed[0][0], failed[0][1], "inputs that give a forecast")
    return pd.Series(np.log(made[0][0].values[:, MIDDLE]), index=made[0][0].periods)


def _calendar_forecast(at: _Stand, setting: Setting, known: Known, name: str) -> tuple[SeriesForecast, Array]:
    """Forecast of a series on a calendar, as far as one outside China needs it, and final log quantiles."""
    history = known.histories[known.place[name]]
    effects = known.effects.get(history.key.market or "")
    periods = pd.period_range(history.origin + 1, at.end, freq=history.periods.freq)
    choice = at.choices[name]
    terms = event_terms(effects, history.key, history.origin, periods)
    origin, drawn = at.paths[name]
    columns = np.clip(periods.asi8 - origin - 1, 0, drawn.shape[1] - 1)
    baseline = _baseline(known, name, at.parameters, choice, setting, len(periods))
    base, final, paths = base_forecast(baseline, terms, drawn[:, columns].astype(np.float64))
    forecast = SeriesForecast(
        key=history.key,
        origin=history.origin,
        last_price=float(history.y[-1]),
        lag=max(steps_between(history.origin, pd.Period(at.day, setting.rule)), 0),
        periods=periods,
        quantiles=QUANTILES,
        values=np.exp(final),
        mean=np.exp(final[:, MIDDLE]),
        paths=np.exp(paths),
        weights=choice.weights,
        champion=choice.champion,
        promotion_reason="",
        reports=(),
        calibration=CalibrationReport(kind="pooled", n_errors=0, volatility=0.0),
        base_quantiles=base,
        base_paths=paths,
        open_events=terms.open_events,
    )
    return forecast, final


def _baseline(
    known: Known, name: str, parameters: RunParameters, choice: Choice, setting: Setting, steps: int
) -> Array:
    """Log quantiles (steps, 21) before events, from stored parameters and the prices that are known."""
    u, kept = known.place[name], parameters.series[name]
    inputs = known.inputs(setting.season, setting.seed)
    start = min(d.periods[0].ordinal for d in inputs)
    end = max(d.periods[-1].ordinal for d in inputs) + 1
    prices = np.full((len(inputs), end - start), np.nan)
    for row, data in enumerate(inputs):
        prices[row, data.periods.asi8 - start] = data.y
    sd = panel_volatility(prices, setting.season)
    history = known.histories[u]
    origin = history.origin.ordinal - start
    task = series_task(known, history, inputs[u], steps, kept.fits)
    last = np.array([len(history.y) - 1])
    if missing := [m for m in choice.weights if m not in kept.fits]:
        raise InputError(f"{name}.{missing[0]}", "no stored fit", "a model that both runs have")
    if choice.champion not in kept.widths:
        raise InputError(f"{name}.{choice.champion}", "no stored range", "a forecaster that both runs have")
    paths = series_paths(task, [get_candidate(m) for m in choice.weights], last).paths
    weights = {m: _reaching(row, steps) for m, row in choice.weights.items()}
    median = combine({m: path[-1] for m, path in paths.items()}, weights)
    if choice.champion == COMBINATION:
        raw = _news(known, inputs, parameters, history.origin.ordinal, sd[:, origin - 1])
        news = in_usual_size(raw, np.array(kept.news_squares), np.array(kept.news_count))
        median = median + sd[u, origin] * _reaching(kept.echo, steps) * news
    width = _reaching(kept.widths[choice.champion], steps) * sd[u, origin]
    return np.asarray(median[:, None] + width + history.log_price[-1] - inputs[u].y[-1])


def _news(
    known: Known, inputs: Sequence[FitInput], parameters: RunParameters, ordinal: int, sd: Array
) -> Array:
    """The panel's news in a period: mean standardised error of the plain mixture's step into it.

    sd: (u,) volatilities known before.
    """
    models = [get_candidate(m) for m, weight in parameters.plain.items() if weight > 0.0]
    weights = {m: np.array([weight]) for m, weight in parameters.plain.items()}
    scores = np.full(len(inputs), np.nan)
    for v, (history, data) in enumerate(zip(known.histories, inputs, strict=True)):
        at = ordinal - 1 - history.periods[0].ordinal
        kept = parameters.series.get(history.key.unique_id)
        quotes = np.flatnonzero(np.isfinite(history.y))
        young = len(quotes) < WARM_UP or at < quotes[WARM_UP - 1]
        if kept is None or young or at + 1 >= len(history.y) or not np.isfinite(history.y[at : at + 2]).all():
            continue
        task = series_task(known, history, data, 1, kept.fits)
        paths = series_paths(task, models, np.array([at])).paths
        scores[v] = series_errors(task, combine(paths, weights))[at, 0] / sd[v]
    return np.asarray(mean_over_series(scores[:, None])[0])


def _reaching(rows: Array, steps: int) -> Array:
    """The first `steps` rows; where the stored ones end earlier the last stands in. What is beyond them is
    not reported: the other forecast does not hold those months."""
    return np.asarray(rows[np.minimum(np.arange(steps), len(rows) - 1)])
