"""Random walk in log price, without and with drift: the bar every other model has to clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecast.models.base import Cost, FitInput, Origins, check_length
from forecast.types import Array


@dataclass(frozen=True, slots=True)
class FittedDrift:
    """Last price plus `drift` per step (log units)."""

    drift: float

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"drift": self.drift}

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        return np.asarray(data.y[origins, None] + self.drift * np.arange(1, steps + 1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """y(o+h) = y(o)."""

    name: str = "rw"
    min_observations: int = 2
    uses_events: bool = False
    cost: Cost = "cheap"

    def fit(self, data: FitInput) -> FittedDrift:
        check_length(self, data.y)
        return FittedDrift(0.0)


@dataclass(frozen=True, slots=True)
class RandomWalkWithDrift:
    """y(o+h) = y(o) + h * (y(n) - y(1)) / (n - 1), the mean log change over all calendar steps."""

    name: str = "rw-drift"
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "cheap"

    def fit(self, data: FitInput) -> FittedDrift:
        check_length(self, data.y)
        known = np.flatnonzero(np.isfinite(data.y))
        first, last = known[0], known[-1]
        return FittedDrift(float((data.y[last] - data.y[first]) / (last - first)))
