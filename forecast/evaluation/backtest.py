"""Rolling origin: the same cutoffs for every model, parameters from before each origin only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.errors import InputError, ModelNotFitted
from forecast.estimation import Fit
from forecast.models.base import FitInput, HasSpread, Origins
from forecast.types import Array, FitReport

CUTOFFS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """One model after every origin: median log paths (n, steps), half of its own 80 % range likewise where it
    knows one, and its report. NaN where there is none."""

    paths: Array
    spreads: Array | None
    report: FitReport


def rolling_paths(
    name: str,
    fits: Sequence[Fit],
    data_of: Callable[[Fit], FitInput],
    steps: int,
    only: Origins | None = None,
) -> Rolled:
    """One model after every origin from its first fit on.

    fits: oldest first; each serves the origins from the newest period that it saw up to the next fit's, the
    last one the newest origin in any case. data_of: the whole history as the model may read it with a fit's
    events. only: origins wanted, all quotes if None. Rows before the first fit, at gaps, and of a fit that
    failed are NaN. If the last fit failed, all rows are NaN and the report says why: the model is left out by
    name.
    """
    data = data_of(fits[-1])
    out = np.full((len(data.y), steps), np.nan)
    wide: Array | None = None
    seconds = sum(fit.seconds for fit in fits)
    last, why = fits[-1].fitted, fits[-1].why
    quotes = np.flatnonzero(np.isfinite(data.y))
    starts = [fit.origin - data.periods[0].ordinal for fit in fits]
    for fit, start, until in zip(fits, starts, [*starts[1:], len(data.y)], strict=True):
        origins = quotes[(quotes >= start) & (quotes < until)]
        if fit is fits[-1]:
            origins = np.union1d(origins, quotes[-1:])
        if only is not None:
            origins = np.intersect1d(origins, only)
        if fit.fitted is None or not len(origins):
            continue
        try:
            out[origins] = fit.fitted.paths(data_of(fit), origins, steps)
            if isinstance(fit.fitted, HasSpread):
                wide = np.full_like(out, np.nan) if wide is None else wide
                wide[origins] = fit.fitted.spreads(data_of(fit), origins, steps)
        except (ModelNotFitted, InputError) as error:
            if fit is fits[-1]:
                last, why = None, str(error)
    if last is None:
        report = FitReport(model=name, status="left-out", why=why, seconds=seconds)
        return Rolled(paths=np.full_like(out, np.nan), spreads=None, report=report)
    failed = sum(fit.fitted is None for fit in fits)
    note = f"{failed} of {len(fits)} re-estimations gave no fit and are not scored" if failed else ""
    parameters = dict(last.parameters)
    report = FitReport(model=name, status="ok", why=note, parameters=parameters, seconds=seconds)
    return Rolled(paths=out, spreads=wide, report=report)


def cutoff_positions(first: int, last: int, count: int = CUTOFFS) -> list[int]:
    """`count` cutoffs evenly over the later half of positions first ... last (all of them if fewer)."""
    start = first + (last - first) // 2
    return sorted({round(p) for p in np.linspace(start, last, count)})
