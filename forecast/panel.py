"""One panel at one cutoff: every candidate's paths from every past origin, calibrated, scored, combined.

All series are laid on one calendar. Position t is a period of it, step k the (k + 1)-th period after an
origin; cubes are (series, positions, steps). Prices are logs with event effects taken out ("adjusted").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np

from forecast.distribution.calibration import SMALLEST, WARM_UP, Calibration, calibrate, volatility
from forecast.distribution.combination import BENCHMARK, combination_weights, combine
from forecast.estimation import Fit, Map, with_events
from forecast.evaluation.backtest import cutoff_positions, rolling_paths
from forecast.evaluation.metrics import pinball
from forecast.evaluation.selection import Decision, decide_promotion
from forecast.events.event import Event
from forecast.models import CANDIDATES
from forecast.models.base import FitInput
from forecast.types import SCORED_QUANTILES, Array, FitReport, PriceHistory

COMBINATION = "combination"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTask:
    """All that the paths of one series need; picklable, so that any executor can take it.

    data: its adjusted prices as models are given them. contributions: (n, events) log effect of each known
    event at each period; known_from: (events,) index of the first period whose end knows the event. fits: by
    model, oldest first.
    """

    history: PriceHistory
    data: FitInput
    steps: int
    events: tuple[Event, ...]
    contributions: Array
    known_from: Array
    fits: Mapping[str, tuple[Fit, ...]]

    @property
    def adjustment(self) -> Array:
        """Total log effect in force at each period, (n,)."""
        return np.asarray(self.contributions.sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPaths:
    """model -> (n, steps) adjusted log paths, and what became of each model."""

    paths: Mapping[str, Array]
    reports: tuple[FitReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The panel at its cutoff. sd: (u, t); paths, errors: model -> (u, t, k); origins: (u,) positions."""

    tasks: tuple[SeriesTask, ...]
    reports: tuple[tuple[FitReport, ...], ...]
    origins: tuple[int, ...]
    sd: Array
    paths: Mapping[str, Array]
    errors: Mapping[str, Array]
    calibrations: Mapping[str, Calibration]
    weights: Mapping[str, Array]
    decision: Decision
    season: int

    @property
    def last(self) -> int:
        """The newest position of the calendar."""
        return int(self.sd.shape[1]) - 1

    def quantiles(self, model: str, series: int, quantiles: tuple[float, ...]) -> Array:
        """Adjusted log quantiles of one model for one series from its origin, (steps, q); NaN if left out."""
        calibration = self.calibrations[model]
        origin = self.origins[series]
        steps = self.tasks[series].steps
        width = calibration.scale[series, origin] * calibration.shape(self.last, quantiles)[:steps]
        return np.asarray(self.paths[model][series, origin, :steps, None] + width)


def series_paths(task: SeriesTask) -> SeriesPaths:
    """Every model's rolling paths on one series, in adjusted log price."""
    adjustment = task.adjustment

    @cache
    def raw(day: date) -> FitInput:
        return with_events(task.data, task.history, task.events, day)

    paths, reports = {}, []
    for model in CANDIDATES:
        data_of = (lambda fit: raw(fit.day)) if model.uses_events else (lambda _: task.data)
        found, report = rolling_paths(model.name, task.fits[model.name], data_of, task.steps)
        paths[model.name] = found - adjustment[:, None] if model.uses_events else found
        reports.append(report)
    return SeriesPaths(paths=paths, reports=tuple(reports))


def series_errors(task: SeriesTask, paths: Array) -> Array:
    """Errors (n, steps) of adjusted paths: later minus path, with shocks that were no news taken out.

    An event known at the origin is in the forecast, so its effect is not an error; an event that came
    as a surprise after the origin stays in: surprises of that size are what a range has to hold.
    """
    n, steps = paths.shape
    adjusted = task.data.y
    out = np.full((n, steps), np.nan)
    for k in range(min(steps, n - 1)):
        ahead = k + 1
        out[:-ahead, k] = adjusted[ahead:] - paths[:-ahead, k]
        moved = task.contributions[ahead:] - task.contributions[:-ahead]
        unknown = np.arange(n - ahead)[:, None] < task.known_from[None, :]
        out[:-ahead, k] += np.where(unknown, moved, 0.0).sum(axis=1)
    return out


