"""One panel at one cutoff: every candidate's paths from every past origin, calibrated, scored, combined.

All series are laid on one calendar. Position t is a period of it, step k the (k + 1)-th period after an
origin; cubes are (series, positions, steps). Prices are logs with event effects taken out ("adjusted").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial

import numpy as np

from forecast.dealing import Deal, all_done, here
from forecast.distribution.calibration import WARM_UP, Calibration, calibrate
from forecast.distribution.common import News
from forecast.distribution.volatility import SMALLEST
from forecast.distribution.young import panel_volatility
from forecast.estimation import Fit
from forecast.evaluation.backtest import rolling_paths
from forecast.evaluation.choice import choose
from forecast.evaluation.selection import Decision
from forecast.events.event import Event
from forecast.known import with_events
from forecast.models import CANDIDATES
from forecast.models.base import Candidate, FitInput, Origins
from forecast.types import QUANTILES, Array, FitReport, PriceHistory, Progress, Step

COMBINATION = "combination"
HALF_80 = 1.2816  # normal score of the upper end of an 80 % range


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
    """model -> (n, steps) adjusted log paths, half widths of those that know their own range, and what became
    of each model."""

    paths: Mapping[str, Array]
    spreads: Mapping[str, Array]
    reports: tuple[FitReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The panel at its cutoff. sd: (u, t); paths, errors: model -> (u, t, k); origins: (u,) positions.

    shapes: model -> (k, 21), the newest of its calibration at QUANTILES.
    """

    tasks: tuple[SeriesTask, ...]
    reports: tuple[tuple[FitReport, ...], ...]
    origins: tuple[int, ...]
    sd: Array
    paths: Mapping[str, Array]
    errors: Mapping[str, Array]
    calibrations: Mapping[str, Calibration]
    shapes: Mapping[str, Array]
    weights: Mapping[str, Array]
    plain: Mapping[str, Array]
    news: News
    decision: Decision
    season: int

    @property
    def last(self) -> int:
        """The newest position of the calendar."""
        return int(self.sd.shape[1]) - 1

    def quantiles(self, model: str, series: int) -> Array:
        """Adjusted log quantiles (steps, 21) of one model for one series from its origin; NaN if left out."""
        origin = self.origins[series]
        steps = self.tasks[series].steps
        scale = self.calibrations[model].scale[series, origin, :steps, None]
        return np.asarray(
            self.paths[model][series, origin, :steps, None] + scale * self.shapes[model][:steps]
        )


def series_paths(
    task: SeriesTask, models: Sequence[Candidate] = CANDIDATES, only: Origins | None = None
) -> SeriesPaths:
    """Rolling paths of models on one series, in adjusted log price; after the origins `only`, if given."""
    adjustment = task.adjustment

    @cache
    def raw(day: date) -> FitInput:
        return with_events(task.data, task.history, task.events, day)

    paths, spreads, reports = {}, {}, []
    for model in models:
        data_of = (lambda fit: raw(fit.day)) if model.uses_events else (lambda _: task.data)
        found = rolling_paths(model.name, task.fits[model.name], data_of, task.steps, only)
        paths[model.name] = found.paths - adjustment[:, None] if model.uses_events else found.paths
        if found.spreads is not None:
            spreads[model.name] = found.spreads
        reports.append(found.report)
    return SeriesPaths(paths=paths, spreads=spreads, reports=tuple(reports))


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


def build_panel(
    tasks: Sequence[SeriesTask],
    *,
    season: int,
    models: Sequence[Candidate] = CANDIDATES,
    deal: Deal = here,
    progress: Progress | None = None,
) -> Panel:
    """Filter, lay out, calibrate, score and combine. Raises WorkLost when the paths of a series are lost."""
    ids = [task.history.key.unique_id for task in tasks]
    fitted: list[SeriesPaths] = []
    for found in all_done(
        deal(partial(series_paths, models=models), tasks), (f"the paths of {i}" for i in ids)
    ):
        fitted.append(found)
        if progress:
            done = len(fitted)
            progress(Step(stage="paths", done=done, total=len(tasks), series=ids[done - 1]))
    start = min(t.history.periods[0].ordinal for t in tasks)
    length = max(t.history.origin.ordinal for t in tasks) - start + 1
    steps = max(t.steps for t in tasks)
    shape = (len(tasks), length, steps)
    names = [m.name for m in models]
    paths = {name: np.full(shape, np.nan) for name in names}
    errors = {name: np.full(shape, np.nan) for name in names}
    spreads = {name: np.full(shape, np.nan) for found in fitted for name in found.spreads}
    prices = np.full(shape[:2], np.nan)
    for u, (task, found) in enumerate(zip(tasks, fitted, strict=True)):
        first = task.history.periods[0].ordinal - start
        rows = slice(first, first + len(task.history.periods))
        prices[u, rows] = task.data.y
        for name in names:
            paths[name][u, rows, : task.steps] = found.paths[name]
            errors[name][u, rows, : task.steps] = series_errors(task, found.paths[name])
        for name, half in found.spreads.items():
            spreads[name][u, rows, : task.steps] = half
        # before the volatility is one, an error says nothing about ranges
        quotes = np.flatnonzero(np.isfinite(task.history.y))
        young = first + (quotes[WARM_UP - 1] if len(quotes) >= WARM_UP else len(task.history.y))
        for name in names:
            errors[name][u, :young] = np.nan
    sd = panel_volatility(prices, season)
    filled = np.where(np.isfinite(sd), sd, SMALLEST)
    root = np.sqrt(np.arange(1, steps + 1))
    own = {
        name: np.where(np.isfinite(half), half / (HALF_80 * root), SMALLEST) for name, half in spreads.items()
    }
    calibrations = {n: calibrate(errors[n], own.get(n, filled[:, :, None]), season) for n in names}
    origins = tuple(t.history.origin.ordinal - start for t in tasks)
    first = int(np.flatnonzero(np.isfinite(sd).any(axis=0))[0])
    combined = choose(paths, errors, calibrations, filled, first=first, origins=origins, season=season)
    calibrations[COMBINATION] = combined.calibration
    newest = length - 1
    return Panel(
        tasks=tuple(tasks),
        reports=tuple(f.reports for f in fitted),
        origins=origins,
        sd=sd,
        paths={**paths, COMBINATION: combined.paths},
        errors={**errors, COMBINATION: combined.errors},
        calibrations=calibrations,
        shapes={n: c.shape(newest, QUANTILES) for n, c in calibrations.items()},
        weights=combined.weights,
        plain=combined.plain,
        news=combined.news,
        decision=combined.decision,
        season=season,
    )
