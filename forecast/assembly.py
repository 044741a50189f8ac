"""From a fitted panel to the forecast of each series: ranges, event effects, sample paths, reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecast.distribution.calibration import SMALLEST, WARM_UP
from forecast.distribution.combination import BENCHMARK
from forecast.distribution.paths import (
    DRAWS,
    add_effects,
    at_quantiles,
    reorder,
    shock_correlation,
    walk_scores,
)
from forecast.events.effects import EffectsFit
from forecast.panel import COMBINATION, Panel
from forecast.types import QUANTILES, Array, CalibrationReport, SeriesForecast

LARGEST_LOG = 30.0  # exp of it is still a number; no price gets there
OWN_ERRORS = 60  # independent own errors from which a range is called the series' own


def draw_shocks(panel: Panel, rng: np.random.Generator) -> list[Array]:
    """One (draws, steps) random walk a series, correlated over series in the same calendar period."""
    first = min(panel.origins)
    ends = [o + t.steps for o, t in zip(panel.origins, panel.tasks, strict=True)]
    correlation = shock_correlation(panel.errors[BENCHMARK][:, :, 0])
    shocks = walk_scores(DRAWS, max(ends) - first, len(panel.tasks), correlation, rng)
    return [
        np.cumsum(shocks[:, o - first : end - first, u], axis=1)
        for u, (o, end) in enumerate(zip(panel.origins, ends, strict=True))
    ]


def event_rng(seed: int) -> np.random.Generator:
    """The generator of event draws: of one seed for all series, so that an event happens to all at once."""
    return np.random.default_rng([seed, 1])


def served_model(panel: Panel, series: int) -> str:
    """The combination if it was promoted and has a path for this series, else the random walk."""
    first_step = panel.paths[COMBINATION][series, panel.origins[series], 0]
    return COMBINATION if panel.decision.promote and np.isfinite(first_step) else BENCHMARK


def served_weights(panel: Panel, series: int) -> dict[str, Array]:
    """Weights actually used for a series, (steps,): models without a path here give theirs to the rest."""
    steps, at = panel.tasks[series].steps, panel.origins[series]
    if served_model(panel, series) == BENCHMARK:
        return {BENCHMARK: np.ones(steps)}
    here = {
        name: np.where(np.isfinite(panel.paths[name][series, at, :steps]), row[:steps], 0.0)
        for name, row in panel.weights.items()
    }
    total = np.sum(list(here.values()), axis=0)
    return {name: row / total for name, row in here.items() if row.any()}


def price_quantiles(panel: Panel, series: int, model: str, effects: Array) -> Array:
    """Log price quantiles at QUANTILES, (steps, 21): adjusted quantiles, re-anchored, effects mixed in."""
    task = panel.tasks[series]
    anchored = panel.quantiles(model, series, QUANTILES) + task.adjustment[-1]
    return add_effects(anchored, QUANTILES, effects)


def calibration_report(panel: Panel, series: int, model: str) -> CalibrationReport:
    """How many own and panel errors the range of a series stands on."""
    own = int(np.isfinite(panel.errors[model][series, :, 0]).sum())
    pooled = panel.calibrations[model].available(panel.last)
    kind = "own and pooled" if own >= OWN_ERRORS else "pooled" if own else "prior"
    volatility = panel.sd[series, panel.origins[series]]
    note = ""
    if own == 0:
        note = (
            f"fewer than {WARM_UP + 1} quotes: the shape is that of public commodity prices and of the panel"
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
) -> tuple[SeriesForecast, Array]:
    """The served forecast of one series and the effect draws in it, (draws, steps)."""
    task = panel.tasks[series]
    history = task.history
    periods = pd.period_range(history.origin + 1, periods=task.steps, freq=history.periods.freq)
    drawn = (
        effects.draws(history.key, history.origin, periods, DRAWS, event_rng(task.seed))
        if effects is not None
        else np.zeros((DRAWS, task.steps))
    )
    model = served_model(panel, series)
    anchored = panel.quantiles(model, series, QUANTILES) + task.adjustment[-1]
    final = np.minimum(add_effects(anchored, QUANTILES, drawn), LARGEST_LOG)
    paths = np.exp(reorder(reorder(shock, anchored, QUANTILES) + drawn, final, QUANTILES))
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
        weights=served_weights(panel, series),
        champion=model,
        promotion_reason=panel.decision.reason
        if model == COMBINATION
        else f"the combination is not served: {panel.decision.reason}",
        reports=panel.reports[series],
        calibration=calibration_report(panel, series, model),
        events=effects.uses(history.key, periods) if effects is not None else (),
        caveats=tuple(f"{r.model} was left out: {r.why}" for r in panel.reports[series] if r.status != "ok"),
        details={
            "decision": {
                "gain": panel.decision.gain,
                "shrunk_gain": panel.decision.shrunk_gain,
                "cutoffs": panel.decision.cutoffs,
                "dm": panel.decision.dm,
            }
        },
    )
    return forecast, drawn
