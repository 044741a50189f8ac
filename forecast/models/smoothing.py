"""One exact filter for a level with correlated noise, shared by momentum, Theta and the regression.

y(t) = l(t-1) + e(t),  l(t) = l(t-1) + alpha e(t), e white. This is exponential smoothing with gain
alpha, and ARIMA(0,1,1) with MA coefficient alpha - 1: both forecast l(t) at every step ahead.
A missing y is a calendar step like any other: the level is predicted over it and its variance grows,
so that the first quote after a hole moves the level by as much as the hole allows (gain towards 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forecast.types import Array

#: Variance of the level, in units of one step's, below which it is 0 to double precision.
SETTLED = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """level: (n,) forecast of every later step made after each t; -2 log likelihood (scale profiled out)."""

    level: Array
    deviance: float


def filter_level(y: Array, alpha: float, start: float | None = None) -> Filtered:
    """Run the filter over y, shape (n,), NaN allowed.

    start: known level before y[0]. None starts at the first quote, with its innovation unknown
    (the exact diffuse start of ARIMA(0,1,1)); before that quote `level` is NaN.
    """
    levels: list[float] = []
    level, variance = (math.nan, 0.0) if start is None else (start, 0.0)
    squares, logs, count = 0.0, 0.0, 0
    spread = alpha * alpha
    for value in y.tolist():
        if math.isnan(value):  # predicted over, not updated
            variance += spread
        elif math.isnan(level):
            level, variance = value, (alpha - 1.0) ** 2
        else:
            error = value - level
            count += 1
            if variance < SETTLED:  # the steady state of a fully observed stretch: gain alpha, scale 1
                variance = 0.0
                level += alpha * error
                squares += error * error
            else:
                scale = variance + 1.0
                gain = (variance + alpha) / scale
                level += gain * error
                variance += spread - gain * gain * scale
                squares += error * error / scale
                logs += math.log(scale)
        levels.append(level)
    deviance = logs + count * math.log(squares / count) if squares > 0.0 else -math.inf
    return Filtered(level=np.array(levels, dtype=np.float64), deviance=deviance)