def build_panel(tasks: Sequence[SeriesTask], *, season: int, mapper: Map = map) -> Panel:
    """Filter, lay out, calibrate, score and combine. `mapper` is an executor's map; order is kept."""
    fitted = list(mapper(series_paths, tasks))
    start = min(t.history.periods[0].ordinal for t in tasks)
    length = max(t.history.origin.ordinal for t in tasks) - start + 1
    steps = max(t.steps for t in tasks)
    shape = (len(tasks), length, steps)
    names = [m.name for m in CANDIDATES]
    paths = {name: np.full(shape, np.nan) for name in names}
    errors = {name: np.full(shape, np.nan) for name in names}
    sd = np.full(shape[:2], np.nan)
    for u, (task, found) in enumerate(zip(tasks, fitted, strict=True)):
        first = task.history.periods[0].ordinal - start
        rows = slice(first, first + len(task.history.periods))
        sd[u, rows] = volatility(task.data.y)
        for name in names:
            paths[name][u, rows, : task.steps] = found.paths[name]
            errors[name][u, rows, : task.steps] = series_errors(task, found.paths[name])
        # before the volatility is one, an error says nothing about ranges
        quotes = np.flatnonzero(np.isfinite(task.history.y))
        young = first + (quotes[WARM_UP - 1] if len(quotes) >= WARM_UP else len(task.history.y))
        for name in names:
            errors[name][u, :young] = np.nan
    filled = np.where(np.isfinite(sd), sd, SMALLEST)
    calibrations = {name: calibrate(errors[name], filled, season) for name in names}
    draft = Panel(
        tasks=tuple(tasks),
        reports=tuple(f.reports for f in fitted),
        origins=tuple(t.history.origin.ordinal - start for t in tasks),
        sd=sd,
        paths=paths,
        errors=errors,
        calibrations=calibrations,
        weights={},
        decision=Decision(promote=False, reason="", gain=0.0, shrunk_gain=0.0, chance=0.0, cutoffs=0, dm=0.0),
        season=season,
    )
    return choose(draft)


def score(errors: Array, calibration: Calibration, cutoffs: Sequence[int]) -> tuple[Array, Array]:
    """(pinball, inside 80 %) of one forecaster at the cutoffs, both (u, j, k), NaN where no outcome.

    At cutoff j the range uses errors available at j only; log-price units, mean over 19 quantiles.
    """
    levels = (*SCORED_QUANTILES,)
    loss = np.full((errors.shape[0], len(cutoffs), errors.shape[2]), np.nan)
    inside = loss.copy()
    for j, at in enumerate(cutoffs):
        width = calibration.scale[:, at, None, None] * calibration.shape(at, levels)[None]
        error = errors[:, at]
        loss[:, j] = pinball(error, width, levels)
        held = (error >= width[..., levels.index(0.1)]) & (error <= width[..., levels.index(0.9)])
        inside[:, j] = np.where(np.isfinite(error), held, np.nan)
    return loss, inside


def choose(panel: Panel) -> Panel:
    """Weights from past scores, the combination, and the decision whether it replaces the random walk.

    The combination is scored prequentially: at each cutoff with the weights known at that cutoff.
    """
    steps = panel.errors[BENCHMARK].shape[2]
    first = WARM_UP + int(np.flatnonzero(np.isfinite(panel.sd).any(axis=0))[0])
    cutoffs = cutoff_positions(min(first, panel.last), panel.last)
    scores = {n: score(e, panel.calibrations[n], cutoffs)[0] for n, e in panel.errors.items()}
    at = np.asarray(cutoffs)
    ahead = at[:, None] + np.arange(1, steps + 1)[None, :]
    weights = combination_weights(scores, ahead <= panel.last)
    combined_paths = combine(panel.paths, weights)
    combined_errors = _combined_errors(panel, combined_paths)
    calibration = calibrate(
        combined_errors, np.where(np.isfinite(panel.sd), panel.sd, SMALLEST), panel.season
    )
    honest = np.full_like(combined_errors, np.nan)
    for known in cutoffs:
        then = combination_weights(scores, ahead <= known)
        moved = combine({n: p[:, known] for n, p in panel.paths.items()}, then) - combined_paths[:, known]
        honest[:, known] = combined_errors[:, known] - moved
    mine, inside = score(honest, calibration, cutoffs)
    spacing = max((cutoffs[-1] - cutoffs[0]) / max(len(cutoffs) - 1, 1), 1.0)
    decision = decide_promotion(
        mine,
        scores[BENCHMARK],
        inside80=inside,
        step_span=int(np.ceil(steps / spacing)),
        finite=bool(np.isfinite([combined_paths[u, o, 0] for u, o in enumerate(panel.origins)]).all()),
    )
    return replace(
        panel,
        paths={**panel.paths, COMBINATION: combined_paths},
        errors={**panel.errors, COMBINATION: combined_errors},
        calibrations={**panel.calibrations, COMBINATION: calibration},
        weights=weights,
        decision=decision,
    )


def _combined_errors(panel: Panel, combined: Array) -> Array:
    """Errors of the combined path: the random walk's, moved by the difference of the two paths."""
    return np.asarray(panel.errors[BENCHMARK] - (combined - panel.paths[BENCHMARK]))
