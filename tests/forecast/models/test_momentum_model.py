"""Damped momentum against statsmodels' ARIMA(0,1,1) and against planted coefficients."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecast.models.base import FitInput
from forecast.models.momentum import AVERAGING, PRIOR_CHANGES, Momentum, estimate_theta, shrink_theta
from forecast.types import Array


def planted(theta: float, n: int = 240, seed: int = 0) -> Array:
    shocks = np.random.default_rng(seed).normal(size=n + 1) * 0.05
    return 4.0 + np.cumsum(shocks[1:] + theta * shocks[:-1])


def monthly(y: Array) -> FitInput:
    return FitInput(y=y, periods=pd.period_range("2000-01", periods=y.size, freq="M"), season=12)


@pytest.mark.parametrize("theta", [-0.4, 0.0, 0.27, 0.7])
def test_theta_is_that_of_statsmodels(theta: float) -> None:
    y = planted(theta)
    y[100:124] = np.nan
    reference = SARIMAX(y * 20, order=(0, 1, 1), use_exact_diffuse=True, concentrate_scale=True)
    wanted = reference.fit(disp=False, pgtol=1e-8).params[0]
    assert abs(estimate_theta(y) - wanted) < 4e-4


def test_planted_coefficients_are_recovered_on_average() -> None:
    found = [estimate_theta(planted(0.45, seed=seed)) for seed in range(40)]
    assert abs(np.mean(found) - 0.45) < 0.03


def test_a_mean_over_a_month_of_a_random_walk_has_the_averaging_coefficient() -> None:
    rng = np.random.default_rng(5)
    means = [np.cumsum(rng.normal(size=600 * 60)).reshape(600, 60).mean(axis=1) for _ in range(20)]
    assert abs(np.mean([estimate_theta(y) for y in means]) - AVERAGING) < 0.02


def test_shrinking_weighs_the_estimate_by_its_changes() -> None:
    assert shrink_theta(0.6, 0) == pytest.approx(AVERAGING)
    assert shrink_theta(0.6, int(PRIOR_CHANGES)) == pytest.approx((0.6 + AVERAGING) / 2)
    assert shrink_theta(0.6, 10**9) == pytest.approx(0.6)


def test_the_path_is_a_share_of_the_last_surprise() -> None:
    y = planted(0.4, n=300)
    data = FitInput(y=y, periods=pd.period_range("2015-01-02", periods=300, freq="W-FRI"), season=52)
    fitted = Momentum().fit(data)
    error = 0.0
    for change in np.diff(y):  # the textbook recursion: e(t) = change - theta e(t-1)
        error = change - fitted.theta * error
    path = fitted.paths(data, np.array([299]), 6)[0]
    np.testing.assert_allclose(path, y[-1] + fitted.theta * error, rtol=0, atol=1e-12)


def test_after_a_hole_little_of_the_jump_is_taken_for_momentum() -> None:
    y = np.concatenate([planted(0.4, n=100), np.full(24, np.nan), [7.0]])
    data = monthly(y)
    path = Momentum().fit(data).paths(data, np.array([124]), 1)[0, 0]
    assert abs(path - 7.0) < 0.02 * abs(7.0 - y[99])
