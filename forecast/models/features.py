"""What a pooled model sees of a price: its changes in units of its own volatility, and the panel's mood.

Every feature is free of the price's unit and reads no later period than its own. A value that would need a
missing quote is NaN, never filled. Rounded to DIGITS, so that rounding error in the last place of a log
price (another unit, another machine) cannot move a row over a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from forecast.models.base import FitInput
from forecast.types import Array

DECAY = 0.94  # EWMA of squared changes, RiskMetrics (1996)
LONG_RUN = 0.15  # share of the mean square so far in the scale
DIGITS = 6
LONG_MEAN = 5  # years of the mean that a price may return to
STILL = 1e-6  # standard deviations: a change below is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Squared log changes per step known at each period, (n,), NaN where there is no quote or no change yet.

    fast: EWMA(0.94) with normalised weights; slow: their mean so far; one: log scale of one step.
    """

    fast: Array
    slow: Array

    @property
    def one(self) -> Array:
        return np.asarray(np.sqrt((1.0 - LONG_RUN) * self.fast + LONG_RUN * self.slow))

    @property
    def regime(self) -> Array:
        """Log ratio of the recent to the long-run scale; NaN before the price ever moved."""
        return np.asarray((log_of(self.fast) - log_of(self.slow)) / 2.0)


def log_of(values: Array) -> Array:
    """Natural log, NaN where there is none."""
    return np.asarray(np.log(np.where(values > 0.0, values, np.nan)))


def divide(top: Array, bottom: Array) -> Array:
    """top / bottom, NaN where the bottom is not above zero."""
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0.0)
    return out


def scale_of(y: Array) -> Scale:
    """Both means from log prices (n,). A change over a gap of g steps counts as g steps of equal variance.

    Unlike the scale of the ranges it borrows nothing from the first year: a training row may start there.
    """
    known = np.flatnonzero(np.isfinite(y))
    fast, slow = np.full(y.size, np.nan), np.full(y.size, np.nan)
    recent = weight = total = steps = 0.0
    for before, at in pairwise(known):
        gap = int(at - before)
        square = float(y[at] - y[before]) ** 2
        keep = DECAY**gap
        recent = keep * recent + (1.0 - keep) * square / gap
        weight = keep * weight + (1.0 - keep)
        total += square
        steps += gap
        fast[at], slow[at] = recent / weight, total / steps
    return Scale(fast=fast, slow=slow)


def lags(season: int) -> tuple[int, ...]:
    """One step, two, a month, a quarter, half a year and a year, in steps."""
    return tuple(sorted({1, 2, max(season // 12, 1), max(season // 4, 1), max(season // 2, 1), season}))


def moves(y: Array, one: Array, lag: int) -> Array:
    """Log change over `lag` steps in units of its standard deviation, (n,)."""
    out = np.full(y.size, np.nan)
    if lag < y.size:
        out[lag:] = y[lag:] - y[:-lag]
    return divide(out, one * np.sqrt(lag))


def series_features(data: FitInput) -> tuple[Array, int]:
    """(n, k) features of one series at each period, and how many of the first are odd.

    Odd ones change sign when the price is turned upside down (y to -y, panel likewise), the others stay.
    """
    y, season = data.y, data.season
    scale = scale_of(y)
    one = scale.one
    odd = [moves(y, one, lag) for lag in lags(season)]
    prices = pd.Series(y)
    for window in (season, LONG_MEAN * season):
        mean = prices.rolling(window, min_periods=season // 2 + 1).mean().to_numpy()
        odd.append(divide(y - mean, one * np.sqrt(window)))
    size = pd.Series(np.abs(odd[0]))
    even = [
        scale.regime,
        size.rolling(max(season // 2, 2), min_periods=1).max().to_numpy(),  # a jump not long ago
        (size < STILL).where(size.notna()).rolling(season, min_periods=1).mean().to_numpy(),  # stickiness
    ]
    mood = np.full((y.size, 2), np.nan) if data.panel is None else data.panel
    columns = [*odd, mood[:, 0], *even, mood[:, 1]]
    return np.round(np.column_stack(columns), DIGITS), len(odd) + 1


def panel_features(data: Sequence[FitInput]) -> list[Array]:
    """What the panel as a whole does at each period of each series: a list of (n, 2), in the given order.

    Median over series of the last quarter's standardised change (odd), and of the log ratio of the recent to
    the long-run scale (even); over those that have a quote in that very period, NaN where none has.
    """
    start = min(d.periods[0].ordinal for d in data)
    length = max(d.periods[-1].ordinal for d in data) - start + 1
    where = [slice(d.periods[0].ordinal - start, d.periods[-1].ordinal - start + 1) for d in data]
    cube = np.full((len(data), length, 2), np.nan)
    for own, rows, d in zip(cube, where, data, strict=True):
        scale = scale_of(d.y)
        own[rows, 0] = moves(d.y, scale.one, max(d.season // 4, 1))
        own[rows, 1] = scale.regime
    middle = np.full((length, 2), np.nan)
    for column in range(2):
        seen = np.isfinite(cube[:, :, column]).any(axis=0)
        middle[seen, column] = np.nanmedian(cube[:, seen, column], axis=0)
    return [middle[rows] for rows in where]
