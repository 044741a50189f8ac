"""The Theta method (Assimakopoulos and Nikolopoulos 2000): smoothing plus half the slope of the trend.

statsmodels' ThetaModel estimates gain, slope and season on the longest gap-free stretch; our own
recursion filters them through the whole history and predicts over holes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.errors import HistoryTooShort
from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.convergence import must_converge
from forecast.models.smoothing import filter_level
from forecast.models.stretch import longest_stretch
from forecast.types import Array

NAME = "theta"
#: Weight of the trend line in the classical method (theta = 2).
TREND_SHARE = 0.5
#: Months of history below which a season is not looked for.
SEASON_NEEDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTheta:
    """Gain, slope per step (log), and seasonal terms by position after `start`: (season,) or a single 0."""

    alpha: float
    slope: float
    seasonal: Array
    start: pd.Period

    @property
    def parameters(self) -> Mapping[str, float]:
        return {"alpha": self.alpha, "slope": self.slope, "seasonal_range": float(np.ptp(self.seasonal))}

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        first = int(np.flatnonzero(np.isfinite(data.y))[0])
        phase = np.arange(data.y.size) + (data.periods[0].ordinal - self.start.ordinal)
        adjusted = data.y - self.seasonal[phase % self.seasonal.size]
        level = filter_level(adjusted[first:], self.alpha, start=float(adjusted[first])).level
        ahead = np.arange(1, steps + 1)
        at = origins[:, None]
        seen = at - first + 1
        lead = ahead - 1 + (1.0 - (1.0 - self.alpha) ** seen) / self.alpha
        season = self.seasonal[(phase[at] + ahead) % self.seasonal.size]
        return check_finite(NAME, level[at - first] + TREND_SHARE * self.slope * lead + season)


@dataclass(frozen=True, slots=True)
class Theta:
    """Classical Theta in logs. A monthly season is removed where five years of it pass the method's own
    test, made on changes (a price level is autocorrelated at every lag). A constant gives a flat path."""

    name: str = NAME
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "medium"

    def fit(self, data: FitInput) -> FittedTheta:
        from statsmodels.tsa.forecasting.theta import ThetaModel

        check_length(self, data.y)
        stretch = longest_stretch(data.y)
        y = data.y[stretch]
        if y.size < self.min_observations:
            raise HistoryTooShort(f"{self.name} without a gap", y.size, self.min_observations)
        start = data.periods[stretch.start]
        if y.max() == y.min():
            return FittedTheta(alpha=1.0, slope=0.0, seasonal=np.zeros(1), start=start)
        monthly = data.season == 12 and y.size >= SEASON_NEEDS
        with must_converge(self.name):
            model = ThetaModel(
                y,
                period=data.season,
                deseasonalize=monthly,
                use_test=True,
                method="additive",
                difference=True,
            )
            result = model.fit()
        seasonal = np.zeros(1)
        if model.deseasonalize:
            ahead = result.forecast_components(data.season)["seasonal"].to_numpy(dtype=np.float64)
            seasonal = np.roll(ahead, y.size % data.season)
        return FittedTheta(
            alpha=float(result.params["alpha"]),
            slope=float(result.params["b0"]),
            seasonal=seasonal,
            start=start,
        )
