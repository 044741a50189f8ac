"""Rolling origin: the same cutoffs for every model, parameters from before each origin only."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from forecast.errors import InputError, ModelNotFitted
from forecast.models.base import FitInput, Model, Origins
from forecast.types import Array, FitReport

CUTOFFS = 24
MANY = 8  # re-estimations from which all of history is covered

#: Event dummies known at a calendar position, (n + steps, k), or None when no event was known.
ExogAt = Callable[[int], Array | None]


def fit_positions(model: Model, quotes: Origins, warm_up: int) -> Origins:
    """Origins at which a model is re-estimated: evenly spaced, the newest always among them.

    A model that affords few of them begins in the later half, where the cutoffs are: parameters from two
    years of history say little about a model that later has ten.
    """
    first = max(warm_up, model.min_observations) - 1
    if model.refits < MANY:
        first = max(first, len(quotes) // 2)
    if first >= len(quotes):
        return quotes[-1:]
    chosen = np.unique(np.linspace(first, len(quotes) - 1, model.refits + 1).round().astype(np.intp))
    return quotes[chosen]


def rolling_paths(
    model: Model, data: FitInput, steps: int, *, warm_up: int, exog_at: ExogAt | None = None
) -> tuple[Array, FitReport]:
    """Median log path of one model after every origin from its first fit on, (n, steps), and its report.

    The newest fit serves the newest origin only; every earlier fit serves the origins up to the next.
    Rows before the first fit, at gaps, and of a re-estimation that failed are NaN. If the newest fit
    fails, all rows are NaN and the report says why: the model is left out by name.
    """
    out = np.full((len(data.y), steps), np.nan)
    quotes = np.flatnonzero(np.isfinite(data.y))
    started = time.perf_counter()
    fits = fit_positions(model, quotes, warm_up)
    failed = 0
    parameters: dict[str, float] = {}
    for i, at in enumerate(fits):
        newest = i == len(fits) - 1
        until = at if newest else fits[i + 1] - 1
        exog = exog_at(int(at)) if exog_at and model.uses_events else None
        seen = FitInput(
            y=data.y[: at + 1],
            periods=data.periods[: at + 1],
            season=data.season,
            exog=None if exog is None else exog[: at + 1 + steps],
            seed=data.seed,
        )
        longer = FitInput(y=data.y, periods=data.periods, season=data.season, exog=exog, seed=data.seed)
        origins = quotes[(quotes >= at) & (quotes <= until)]
        try:
            fitted = model.fit(seen)
            out[origins] = fitted.paths(longer, origins, steps)
        except (ModelNotFitted, InputError) as error:
            if newest:
                return np.full_like(out, np.nan), FitReport(
                    model=model.name, status="left-out", why=str(error), seconds=time.perf_counter() - started
                )
            failed += 1
            continue
        parameters = dict(fitted.parameters)
    note = f"{failed} of {len(fits)} re-estimations gave no fit and are not scored" if failed else ""
    return out, FitReport(
        model=model.name, status="ok", why=note, parameters=parameters, seconds=time.perf_counter() - started
    )


def cutoff_positions(first: int, last: int, count: int = CUTOFFS) -> list[int]:
    """`count` cutoffs evenly over the later half of positions first ... last (all of them if fewer)."""
    start = first + (last - first) // 2
    return sorted({round(p) for p in np.linspace(start, last, count)})
