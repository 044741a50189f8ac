"""What every model in MODELS promises, whatever it does inside."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.errors import HistoryTooShort, ModelNotFitted, UnknownModel
from forecast.models import MODELS, get_candidate
from forecast.models.base import FitInput, Fitted, Model
from forecast.types import Array

STEPS = 24
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def simulated(n: int = 120, seed: int = 1) -> Array:
    """Log prices with momentum and a yearly wave, like a month's mean of an assessed price."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, n + 1) * 0.04
    wave = 0.05 * np.sin(2 * np.pi * np.arange(n) / 12)
    return np.cumsum(shocks[1:] + 0.4 * shocks[:-1]) + wave + 5.0


def given_input(y: Array, *, exog: Array | None = None, seed: int = 0, freq: str = "M") -> FitInput:
    periods = pd.period_range("2012-03", periods=y.size, freq=freq)
    names = tuple(f"type {k}" for k in range(0 if exog is None else exog.shape[1]))
    season = 12 if freq == "M" else 52
    return FitInput(y=y, periods=periods, season=season, exog=exog, exog_names=names, seed=seed)


def dummies(n: int) -> Array:
    """A step, a decaying step and a column of an event that has not happened: future rows included."""
    step = (np.arange(n + STEPS) >= 40).astype(float)
    decay = np.where(np.arange(n + STEPS) >= 70, 0.8 ** (np.arange(n + STEPS) - 70.0), 0.0)
    return np.column_stack([step, decay, np.zeros(n + STEPS)])


def with_hole(y: Array) -> Array:
    """Two years without a quote, then two years of quotes and a single one missing."""
    holed = y.copy()
    holed[-48:-24] = np.nan
    holed[-5] = np.nan
    return holed


def fit_or_refuse(model: Model, data: FitInput) -> Fitted | None:
    """A fit, or None where the model refused with an error of ours that has its name in it."""
    try:
        return model.fit(data)
    except (HistoryTooShort, ModelNotFitted) as error:
        if model.name not in str(error):
            raise
        return None


@every_model
def test_the_same_input_gives_the_same_numbers(model: Model) -> None:
    data = given_input(simulated(), exog=dummies(120), seed=7)
    origins = np.arange(60, 120)
    first = model.fit(data)
    second = model.fit(data)
    assert first.parameters == second.parameters
    np.testing.assert_array_equal(
        first.paths(data, origins, STEPS), second.paths(data, origins, STEPS), strict=True
    )


@every_model
@pytest.mark.parametrize("freq", ["M", "W-FRI"])
def test_paths_are_finite_and_one_row_an_origin(model: Model, freq: str) -> None:
    data = given_input(simulated(), exog=dummies(120), freq=freq)
    paths = model.fit(data).paths(data, np.arange(30, 120), STEPS)
    assert paths.shape == (90, STEPS)
    assert paths.dtype == np.float64
    assert np.isfinite(paths).all()
    assert np.abs(paths[:, 0] - data.y[30:]).max() < 0.6, "the first step stays near the last price"


@every_model
def test_rows_after_the_origin_change_nothing(model: Model) -> None:
    y, exog, origin = simulated(), dummies(120), 99
    fitted = model.fit(given_input(y[: origin + 1], exog=exog[: origin + 1 + STEPS]))
    wanted = fitted.paths(given_input(y, exog=exog), np.array([origin]), STEPS)
    rng = np.random.default_rng(0)
    other_exog = exog.copy()
    other_exog[origin + 1 :] = rng.normal(size=other_exog[origin + 1 :].shape)
    for future in (rng.normal(size=20) * 9, np.full(20, np.nan), y[origin + 1 :] + 4.0):
        changed = np.concatenate([y[: origin + 1], future])
        found = fitted.paths(given_input(changed, exog=other_exog), np.array([origin]), STEPS)
        np.testing.assert_array_equal(found, wanted)
    cut = fitted.paths(
        given_input(y[: origin + 1], exog=exog[: origin + 1 + STEPS]), np.array([origin]), STEPS
    )
    np.testing.assert_allclose(cut, wanted, rtol=0, atol=1e-12)


@every_model
def test_many_origins_equal_one_by_one(model: Model) -> None:
    data = given_input(with_hole(simulated()), exog=dummies(120))
    fitted = model.fit(data)
    origins = np.flatnonzero(np.isfinite(data.y))[30:]
    together = fitted.paths(data, origins, STEPS)
    alone = [fitted.paths(data, np.array([origin]), STEPS)[0] for origin in origins]
    np.testing.assert_allclose(together, np.array(alone), rtol=0, atol=1e-12)
    np.testing.assert_allclose(fitted.paths(data, origins, 3), together[:, :3], rtol=0, atol=1e-12)


@every_model
def test_inputs_are_left_as_they_were(model: Model) -> None:
    y, exog = simulated(), dummies(120)
    data = given_input(y.copy(), exog=exog.copy())
    data.y.flags.writeable = False
    assert data.exog is not None
    data.exog.flags.writeable = False
    origins = np.arange(50, 120)
    model.fit(data).paths(data, origins, STEPS)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(data.exog, exog)
    np.testing.assert_array_equal(origins, np.arange(50, 120))


