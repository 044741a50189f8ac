"""Regression of the log price on event dummies with ARIMA(0,1,1) errors (statsmodels SARIMAX).

It measures momentum free of the events: a jump that an event explains is not taken for a trend.
The path is that of the event-free part, y(o) + theta e(o); the events' own effects are added by the
effects layer, which is what is served as *the* effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.convergence import must_converge
from forecast.models.momentum import AVERAGING, shrink_theta
from forecast.models.smoothing import filter_level
from forecast.types import Array

NAME = "sarimax"
#: A column that moves by less than this (share of a full event) while there are quotes says nothing.
INFORMATIVE = 1e-6
#: Gradient of the mean log likelihood at which the optimiser stops: theta to about 1e-4, its error is 0.06.
TOLERANCE = 1e-4


def informative(data: FitInput) -> tuple[str, ...]:
    """Types of event whose dummy changes between quoted rows, and not as a mix of earlier types' do."""
    changes = np.diff(data.columns(data.exog_names)[np.isfinite(data.y)], axis=0)
    kept: list[int] = []
    for column in range(changes.shape[1]):
        if np.abs(changes[:, column]).max(initial=0.0) < INFORMATIVE:
            continue
        if np.linalg.matrix_rank(changes[:, [*kept, column]]) == len(kept) + 1:
            kept.append(column)
    return tuple(data.exog_names[k] for k in kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSarimax:
    """theta as used and as estimated; log effect and standard error of each type of event that counts."""

    theta: float
    estimated: float
    types: tuple[str, ...]
    effects: Array
    errors: Array

    @property
    def parameters(self) -> Mapping[str, float]:
        named = {"theta": self.theta, "theta_unshrunk": self.estimated}
        for name, effect, error in zip(self.types, self.effects, self.errors, strict=True):
            named[f"event_{name}"] = float(effect)
            named[f"event_{name}_se"] = float(error)
        return named

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        explained = data.columns(self.types) @ self.effects
        level = filter_level(data.y - explained, 1.0 + self.theta).level + explained
        return check_finite(NAME, np.repeat(level[origins, None], steps, axis=1))


@dataclass(frozen=True, slots=True)
class Sarimax:
    """SARIMAX(0,1,1) without constant. Types that are constant over the quotes are left out. Without any
    event it is plain ARIMA(0,1,1). A constant series gives a flat path."""

    name: str = NAME
    min_observations: int = 24
    uses_events: bool = True
    cost: Cost = "medium"

    def fit(self, data: FitInput) -> FittedSarimax:
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        check_length(self, data.y)
        quoted = np.isfinite(data.y)
        types = informative(data)
        if np.nanmax(data.y) == np.nanmin(data.y):
            none = np.empty(0)
            return FittedSarimax(theta=AVERAGING, estimated=AVERAGING, types=(), effects=none, errors=none)
        # in units of its own changes: raw logs leave the optimiser too little to tell a slope by
        changes = np.diff(data.y[quoted])
        scale = float(np.sqrt(np.mean(changes**2)))
        y = (data.y - data.y[quoted][0]) / scale
        known = data.columns(types)
        k = len(types)
        start = np.linalg.lstsq(np.diff(known[quoted], axis=0), changes / scale, rcond=None)[0]
        with must_converge(self.name):
            model = SARIMAX(y, known if k else None, order=(0, 1, 1), trend="n", concentrate_scale=True)
            # not the default "opg": it gives a step in a random walk a standard error of 1e-13
            result = model.fit(
                [*start, AVERAGING], maxiter=200, pgtol=TOLERANCE, disp=False, cov_type="approx"
            )
            errors = np.asarray(result.bse, dtype=np.float64)[:k]
        found = np.asarray(check_finite(self.name, result.params), dtype=np.float64)
        return FittedSarimax(
            theta=shrink_theta(float(found[k]), int(np.isfinite(np.diff(data.y)).sum())),
            estimated=float(found[k]),
            types=types,
            effects=found[:k] * scale,
            errors=check_finite(self.name, errors * scale),
        )
