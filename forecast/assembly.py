"""From a fitted panel to the forecast of each series: ranges, event effects, sample paths, reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.caveats import history_caveats, newest_slips, open_event_caveats
from forecast.distribution.calibration import WARM_UP
from forecast.distribution.combination import BENCHMARK
from forecast.distribution.headline import EventTerms, event_terms
from forecast.distribution.paths import (
    DRAWS,
    at_quantiles,
    past_scores,
    reorder,
)
from forecast.distribution.shocks import shared_levels, shifts
from forecast.distribution.volatility import SMALLEST
from forecast.estimation import Fit
from forecast.events.course import Course
from forecast.events.effects import EffectsFit
from forecast.panel import COMBINATION, Panel
from forecast.parameters import SeriesParameters
from forecast.types import QUANTILES, Array, CalibrationReport, OpenEvent, SeriesForecast

MIDDLE = QUANTILES.index(0.5)
OWN_ERRORS = 60  # independent own errors from which a range is called the series' own


def draw_shocks(panel: Panel, rng: np.random.Generator) -> list[Array]:
    """One (draws, steps) walk a series, its shocks those of past periods, the same ones for all series."""
    first = min(panel.origins)
    ends = [o + t.steps for o, t in zip(panel.origins, panel.tasks, strict=True)]
    errors = panel.errors[BENCHMARK][:, :, 0] / panel.calibrations[BENCHMARK].scale[:, :, 0]
    shocks = past_scores(DRAWS, max(ends) - first, errors, rng)
    return [
        np.cumsum(shocks[:, o - first : end - first, u], axis=1)
        for u, (o, end) in enumerate(zip(panel.origins, ends, strict=True))
    ]


def shifted(logs: Array, courses: Sequence[Course], chances: Sequence[float], seed: int) -> Array:
    """Log paths (draws, steps) with events added, each in the draws in which it happens to every series."""
    if not courses:
        return logs
    levels = shared_levels((c.name for c in courses), len(logs), seed)
    return logs + shifts(courses, chances, levels)


def headline_paths(
    base_paths: NDArray[np.float32],
    final: Array,
    events: Sequence[OpenEvent],
    courses: Sequence[Course],
    seed: int,
) -> Array:
    """Prices (draws, steps): base paths with the open events added, then exactly the marginals of `final`."""
    added = shifted(base_paths.astype(np.float64), courses, [e.probability for e in events], seed)
    return np.exp(reorder(added, final, QUANTILES))


def withheld(panel: Panel, series: int, model: str) -> str | None:
    """Why a forecaster cannot speak for a series now, or None. The random walk always can."""
    if model == BENCHMARK:
        return None
    if newest_slips(panel.tasks[series].history):
        return "the newest price looks like a slip, and no model can tell what comes after one"
    if not np.isfinite(panel.paths[model][series, panel.origins[series], 0]):
        return f"the {model} has no finite path from the newest price"
    return None


def chosen_model(panel: Panel, series: int) -> str:
    """The combination if it was promoted and can speak for this series, else the random walk."""
    speaks = withheld(panel, series, COMBINATION) is None
    return COMBINATION if panel.decision.promote and speaks else BENCHMARK


def chosen_reason(panel: Panel, series: int) -> str:
    """Why that one is chosen."""
    reason = withheld(panel, series, COMBINATION) or panel.decision.reason
    chosen = chosen_model(panel, series) == COMBINATION
    return reason if chosen else f"the combination is not served: {reason}"


def model_weights(panel: Panel, series: int, model: str) -> dict[str, Array]:
    """Weights of the models in a forecaster, (steps,): those without a path here give theirs to the rest."""
    steps, at = panel.tasks[series].steps, panel.origins[series]
    if model == BENCHMARK:
        return {BENCHMARK: np.ones(steps)}
    here = {
        name: np.where(np.isfinite(panel.paths[name][series, at, :steps]), row[:steps], 0.0)
        for name, row in panel.weights.items()
    }
    total = np.sum(list(here.values()), axis=0)
    return {name: row / total for name, row in here.items() if row.any()}


def price_quantiles(panel: Panel, series: int, model: str, terms: EventTerms) -> Array:
    """Log price quantiles at QUANTILES, (steps, 21): adjusted quantiles, re-anchored, events mixed in."""
    return terms.mixed(terms.base(anchored(panel, series, model)))


def anchored(panel: Panel, series: int, model: str) -> Array:
    """Baseline log quantiles (steps, 21): adjusted ones with the effects in force at the last quote."""
    adjusted = panel.quantiles(model, series)
    return np.asarray(adjusted + panel.tasks[series].adjustment[-1])


def series_parameters(panel: Panel, series: int) -> SeriesParameters:
    """What was estimated for one series, apart from the data."""
    task, origin = panel.tasks[series], panel.origins[series]
    widths = {}
    for name in (BENCHMARK, COMBINATION):  # also of the one not served: another run may have chosen it
        if np.isfinite(panel.paths[name][series, origin, 0]):
            spread = panel.quantiles(name, series)
            widths[name] = (spread - spread[:, [MIDDLE]]) / panel.sd[series, origin]
    # the panel's news at its oldest origin is the error of the step before
    oldest = min(t.history.origin.ordinal for t in panel.tasks) - 1
    return SeriesParameters(
        fits={name: _serving(fits, oldest) for name, fits in task.fits.items()},
        widths=widths,
        echo=panel.news.echo[origin, : task.steps],
        news_squares=float(panel.news.squares[origin]),
        news_count=float(panel.news.count[origin]),
    )


def _serving(fits: tuple[Fit, ...], oldest: int) -> tuple[Fit, ...]:
    """Those that serve origins from ordinal `oldest` on."""
    before = [k for k, fit in enumerate(fits) if fit.origin <= oldest]
    return fits[before[-1] if before else 0 :]


def base_forecast(
    baseline: Array, terms: EventTerms, walk: Array
) -> tuple[Array, Array, NDArray[np.float32]]:
    """(base, final) log quantiles (steps, 21) and base paths (draws, steps) from a baseline and the events.

    walk: (draws, steps) whose ranks the paths take.
    """
    base = terms.base(baseline)
    return base, terms.mixed(base), reorder(walk, base, QUANTILES).astype(np.float32)


def calibration_report(panel: Panel, series: int, model: str) -> CalibrationReport:
    """How many own and panel errors the range of a series stands on."""
    own = int(np.isfinite(panel.errors[model][series, :, 0]).sum())
    pooled = panel.calibrations[model].available(panel.last)
    kind = "own and pooled" if own >= OWN_ERRORS else "pooled" if own else "prior"
    volatility = panel.sd[series, panel.origins[series]]
    note = ""
    if own == 0:
        note = (
            f"fewer than {WARM_UP + 1} quotes: the shape is that of public commodity prices and of the panel,"
            " and so is the scale where few quotes cannot say it"
        )
    if volatility <= SMALLEST:
        note = "the price never moved: its range is a point, not a finding"
    return CalibrationReport(
        kind=kind, n_errors=own, volatility=float(volatility), note=note or f"{pooled} in the panel"
    )


def series_forecast(
    panel: Panel,
    series: int,
    effects: EffectsFit | None,
    shock: Array,
    quantiles: Sequence[float],
    horizon: int,
    model: str,
) -> tuple[SeriesForecast, EventTerms]:
    """One forecaster's forecast of one series, and the events in it."""
    task = panel.tasks[series]
    history = task.history
    periods = pd.period_range(history.origin + 1, periods=task.steps, freq=history.periods.freq)
    terms = event_terms(effects, history.key, history.origin, periods)
    baseline = anchored(panel, series, model)
    walk = shifted(reorder(shock, baseline, QUANTILES), terms.past, [1.0] * len(terms.past), task.data.seed)
    base, final, base_paths = base_forecast(baseline, terms, walk)
    paths = headline_paths(base_paths, final, terms.open_events, terms.courses, task.data.seed)
    forecast = SeriesForecast(
        key=history.key,
        origin=history.origin,
        last_price=float(history.y[-1]),
        lag=task.steps - horizon,
        periods=periods,
        quantiles=tuple(quantiles),
        values=np.exp(at_quantiles(final, QUANTILES, tuple(quantiles))),
        mean=paths.mean(axis=0),
        paths=paths.astype(np.float32),
        weights=model_weights(panel, series, model),
        champion=model,
        promotion_reason=chosen_reason(panel, series),
        reports=panel.reports[series],
        calibration=calibration_report(panel, series, model),
        base_quantiles=base,
        base_paths=base_paths,
        open_events=terms.open_events,
        events=effects.uses(history.key, periods) if effects is not None else (),
        caveats=(
            *history_caveats(history, panel.season),
            *open_event_caveats(base, final),
            *(f"{r.model} was left out: {r.why}" for r in panel.reports[series] if r.status != "ok"),
        ),
        details={
            "decision": {
                "gain": panel.decision.gain,
                "shrunk_gain": panel.decision.shrunk_gain,
                "cutoffs": panel.decision.cutoffs,
                "dm": panel.decision.dm,
            }
        },
    )
    return forecast, terms