@every_model
def test_one_quote_too_few_is_a_typed_error(model: Model) -> None:
    needed = model.min_observations
    y = simulated()
    y[: -(needed - 1)] = np.nan
    with pytest.raises(HistoryTooShort, match=str(needed)):
        model.fit(given_input(y))


@every_model
def test_the_shortest_history_is_enough(model: Model) -> None:
    data = given_input(simulated(model.min_observations))
    paths = model.fit(data).paths(data, np.array([data.y.size - 1]), STEPS)
    assert np.isfinite(paths).all()


@every_model
def test_a_constant_is_refused_or_stays_flat(model: Model) -> None:
    data = given_input(np.full(60, 4.2))
    fitted = fit_or_refuse(model, data)
    if fitted is not None:
        paths = fitted.paths(data, np.array([40, 59]), STEPS)
        np.testing.assert_allclose(paths, 4.2, rtol=0, atol=1e-9)


@every_model
def test_a_hole_of_two_years_is_stepped_over(model: Model) -> None:
    y = with_hole(simulated(180))
    data = given_input(y, exog=dummies(180))
    fitted = model.fit(data)
    last, after = y.size - 1, y.size - 24
    paths = fitted.paths(data, np.array([after, last]), STEPS)
    assert np.isfinite(paths).all()
    assert np.abs(paths[:, 0] - y[[after, last]]).max() < 0.5


@every_model
def test_another_unit_moves_the_path_by_its_log(model: Model) -> None:
    y, shift = simulated(), float(np.log(7.1))
    data, moved = given_input(y, exog=dummies(120)), given_input(y + shift, exog=dummies(120))
    origins = np.arange(60, 120)
    plain = model.fit(data).paths(data, origins, STEPS)
    np.testing.assert_allclose(
        model.fit(moved).paths(moved, origins, STEPS) - shift, plain, rtol=0, atol=2e-4
    )


@every_model
def test_events_that_become_known_later_change_nothing(model: Model) -> None:
    y = simulated()
    exog = dummies(120)
    later = np.zeros((exog.shape[0], 1))
    later[110:] = 1.0
    fitted = model.fit(given_input(y[:100], exog=exog[: 100 + STEPS]))
    data, informed = given_input(y, exog=exog), given_input(y, exog=np.hstack([exog, later]))
    origins = np.arange(60, 120)
    np.testing.assert_array_equal(
        fitted.paths(data, origins, STEPS), fitted.paths(informed, origins, STEPS), strict=True
    )


@every_model
def test_a_column_without_information_changes_nothing(model: Model) -> None:
    data = given_input(simulated(), exog=dummies(120)[:, :2])
    padded = given_input(data.y, exog=np.hstack([dummies(120)[:, :2], np.ones((144, 1)), np.zeros((144, 1))]))
    origins = np.arange(60, 120)
    np.testing.assert_array_equal(
        model.fit(data).paths(data, origins, STEPS), model.fit(padded).paths(padded, origins, STEPS)
    )


@every_model
def test_parameters_are_plain_numbers(model: Model) -> None:
    parameters = dict(model.fit(given_input(simulated(), exog=dummies(120))).parameters)
    assert json.loads(json.dumps(parameters, allow_nan=False)) == parameters
    assert model.cost in ("cheap", "medium", "costly")


@every_model
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    n=st.integers(40, 90),
    seed=st.integers(0, 2**16),
    scale=st.sampled_from([1e-4, 0.02, 0.5]),
    missing=st.floats(0.0, 0.4),
    sticky=st.booleans(),
)
def test_odd_histories_give_finite_paths_or_a_typed_error(
    model: Model, n: int, seed: int, scale: float, missing: float, sticky: bool
) -> None:
    """Sparse, tiny, wild or sticky prices: a usable path, or an error that says why. Never a warning."""
    rng = np.random.default_rng(seed)
    changes = rng.normal(size=n) * scale * (rng.random(n) > 0.8 if sticky else 1.0)
    y = np.cumsum(changes)
    gone = rng.random(n) < missing
    gone[[0, -1]] = False
    y[gone] = np.nan
    data = given_input(y, exog=(rng.random((n + STEPS, 2)) > 0.9).astype(float))
    fitted = fit_or_refuse(model, data)
    if fitted is not None:
        paths = fitted.paths(data, np.flatnonzero(~gone), STEPS)
        assert np.isfinite(paths).all()
        assert np.abs(paths[-1] - y[-1]).max() < 60 * scale + 1e-6


def test_names_are_unique_and_found() -> None:
    names = [model.name for model in MODELS]
    assert len(set(names)) == len(names)
    assert [get_candidate(name) for name in names] == list(MODELS)
    assert names[0] == "rw", "the bar comes first"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="rw, rw-drift, momentum"):
        get_candidate("arima")
