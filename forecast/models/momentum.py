"""Damped momentum: a share of the newest surprise is still to come, and no more than that.

ARIMA(0,1,1) in log price: y(t) = y(t-1) + e(t) + theta e(t-1), so the path after the origin o is
y(o) + theta e(o) at every step. A mean over a period has theta = 0.27 even when the daily price is a
random walk (Working 1960), and slow assessments have more, so theta is shrunk towards 0.27. A season
that is beyond doubt (forecast/models/season.py) is taken out before and put back after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.season import NONE, at_periods, seasonal_terms
from forecast.models.smoothing import filter_level
from forecast.types import Array

#: MA coefficient of period means of a random walk in continuous time: 2 - sqrt(3).
AVERAGING = 2.0 - math.sqrt(3.0)
#: What the prior counts for, in one-step changes. Over 31 monthly commodity prices theta averages 0.26 and
#: varies between series by 0.094 beyond its estimation error: (1 - theta^2) / 0.094^2 is about 100.
PRIOR_CHANGES = 100.0
#: Bounds of theta: inside the invertible range, where the filter forgets its start.
LIMIT = 0.95


def estimate_theta(y: Array) -> float:
    """Exact maximum-likelihood theta of ARIMA(0,1,1), y of shape (n,) with gaps; scale profiled out."""
    found = minimize_scalar(
        lambda theta: filter_level(y, 1.0 + theta).deviance,
        bounds=(-LIMIT, LIMIT),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(found.x)


def shrink_theta(theta: float, changes: int) -> float:
    """Weighted mean of the estimate (weight: `changes` behind it) and of the averaging coefficient."""
    return (changes * theta + PRIOR_CHANGES * AVERAGING) / (changes + PRIOR_CHANGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMomentum:
    """theta as used, and as estimated before shrinking; seasonal: terms of forecast.models.season."""

    theta: float
    estimated: float
    seasonal: Array

    @property
    def parameters(self) -> Mapping[str, float]:
        return {
            "theta": self.theta,
            "theta_unshrunk": self.estimated,
            "seasonal_range": float(np.ptp(self.seasonal)),
        }

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        ordinals = np.asarray(data.periods.asi8, dtype=np.intp)
        level = filter_level(data.y - at_periods(self.seasonal, ordinals), 1.0 + self.theta).level[origins]
        ahead = ordinals[origins, None] + np.arange(1, steps + 1)
        return check_finite("momentum", level[:, None] + at_periods(self.seasonal, ahead))


@dataclass(frozen=True, slots=True)
class Momentum:
    """ARIMA(0,1,1) with a shrunk coefficient. A constant series gives a flat path."""

    name: str = "momentum"
    min_observations: int = 12
    uses_events: bool = False
    cost: Cost = "cheap"

    def fit(self, data: FitInput) -> FittedMomentum:
        check_length(self, data.y)
        changes = np.diff(data.y)
        if np.nanmax(data.y) == np.nanmin(data.y):  # every theta fits it equally
            return FittedMomentum(theta=AVERAGING, estimated=AVERAGING, seasonal=NONE)
        seasonal = seasonal_terms(data.y, data.periods, data.season)
        estimated = estimate_theta(
            data.y - at_periods(seasonal, np.asarray(data.periods.asi8, dtype=np.intp))
        )
        theta = shrink_theta(estimated, int(np.isfinite(changes).sum()))
        return FittedMomentum(theta=theta, estimated=estimated, seasonal=seasonal)
