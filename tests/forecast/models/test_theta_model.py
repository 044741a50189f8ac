"""Theta against statsmodels at the origin of the fit, with and without a season."""

import functools

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing

from forecast.errors import ModelNotFitted
from forecast.models.base import FitInput
from forecast.models.theta import Theta
from forecast.types import Array


def prices(n: int = 150, wave: float = 0.0, seed: int = 2) -> Array:
    walk = np.cumsum(np.random.default_rng(seed).normal(size=n) * 0.04 + 0.003)
    return np.asarray(5.0 + walk + wave * np.sin(2 * np.pi * np.arange(n) / 12))


def monthly(y: Array, start: str = "2008-11") -> FitInput:
    return FitInput(y=y, periods=pd.period_range(start, periods=y.size, freq="M"), season=12)


@pytest.mark.parametrize(("n", "wave"), [(150, 0.0), (150, 0.2), (145, 0.2), (40, 0.2)])
def test_path_is_that_of_statsmodels(n: int, wave: float) -> None:
    data = monthly(prices(n, wave))
    reference = ThetaModel(
        data.y, period=12, deseasonalize=n >= 60, use_test=True, method="additive", difference=True
    )
    wanted = np.asarray(reference.fit().forecast(30))
    fitted = Theta().fit(data)
    assert (fitted.parameters["seasonal_range"] > 0.2) == (wave > 0 and n >= 60)
    np.testing.assert_allclose(fitted.paths(data, np.array([n - 1]), 30)[0], wanted, rtol=0, atol=1e-6)


def test_the_season_keeps_its_months_over_a_hole_and_past_the_fit() -> None:
    y = prices(200, wave=0.3)
    y[30:37] = np.nan
    data = monthly(y)
    fitted = Theta().fit(FitInput(y=y[:160], periods=data.periods[:160], season=12))
    origins = np.arange(165, 176)
    paths = fitted.paths(data, origins, 24)
    np.testing.assert_allclose(np.diff(paths[:, [0, 12]]), 12 * fitted.slope / 2, atol=1e-9)
    wave = 0.3 * np.sin(2 * np.pi * np.arange(200) / 12)
    assert np.corrcoef(paths[0, :12] - paths[0, :12].mean(), wave[166:178])[0, 1] > 0.95


def test_weekly_series_have_no_season() -> None:
    y = prices(160, wave=0.2)
    weekly = FitInput(y=y, periods=pd.period_range("2015-01-02", periods=160, freq="W-FRI"), season=52)
    assert Theta().fit(weekly).parameters["seasonal_range"] == 0.0


def test_an_optimiser_that_stops_early_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = functools.partialmethod(ExponentialSmoothing.fit, maxiter=1)
    monkeypatch.setattr(ExponentialSmoothing, "fit", stopped)
    with pytest.raises(ModelNotFitted, match="theta was left out: its optimiser did not converge"):
        Theta().fit(monthly(0.5 * prices(80) + 0.5 * np.random.default_rng(1).normal(size=80)))
