"""Regression on dummies with ARIMA errors: planted effects, honest errors, and what it drops."""

import functools

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecast.errors import InputError, ModelNotFitted
from forecast.models.base import FitInput
from forecast.models.momentum import Momentum
from forecast.models.sarimax import Sarimax, informative
from forecast.types import Array

N, STEPS = 120, 12


def dummies() -> Array:
    rows = np.arange(N + STEPS, dtype=float)
    return np.column_stack([rows >= 50, np.where(rows >= 80, 0.85 ** (rows - 80), 0.0)]).astype(float)


def planted(effects: tuple[float, float] = (0.6, -0.3), seed: int = 0) -> FitInput:
    shocks = np.random.default_rng(seed).normal(size=N + 1) * 0.05
    y = 4.0 + np.cumsum(shocks[1:] + 0.3 * shocks[:-1]) + dummies()[:N] @ np.array(effects)
    return given(y, dummies())


def given(y: Array, exog: Array) -> FitInput:
    names = tuple(f"type-{k}" for k in range(exog.shape[1]))
    periods = pd.period_range("2010-01", periods=N, freq="M")
    return FitInput(y=y, periods=periods, season=12, exog=exog, exog_names=names)


def test_planted_effects_and_their_errors_over_forty_simulations() -> None:
    fits = [Sarimax().fit(planted(seed=seed)) for seed in range(40)]
    effects = np.array([fit.effects for fit in fits])
    stated = np.array([fit.errors for fit in fits]).mean(axis=0)
    spread = effects.std(axis=0, ddof=1)
    np.testing.assert_allclose(effects.mean(axis=0), [0.6, -0.3], rtol=0, atol=3 * 0.05 / np.sqrt(40))
    np.testing.assert_allclose(stated, spread, rtol=0.3)


def test_the_optimum_is_that_of_statsmodels_with_a_gap() -> None:
    data = planted()
    y = data.y.copy()
    y[60:72] = np.nan
    holed = given(y, dummies())
    fitted = Sarimax().fit(holed)
    reference = SARIMAX(
        y * 20, dummies()[:N], order=(0, 1, 1), use_exact_diffuse=True, concentrate_scale=True
    )
    wanted = reference.fit(disp=False, pgtol=1e-8, maxiter=500).params
    np.testing.assert_allclose(fitted.effects, wanted[:2] / 20, rtol=0, atol=1e-4)
    assert abs(fitted.estimated - wanted[2]) < 5e-4


def test_the_path_leaves_the_events_out() -> None:
    """E[y(o+h) - (x(o+h) - x(o)) beta]: one Kalman pass of statsmodels, less what its dummies add."""
    data = planted()
    assert data.exog is not None
    fitted = Sarimax().fit(data)
    origin = 85
    state_space = SARIMAX(
        data.y[: origin + 1], data.exog[: origin + 1], order=(0, 1, 1), use_exact_diffuse=True
    )
    future = data.exog[origin + 1 : origin + 1 + STEPS]
    with_events = state_space.filter([*fitted.effects, fitted.theta, 1.0]).forecast(STEPS, exog=future)
    wanted = with_events - (future - data.exog[origin]) @ fitted.effects
    np.testing.assert_allclose(fitted.paths(data, np.array([origin]), STEPS)[0], wanted, rtol=0, atol=1e-8)


def test_a_jump_that_an_event_explains_is_not_momentum() -> None:
    data = planted(effects=(0.8, 0.0))
    origin = np.array([50])
    explained = Sarimax().fit(data).paths(data, origin, 1)[0, 0]
    unexplained = Momentum().fit(data).paths(data, origin, 1)[0, 0]
    assert abs(explained - data.y[50]) < 0.06 < unexplained - data.y[50]


def test_without_events_it_is_damped_momentum() -> None:
    data = planted(effects=(0.0, 0.0))
    plain = FitInput(y=data.y, periods=data.periods, season=12)
    origins = np.arange(60, N)
    np.testing.assert_allclose(
        Sarimax().fit(plain).paths(plain, origins, 3),
        Momentum().fit(plain).paths(plain, origins, 3),
        rtol=0,
        atol=1e-4,
    )


def test_types_without_information_are_dropped_by_name() -> None:
    step, decay = dummies()[:N].T
    inside_hole = np.zeros(N)
    inside_hole[[30, 31]] = 1.0
    quoted = np.ones(N, dtype=bool)
    quoted[29:34] = False
    exog = np.column_stack([np.zeros(N), step, np.ones(N), 2 * step + 1, decay, inside_hole])
    data = given(np.where(quoted, planted().y, np.nan), exog)
    assert informative(data) == ("type-1", "type-4")
    fitted = Sarimax().fit(data)
    assert [name for name in fitted.parameters if name.startswith("event")] == [
        "event_type-1",
        "event_type-1_se",
        "event_type-4",
        "event_type-4_se",
    ]


def test_columns_are_told_apart_by_name_not_by_place() -> None:
    """Another day may know other types: those of the fit count wherever they stand, the rest do not."""
    data = planted()
    fitted = Sarimax().fit(data)
    origins = np.arange(60, N)
    assert data.exog is not None
    unknown = np.cumsum(np.ones((N + STEPS, 1)), axis=0)
    moved = FitInput(
        y=data.y,
        periods=data.periods,
        season=12,
        exog=np.hstack([unknown, data.exog[:, ::-1]]),
        exog_names=("new", *data.exog_names[::-1]),
    )
    np.testing.assert_array_equal(fitted.paths(moved, origins, STEPS), fitted.paths(data, origins, STEPS))


def test_dummies_without_their_names_are_refused() -> None:
    data = planted()
    with pytest.raises(InputError, match="exog_names"):
        FitInput(y=data.y, periods=data.periods, season=12, exog=data.exog)


def test_an_optimiser_that_stops_early_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SARIMAX.fit

    def stopped(self: SARIMAX, *args: object, **kwargs: object) -> object:
        return whole(self, *args, **{**kwargs, "maxiter": 1})

    monkeypatch.setattr(SARIMAX, "fit", functools.wraps(whole)(stopped))
    with pytest.raises(ModelNotFitted, match="sarimax was left out: its optimiser did not converge"):
        Sarimax().fit(planted())
