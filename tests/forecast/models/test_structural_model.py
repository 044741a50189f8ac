"""Structural model: generalised least squares as reference, planted truths, names of columns, refusals."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.errors import ModelNotFitted
from forecast.models import structural
from forecast.models.base import FitInput
from forecast.models.momentum import AVERAGING, Momentum
from forecast.models.smoothing import filter_level
from forecast.models.structural import EFFECT_SD, FittedStructural, Structural
from forecast.models.structural_space import INSIDE, UNSEEN, Dynamics, Measured, filter_states
from forecast.types import Array

STEPS = 12
SIZES = Dynamics(level_sd=0.05, slope_sd=0.02, noise_sd=0.015, damping=0.7)


def given_input(y: Array, exog: Array | None = None, names: tuple[str, ...] = ()) -> FitInput:
    periods = pd.period_range("2004-05", periods=y.size, freq="M")
    return FitInput(y=y, periods=periods, season=12, exog=exog, exog_names=names)


def dummies(n: int, k: int = 3) -> Array:
    """A step, a decaying step and a ramp, future rows included, (n + STEPS, k)."""
    rows = np.arange(n + STEPS, dtype=float)
    decay = np.where(rows >= n // 2, 0.85 ** (rows - n // 2), 0.0)
    return np.column_stack([rows >= n // 4, decay, np.clip((rows - 2 * n / 3) / 6, 0, 1)])[:, :k].astype(
        float
    )


def simulated(n: int, sizes: Dynamics = SIZES, seed: int = 0, effects: tuple[float, ...] = ()) -> Array:
    """The process that structural_space.py states, started at log price 4."""
    rng = np.random.default_rng(seed)
    slope = np.empty(n)
    slope[0] = sizes.slope_sd * rng.standard_normal()
    for t in range(1, n):
        fresh = sizes.slope_sd * math.sqrt(1 - sizes.damping**2) * rng.standard_normal()
        slope[t] = sizes.damping * slope[t - 1] + fresh
    moves = sizes.level_sd * rng.standard_normal(n)
    level = 4.0 + np.cumsum(moves) + np.concatenate([[0.0], np.cumsum(slope[:-1])])
    noise = math.sqrt(INSIDE * sizes.level_sd**2 + sizes.noise_sd**2) * rng.standard_normal(n)
    return level - UNSEEN * moves + noise + dummies(n)[:n, : len(effects)] @ np.array(effects)


def with_holes(y: Array) -> Array:
    holed = y.copy()
    holed[[0, 1, 17, 18, 40]] = np.nan
    holed[25:33] = np.nan
    return holed


def covariance(n: int, sizes: Dynamics, own: Array | float = 0.0) -> Array:
    """Of y less its first level and its effects, (n, n), from the definition; own: sds of single quotes."""
    lags = np.abs(np.arange(n)[:, None] - np.arange(n))
    summed = np.tril(np.ones((n, n)), -1)
    moved = np.tril(np.ones((n, n)))
    moved[:, 0] = 0.0  # the first move is part of the unknown first level
    moved -= UNSEEN * np.eye(n)
    slopes = summed @ (sizes.slope_sd**2 * sizes.damping**lags) @ summed.T
    noise = INSIDE * sizes.level_sd**2 + sizes.noise_sd**2 + np.square(own)
    return np.asarray(slopes + sizes.level_sd**2 * moved @ moved.T + noise * np.eye(n))


def least_squares(
    y: Array, x: Array, sizes: Dynamics, origin: int, own: Array | float = 0.0
) -> tuple[Array, Array, Array]:
    """Posterior mean and covariance of the effects, and the path without events, from y[: origin + 1].

    Generalised least squares on a free first level and effects with their prior, and the best linear
    prediction of the levels ahead.
    """
    n, k = x.shape
    joint = covariance(n + STEPS, sizes, own)
    seen = np.flatnonzero(np.isfinite(y[: origin + 1]))
    inverse = np.linalg.inv(joint[np.ix_(seen, seen)])
    design = np.column_stack([np.ones(len(seen)), x[seen]])
    prior = np.diag([0.0, *np.full(k, EFFECT_SD**-2)])
    spread = np.linalg.inv(design.T @ inverse @ design + prior)
    mean = spread @ design.T @ inverse @ y[seen]
    ahead = joint[origin + 1 : origin + 1 + STEPS, seen]
    path = mean[0] + x[origin] @ mean[1:] + ahead @ inverse @ (y[seen] - design @ mean)
    return mean[1:], spread[1:, 1:], path


def fitted_with(sizes: Dynamics, names: tuple[str, ...] = ()) -> FittedStructural:
    nothing = dict.fromkeys(names, 0.0)
    return FittedStructural(
        level_sd=sizes.level_sd,
        slope_sd=sizes.slope_sd,
        noise_sd=sizes.noise_sd,
        damping=sizes.damping,
        effects=nothing,
        errors=nothing,
    )


@pytest.mark.parametrize("holes", [False, True], ids=["full", "holes"])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_posterior_and_path_are_generalised_least_squares(k: int, holes: bool) -> None:
    n, names = 90, ("export-barrier", "feed-loss", "easing")[:k]
    y = simulated(n, effects=(0.5, -0.3, 0.2)[:k])
    y = with_holes(y) if holes else y
    data = given_input(y, dummies(n, k), names)
    fitted = fitted_with(SIZES, names)
    for origin in (2, 24, 41, 60, n - 1):
        mean, spread, path = least_squares(y, dummies(n, k)[:n], SIZES, origin)
        found = fitted.posterior(data, origin)
        assert found.columns == names
        np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.covariance, spread, rtol=0, atol=1e-8)
        np.testing.assert_allclose(fitted.paths(data, np.array([origin]), STEPS)[0], path, rtol=0, atol=1e-8)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**16),
    missing=st.floats(0.0, 0.6),
    level=st.floats(1e-4, 0.5),
    slope=st.floats(0.0, 1.0),
    noise=st.floats(0.0, 3.0),
    damping=st.floats(0.05, 0.98),
)
def test_the_posterior_is_least_squares_for_any_sizes(
    seed: int, missing: float, level: float, slope: float, noise: float, damping: float
) -> None:
    rng = np.random.default_rng(seed)
    sizes = Dynamics(level_sd=level, slope_sd=level * slope, noise_sd=level * noise, damping=damping)
    y = 7.0 + np.cumsum(rng.normal(size=40)) * level
    y[rng.random(40) < missing] = np.nan
    y[[3, 39]] = 7.0
    x = (rng.random((40 + STEPS, 2)) > 0.7).astype(float)
    mean, spread, path = least_squares(y, x[:40], sizes, 39)
    data, fitted = given_input(y, x, ("a", "b")), fitted_with(sizes, ("a", "b"))
    found = fitted.posterior(data, 39)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.covariance, spread, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fitted.paths(data, np.array([39]), STEPS)[0], path, rtol=0, atol=1e-6)


def test_a_dated_quote_counts_for_less() -> None:
    """Months that stand on one quote carry noise of their own: still least squares, and other sizes."""
    n, names = 90, ("a",)
    y, x = with_holes(simulated(n, effects=(0.4,))), dummies(n, 1)
    own = np.where(np.arange(n + STEPS) >= 60, 0.08, 0.0)
    y[60:] += own[60:n] * np.random.default_rng(5).standard_normal(30)
    data = replace(given_input(y, x, names), noise=np.where(np.isfinite(y), own[:n], np.nan))
    mean, spread, path = least_squares(y, x[:n], SIZES, n - 1, own)
    found = fitted_with(SIZES, names).posterior(data, n - 1)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.covariance, spread, rtol=0, atol=1e-8)
    paths = fitted_with(SIZES, names).paths(data, np.array([n - 1]), STEPS)
    np.testing.assert_allclose(paths[0], path, rtol=0, atol=1e-8)
    told, untold = Structural().fit(data), Structural().fit(given_input(y, x, names))
    assert told.noise_sd < untold.noise_sd
    assert told.level_sd < untold.level_sd


def test_without_slope_and_noise_it_is_the_mean_of_a_random_walk() -> None:
    """ARIMA(0,1,1) with theta = 2 - sqrt(3), once its start is forgotten."""
    y = simulated(120)
    still = Dynamics(level_sd=0.05, slope_sd=0.0, noise_sd=0.0, damping=0.5)
    origins = np.arange(40, 120)
    wanted = filter_level(y, 1.0 + AVERAGING).level[origins]
    found = fitted_with(still).paths(given_input(y), origins, 3)
    np.testing.assert_allclose(found, np.repeat(wanted[:, None], 3, axis=1), rtol=0, atol=1e-10)


def test_planted_sizes_are_recovered() -> None:
    planted = Dynamics(level_sd=0.06, slope_sd=0.006, noise_sd=0.03, damping=0.6)
    fits = [Structural().fit(given_input(simulated(400, planted, seed))) for seed in range(8)]
    assert abs(np.mean([f.level_sd for f in fits]) - 0.06) < 0.004
    assert abs(np.mean([f.noise_sd for f in fits]) - 0.03) < 0.004
    lasting = Dynamics(level_sd=0.02, slope_sd=0.02, noise_sd=0.005, damping=0.9)
    found = Structural().fit(given_input(simulated(400, lasting)))
    assert found.slope_sd > 0.01
    assert found.damping > 0.75


def test_planted_effects_and_their_errors_over_many_simulations() -> None:
    planted, names = (0.25, -0.15, 0.1), ("a", "b", "c")
    sizes = Dynamics(level_sd=0.05, slope_sd=0.004, noise_sd=0.01, damping=0.5)
    fits = [
        Structural().fit(given_input(simulated(100, sizes, seed, planted), dummies(100), names))
        for seed in range(30)
    ]
    means = np.array([list(fit.effects.values()) for fit in fits])
    stated = np.array([list(fit.errors.values()) for fit in fits])
    # at this noise the data give each effect a posterior sd well below the prior's 0.25
    assert (stated < 0.16).all()
    np.testing.assert_allclose(means.mean(axis=0), planted, rtol=0, atol=0.035)
    inside = np.abs(means - planted) < 1.645 * stated
    assert 0.8 < inside.mean() < 0.98


def test_a_jump_that_an_event_explains_is_not_momentum() -> None:
    n, names = 120, ("a",)
    data = given_input(simulated(n, replace(SIZES, slope_sd=0.004), effects=(0.8,)), dummies(n, 1), names)
    origin = np.array([n // 4])
    explained = Structural().fit(data).paths(data, origin, 1)[0, 0]
    unexplained = Momentum().fit(data).paths(data, origin, 1)[0, 0]
    assert abs(explained - data.y[n // 4]) < 0.06 < unexplained - data.y[n // 4]


def test_an_event_that_prices_cannot_speak_of_keeps_the_prior() -> None:
    y = simulated(60)
    y[19:31] = np.nan
    pulse = np.zeros((60 + STEPS, 1))
    pulse[22:26] = 1.0
    only_half = np.zeros((60 + STEPS, 1))
    only_half[40:] = 0.01
    fitted = Structural().fit(given_input(y, np.hstack([pulse, only_half]), ("unseen", "faint")))
    assert list(fitted.effects) == ["faint"]
    assert fitted.errors["faint"] == pytest.approx(EFFECT_SD, rel=0.01)


def test_collinear_columns_share_one_effect() -> None:
    n = 120
    one = dummies(n, 1)
    y = simulated(n, effects=(0.4,))
    alone = Structural().fit(given_input(y, one, ("a",)))
    both = Structural().fit(given_input(y, np.hstack([one, one]), ("a", "b")))
    assert both.effects["a"] == pytest.approx(both.effects["b"], abs=1e-6)
    assert alone.effects["a"] < both.effects["a"] + both.effects["b"] < 0.6
    assert both.errors["a"] > 1.2 * alone.errors["a"]


def test_columns_go_by_name() -> None:
    n = 100
    y, x = simulated(n, effects=(0.5, -0.3)), dummies(n)
    fitted = Structural().fit(given_input(y, x[:, :2], ("a", "b")))
    origins = np.arange(50, n)
    wanted = fitted.paths(given_input(y, x[:, :2], ("a", "b")), origins, STEPS)
    turned = given_input(y, x[:, [1, 2, 0]], ("b", "new", "a"))
    np.testing.assert_allclose(fitted.paths(turned, origins, STEPS), wanted, rtol=0, atol=1e-12)
    absent = fitted.paths(given_input(y, x[:, :1], ("a",)), origins, STEPS)
    nothing = fitted.paths(given_input(y, x[:, :2] * [1, 0], ("a", "b")), origins, STEPS)
    np.testing.assert_array_equal(absent, nothing)
    assert {"event_a", "event_a_se", "event_b", "event_b_se"} < set(fitted.parameters)


def test_later_prices_leave_earlier_posteriors_as_they_were() -> None:
    n = 90
    y, names = simulated(n, effects=(0.5, -0.3, 0.2)), ("a", "b", "c")
    fitted = Structural().fit(given_input(y, dummies(n), names))
    before = fitted.posterior(given_input(y, dummies(n), names), 59)
    for later in (np.full(30, np.nan), np.random.default_rng(1).normal(size=30)):
        changed = given_input(np.concatenate([y[:60], later]), dummies(n), names)
        after = fitted.posterior(changed, 59)
        np.testing.assert_array_equal(after.mean, before.mean)
        np.testing.assert_array_equal(after.covariance, before.covariance)


@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_wider_moves_scale_sizes_and_path(scale: float) -> None:
    y = with_holes(simulated(120))
    plain, wide = given_input(y), given_input(y * scale - 2.5)
    one, other = Structural().fit(plain), Structural().fit(wide)
    for name in ("level_sd", "slope_sd", "noise_sd"):
        assert other.parameters[name] == pytest.approx(one.parameters[name] * scale, rel=1e-3)
    assert other.damping == pytest.approx(one.damping, abs=1e-3)
    origins = np.arange(60, 120)
    wanted = one.paths(plain, origins, STEPS) * scale - 2.5
    np.testing.assert_allclose(other.paths(wide, origins, STEPS), wanted, rtol=0, atol=2e-4 * scale)


def test_two_years_of_quotes_are_enough_for_sane_sizes() -> None:
    """With 24 quotes the priors hold: no free trend, whatever the draw."""
    for seed in range(20):
        y = np.cumsum(np.random.default_rng(seed).standard_t(3, 24)) * 0.05
        data = given_input(y, dummies(24), ("a", "b", "c"))
        fitted = Structural().fit(data)
        assert 0.02 < fitted.slope_sd / fitted.level_sd < 0.3
        assert 0.2 < fitted.damping < 0.8
        path = fitted.paths(data, np.array([23]), 60)[0]
        assert np.abs(path - y[-1]).max() < 3 * np.diff(y).std()


def test_the_sizes_are_at_the_mode_of_the_posterior() -> None:
    """The optimum holds against steps in every direction; its density is written down from the definition."""
    y = with_holes(simulated(80, effects=(0.4,)))
    x = dummies(80, 1)[:80]
    unit = float(np.sqrt(np.mean(np.diff(y[np.isfinite(y)]) ** 2)))
    seen = np.flatnonzero(np.isfinite(y))

    def log_density(off: Array) -> float:
        where = structural.CENTRE + off * structural.WIDTH
        joint = covariance(80, structural.to_dynamics(where).times(unit))[np.ix_(seen, seen)]
        joint = joint + EFFECT_SD**2 * np.outer(x[seen, 0], x[seen, 0])
        inverse, ones = np.linalg.inv(joint), np.ones(len(seen))
        weight = ones @ inverse @ ones
        rest = y[seen] - ones @ inverse @ y[seen] / weight
        logs = np.linalg.slogdet(joint)[1] + math.log(weight)
        return float(-0.5 * (logs + rest @ inverse @ rest + off @ off))

    sizes = structural.estimate_dynamics(Measured(y=y, x=x, effect_sd=EFFECT_SD, noise=np.zeros(1)))
    kept = sizes.damping / structural.LARGEST_DAMPING
    found = [
        math.log(sizes.level_sd / unit),
        math.log(sizes.slope_sd / sizes.level_sd),
        math.log(sizes.noise_sd / sizes.level_sd),
        math.log(kept / (1 - kept)),
    ]
    best = (np.array(found) - structural.CENTRE) / structural.WIDTH
    for direction in np.vstack([np.eye(4), -np.eye(4)]):
        assert log_density(best) > log_density(best + 0.1 * direction)


@pytest.mark.parametrize("tick", [0.0, 1e-13, 1e-9, 5e-6])
def test_a_quote_that_never_moved_says_nothing_of_events(tick: float) -> None:
    data = given_input(3.3 + tick * (np.arange(40) >= 20), dummies(40), ("a", "b", "c"))
    fitted = Structural().fit(data)
    assert fitted.effects == {}
    paths = fitted.paths(data, np.array([30, 39]), STEPS)
    np.testing.assert_allclose(paths, 3.3 + tick, rtol=0, atol=1e-15 + 0.1 * tick)


def test_leading_holes_are_no_quotes() -> None:
    y = simulated(80)
    later = given_input(np.concatenate([np.full(15, np.nan), y]))
    plain = given_input(y)
    one, other = Structural().fit(plain), Structural().fit(later)
    assert other.level_sd == pytest.approx(one.level_sd, rel=0.02)
    bare = Measured(y=later.y, x=np.empty((95, 0)), effect_sd=EFFECT_SD, noise=np.zeros(1))
    states = filter_states(bare, SIZES)
    assert np.isfinite(states.level).all()
    np.testing.assert_allclose(
        other.paths(later, np.array([94]), STEPS), one.paths(plain, np.array([79]), STEPS), rtol=0, atol=1e-3
    )


def test_an_optimiser_that_does_not_settle_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structural, "TOLERANCE", 0.0)
    with pytest.raises(ModelNotFitted, match="structural was left out: its optimiser did not converge"):
        Structural().fit(given_input(simulated(60)))
