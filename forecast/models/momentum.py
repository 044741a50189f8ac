"""Damped momentum: a share of the newest surprise is still to come, and no more than that.

ARIMA(0,1,1) in log price: y(t) = y(t-1) + e(t) + theta e(t-1), so the path after the origin o is
y(o) + theta e(o) at every step. A mean over a period has theta = 0.27 even when the daily price is a
random walk (Working 1960), and slow assessments have more, so theta is shrunk towards 0.27.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
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
    """theta as used, and as estimated before shrinking."""

    theta: float
    estimated: float

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"theta": self.theta, "theta_unshrunk": self.estimated}

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        level = filter_level(data.y, 1.0 + self.theta).level[origins]
        return check_finite("momentum", np.repeat(level[:, None], steps, axis=1))


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
            return FittedMomentum(theta=AVERAGING, estimated=AVERAGING)
        estimated = estimate_theta(data.y)
        theta = shrink_theta(estimated, int(np.isfinite(changes).sum()))
        return FittedMomentum(theta=theta, estimated=estimated)
