"""Rolling origin: the same cutoffs for every model, parameters from before each origin only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from forecast.errors import InputError, ModelNotFitted
from forecast.estimation import Fit
from forecast.models.base import FitInput
from forecast.types import Array, FitReport

CUTOFFS = 24


def rolling_paths(
    name: str, fits: Sequence[Fit], data_of: Callable[[Fit], FitInput], steps: int
) -> tuple[Array, FitReport]:
    """Median log path of one model after every origin from its first fit on, (n, steps), and its report.

    fits: oldest first; each serves the origins from the newest period that it saw up to the next fit's, the
    last one the newest origin in any case. data_of: the whole history as the model may read it with a fit's
    events. Rows before the first fit, at gaps, and of a fit that failed are NaN. If the last fit failed, all
    rows are NaN and the report says why: the model is left out by name.
    """
    data = data_of(fits[-1])
    out = np.full((len(data.y), steps), np.nan)
    seconds = sum(fit.seconds for fit in fits)
    last = fits[-1].fitted
    why = fits[-1].why
    quotes = np.flatnonzero(np.isfinite(data.y))
    starts = [fit.origin - data.periods[0].ordinal for fit in fits]
    for fit, start, until in zip(fits, starts, [*starts[1:], len(data.y)], strict=True):
        origins = quotes[(quotes >= start) & (quotes < until)]
        if fit is fits[-1]:
            origins = np.union1d(origins, quotes[-1:])
        if fit.fitted is None or not len(origins):
            continue
        try:
            out[origins] = fit.fitted.paths(data_of(fit), origins, steps)
        except (ModelNotFitted, InputError) as error:
            if fit is fits[-1]:
                last, why = None, str(error)
    if last is None:
        return np.full_like(out, np.nan), FitReport(model=name, status="left-out", why=why, seconds=seconds)
    failed = sum(fit.fitted is None for fit in fits)
    note = f"{failed} of {len(fits)} re-estimations gave no fit and are not scored" if failed else ""
    parameters = dict(last.parameters)
    return out, FitReport(model=name, status="ok", why=note, parameters=parameters, seconds=seconds)


def cutoff_positions(first: int, last: int, count: int = CUTOFFS) -> list[int]:
    """`count` cutoffs evenly over the later half of positions first ... last (all of them if fewer)."""
    start = first + (last - first) // 2
    return sorted({round(p) for p in np.linspace(start, last, count)})
