"""The two filters against the definition: conditional means of a joint normal, computed densely."""

import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecast.models.ets import DampedTrend
from forecast.models.smoothing import filter_level
from forecast.types import Array


def holed(n: int = 40, seed: int = 3) -> Array:
    rng = np.random.default_rng(seed)
    y = np.cumsum(rng.normal(size=n)) + 3.0
    y[[5, 6, 7, 15, 20, 21]] = np.nan
    return y


def conditional_states(y: Array, model: DampedTrend, level: float, trend: float) -> Array:
    """E[(l(t), b(t)) | quotes up to t], (n, 2), by solving the normal equations at each t."""
    n = y.size
    transition = np.array([[1.0, model.phi], [0.0, model.phi]])
    gain = np.array([model.alpha, model.beta])
    mean, loading = np.array([level, trend]), np.zeros((2, n))  # state = mean + loading @ e
    means, loadings, rows = [], [], []
    for t in range(n):
        row = np.array([1.0, model.phi]) @ loading
        row[t] = 1.0
        rows.append((float(np.array([1.0, model.phi]) @ mean), row))
        mean, loading = transition @ mean, transition @ loading
        loading[:, t] = gain
        means.append(mean)
        loadings.append(loading.copy())
    found = np.empty((n, 2))
    for t in range(n):
        seen = [s for s in range(t + 1) if np.isfinite(y[s])]
        found[t] = means[t]
        if seen:
            design = np.array([rows[s][1] for s in seen])
            surprise = np.array([y[s] - rows[s][0] for s in seen])
            found[t] += loadings[t] @ design.T @ np.linalg.solve(design @ design.T, surprise)
    return found


@pytest.mark.parametrize(("alpha", "beta", "phi"), [(0.9, 0.3, 0.7), (0.3, 0.1, 0.95), (1.0, 0.0, 0.2)])
def test_damped_trend_over_holes_is_the_conditional_mean(alpha: float, beta: float, phi: float) -> None:
    model, y = DampedTrend(alpha=alpha, beta=beta, phi=phi), holed()
    levels, trends = model.states(y, 3.0, 0.1)
    wanted = conditional_states(y, model, 3.0, 0.1)
    np.testing.assert_allclose(np.column_stack([levels, trends]), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.4, 1.0, 1.3])
def test_level_over_holes_is_the_conditional_mean(alpha: float) -> None:
    y = holed()
    wanted = conditional_states(y, DampedTrend(alpha=alpha, beta=0.0, phi=0.5), 3.0, 0.0)[:, 0]
    np.testing.assert_allclose(filter_level(y, alpha, start=3.0).level, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("theta", [-0.6, 0.0, 0.27, 0.8])
def test_level_from_an_unknown_start_is_the_kalman_filter_of_arima(theta: float) -> None:
    y = holed(60)
    state_space = SARIMAX(y, order=(0, 1, 1), use_exact_diffuse=True)
    wanted = [float(state_space.clone(y[: t + 1]).filter([theta, 1.0]).forecast(1)[0]) for t in range(30, 60)]
    np.testing.assert_allclose(filter_level(y, 1.0 + theta).level[30:], wanted, rtol=0, atol=1e-9)


def test_deviances_differ_as_the_likelihoods_of_statsmodels_do() -> None:
    y = holed(60)
    state_space = SARIMAX(y, order=(0, 1, 1), use_exact_diffuse=True, concentrate_scale=True)
    thetas = [-0.5, 0.1, 0.6]
    wanted = [-2.0 * state_space.loglike([theta]) for theta in thetas]
    found = [filter_level(y, 1.0 + theta).deviance for theta in thetas]
    np.testing.assert_allclose(np.diff(found), np.diff(wanted), rtol=1e-6)


def test_nothing_is_known_before_the_first_quote() -> None:
    level = filter_level(np.array([np.nan, 2.0, np.nan]), 1.3).level
    np.testing.assert_array_equal(level, [np.nan, 2.0, 2.0])
