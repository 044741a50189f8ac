"""Exponential smoothing with a damped trend: additive errors, additive damped trend; a season that is
beyond doubt (forecast/models/season.py) is taken out before and put back after.

statsmodels' ETSModel knows no holes, so its parameters come from the longest gap-free stretch. They
are then filtered through the whole history by our own recursion, which equals statsmodels' where
nothing is missing and predicts the states over a hole where something is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.errors import HistoryTooShort, ModelNotFitted
from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.convergence import must_converge
from forecast.models.season import at_periods, seasonal_terms
from forecast.models.smoothing import SETTLED
from forecast.models.stretch import longest_stretch
from forecast.types import Array

NAME = "ets"
#: Range of phi. The customary floor of 0.8 lets a surprise grow fivefold before it fades: prices of raw
#: materials lose their momentum within a few months, and with this floor the one-step error falls by 2 %
#: and the one-year error by 12 % (monthly commodity panel, 24 cutoffs).
DAMPING = (0.2, 0.98)


@dataclass(frozen=True, slots=True, kw_only=True)
class DampedTrend:
    """y(t) = l + phi b + e; l(t) = l + phi b + alpha e; b(t) = phi b + beta e (l, b of the step before)."""

    alpha: float
    beta: float
    phi: float

    def states(self, y: Array, level: float, trend: float) -> tuple[Array, Array]:
        """Levels and trends (n,) after each step of y, from the states known before it.

        Over a NaN the states are predicted and their covariance (p, q, r) grows, so that the next
        quote corrects them by the Kalman gain; without a hole the gain is (alpha, beta).
        """
        alpha, beta, phi = self.alpha, self.beta, self.phi
        p = q = r = 0.0
        states: list[tuple[float, float]] = []
        for value in y.tolist():
            level, trend = level + phi * trend, phi * trend
            exact = p + r < SETTLED
            if exact:
                p = q = r = 0.0
            else:
                p, q, r = p + phi * (2.0 * q + phi * r), phi * (q + phi * r), phi * phi * r
            if math.isnan(value):
                p, q, r = p + alpha * alpha, q + alpha * beta, r + beta * beta
            else:
                error = value - level
                if exact:
                    level, trend = level + alpha * error, trend + beta * error
                else:
                    scale = p + 1.0
                    up, slope = (p + alpha) / scale, (q + beta) / scale
                    level, trend = level + up * error, trend + slope * error
                    p += alpha * alpha - up * up * scale
                    q += alpha * beta - up * slope * scale
                    r += beta * beta - slope * slope * scale
            states.append((level, trend))
        both = np.array(states, dtype=np.float64).reshape(-1, 2)
        return both[:, 0], both[:, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEts:
    """Smoothing parameters, and the states before `start`, the first period of the fitted stretch.

    seasonal: terms of forecast.models.season.
    """

    smoothing: DampedTrend
    level: float
    trend: float
    start: pd.Period
    seasonal: Array

    @property
    def parameters(self) -> Mapping[str, float]:
        model = self.smoothing
        return {
            "alpha": model.alpha,
            "beta": model.beta,
            "phi": model.phi,
            "initial_level": self.level,
            "initial_trend": self.trend,
            "seasonal_range": float(np.ptp(self.seasonal)),
        }

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        ordinals = np.asarray(data.periods.asi8, dtype=np.intp)
        y = data.y - at_periods(self.seasonal, ordinals)
        first = int(np.flatnonzero(np.isfinite(y))[0])
        if data.periods[first] == self.start:
            level, trend = self.level, self.trend
        else:  # the estimated start belongs to a later stretch
            level, trend = float(y[first]), 0.0
        levels, trends = self.smoothing.states(y[first:], level, trend)
        damping = np.cumsum(self.smoothing.phi ** np.arange(1, steps + 1))
        at = origins - first
        season = at_periods(self.seasonal, ordinals[origins, None] + np.arange(1, steps + 1))
        return check_finite(NAME, levels[at, None] + trends[at, None] * damping + season)


@dataclass(frozen=True, slots=True)
class Ets:
    """ETS(A,Ad,N) of the price without its season. Its longest stretch without a gap must hold
    `min_observations`. A constant stays flat."""

    name: str = NAME
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "medium"

    def fit(self, data: FitInput) -> FittedEts:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        check_length(self, data.y)
        stretch = longest_stretch(data.y)
        seasonal = seasonal_terms(data.y, data.periods, data.season)
        y = (data.y - at_periods(seasonal, np.asarray(data.periods.asi8, dtype=np.intp)))[stretch]
        if y.size < self.min_observations:
            raise HistoryTooShort(f"{self.name} without a gap", y.size, self.min_observations)
        start = data.periods[stretch.start]
        if y.max() == y.min():
            flat = DampedTrend(alpha=1.0, beta=0.0, phi=0.8)
            return FittedEts(smoothing=flat, level=float(y[0]), trend=0.0, start=start, seasonal=seasonal)
        bounds = {"damping_trend": list(DAMPING)}
        with must_converge(self.name):
            result = ETSModel(y, error="add", trend="add", damped_trend=True, bounds=bounds).fit(disp=False)
        if not result.mle_retvals["converged"]:  # ETSModel does not warn of it
            raise ModelNotFitted(self.name, "its optimiser did not converge")
        values = check_finite(self.name, np.asarray(result.params, dtype=np.float64))
        found = dict(zip(result.param_names, values.tolist(), strict=True))
        return FittedEts(
            smoothing=DampedTrend(
                alpha=found["smoothing_level"], beta=found["smoothing_trend"], phi=found["damping_trend"]
            ),
            level=found["initial_level"],
            trend=found["initial_trend"],
            start=start,
            seasonal=seasonal,
        )
