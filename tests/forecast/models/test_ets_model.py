"""ETS: our recursion against statsmodels', and which part of a holed series it is estimated on."""

import functools

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from forecast.errors import HistoryTooShort, ModelNotFitted
from forecast.models.base import FitInput
from forecast.models.ets import DAMPING, DampedTrend, Ets
from forecast.models.stretch import longest_stretch
from forecast.types import Array


def prices(n: int = 150, seed: int = 2) -> Array:
    shocks = np.random.default_rng(seed).normal(size=n + 1) * 0.05
    return np.asarray(6.0 + np.cumsum(shocks[1:] + 0.5 * shocks[:-1]))


def monthly(y: Array) -> FitInput:
    return FitInput(y=y, periods=pd.period_range("2008-11", periods=y.size, freq="M"), season=12)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_states_and_path_are_those_of_statsmodels(seed: int) -> None:
    data = monthly(prices(seed=seed))
    fitted = Ets().fit(data)
    model = ETSModel(data.y, error="add", trend="add", damped_trend=True)
    reference = model.smooth(
        [fitted.parameters[name] for name in ("alpha", "beta", "phi")]
        + [
            fitted.level,
            fitted.trend,
        ]
    )
    levels, trends = fitted.smoothing.states(data.y, fitted.level, fitted.trend)
    np.testing.assert_allclose(levels, reference.level, rtol=0, atol=1e-8)
    np.testing.assert_allclose(trends, reference.slope, rtol=0, atol=1e-8)
    path = fitted.paths(data, np.array([149]), 36)[0]
    np.testing.assert_allclose(path, reference.forecast(36), rtol=0, atol=1e-8)


def test_the_estimate_is_the_best_within_the_bounds() -> None:
    data = monthly(prices())
    fitted = Ets().fit(data)
    reference = ETSModel(
        data.y, error="add", trend="add", damped_trend=True, bounds={"damping_trend": list(DAMPING)}
    ).fit(disp=False)
    assert fitted.smoothing.phi == pytest.approx(reference.damping_trend)
    assert DAMPING[0] <= fitted.smoothing.phi <= DAMPING[1]


def test_parameters_come_from_the_longest_stretch_without_a_hole() -> None:
    y = prices(180)
    y[20:44] = np.nan
    y[170] = np.nan
    assert longest_stretch(y) == slice(44, 170)
    whole = Ets().fit(monthly(y))
    alone = Ets().fit(FitInput(y=y[44:170], periods=monthly(y).periods[44:170], season=12))
    assert whole.parameters == alone.parameters


def test_of_equal_stretches_the_newest_counts() -> None:
    y = np.array([1.0, 2.0, np.nan, 3.0, 4.0, np.nan, 5.0])
    assert longest_stretch(y) == slice(3, 5)
    assert longest_stretch(np.full(3, np.nan)) == slice(0, 0)


def test_only_broken_stretches_are_too_short() -> None:
    y = prices(100)
    y[::20] = np.nan
    with pytest.raises(HistoryTooShort, match="ets without a gap"):
        Ets().fit(monthly(np.append(y, 6.0)))


def test_a_trend_dies_over_a_hole() -> None:
    model = DampedTrend(alpha=0.9, beta=0.4, phi=0.5)
    levels, trends = model.states(np.full(30, np.nan), 1.0, 1.0)
    assert levels[-1] == pytest.approx(2.0)
    assert trends[-1] == pytest.approx(0.5**30)


def test_an_optimiser_that_stops_early_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ETSModel, "fit", functools.partialmethod(ETSModel.fit, maxiter=1))
    with pytest.raises(ModelNotFitted, match="ets was left out: its optimiser did not converge"):
        Ets().fit(monthly(prices()))
