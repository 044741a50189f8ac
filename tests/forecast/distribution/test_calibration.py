"""Ranges: pooled shapes, and that nothing from after a cutoff gets into them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.distribution.calibration import Calibration, calibrate, series_factors, smooth_over_steps
from forecast.distribution.prior_shape import PRIOR_LEVELS, prior_scores
from forecast.types import QUANTILES, Array


def errors_of_walks(series: int, length: int, steps: int, sd: Array, rng: np.random.Generator) -> Array:
    """Errors of the random-walk path on simulated walks, (u, t, k)."""
    y = np.cumsum(rng.standard_normal((series, length)) * sd[:, None], axis=1)
    out = np.full((series, length, steps), np.nan)
    for k in range(steps):
        out[:, : -k - 1, k] = y[:, k + 1 :] - y[:, : -k - 1]
    return out


def slow_shape(errors: Array, calibration: Calibration, position: int, level: float) -> list[float]:
    """The shape by the book: one step and one weighted quantile at a time, before smoothing."""
    rows = []
    for k in range(errors.shape[2]):
        sizes, mass = [], []
        for u in range(errors.shape[0]):
            for t in range(position - k):
                if np.isfinite(errors[u, t, k]):
                    sizes.append(abs(errors[u, t, k]) / calibration.scale[u, t, 0])
                    mass.append(2.0 ** (-(position - t) / 18.0) / (k + 1.0) ** 0.5)
        prior = prior_scores(k + 1, 12)
        both, weights = np.array([*sizes, *prior]), np.array([*mass, *([30.0 / 20] * 20)])
        order = np.argsort(both)
        middle = np.cumsum(weights[order]) - 0.5 * weights[order]
        rows.append(float(np.interp(level, middle / weights.sum(), both[order])))
    return rows


@pytest.mark.parametrize("position", [30, 70, 119])
def test_the_shape_equals_its_slow_twin_at_any_position(position: int) -> None:
    errors = errors_of_walks(2, 120, 4, np.array([0.03, 0.1]), np.random.default_rng(4))
    errors[0, :25] = np.nan
    calibration = calibrate(errors, np.full((2, 120, 1), 0.05), 12)
    wanted = smooth_over_steps(np.array(slow_shape(errors, calibration, position, 0.8))[:, None])[:, 0]
    assert calibration.shape(position, (0.1, 0.9))[:, 1] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("nominal", [0.8, 0.95])
def test_coverage_of_walks_with_unequal_volatility(nominal: float) -> None:
    """Fresh errors from the same walks fall inside at the nominal rate, at every step."""
    rng = np.random.default_rng(7)
    sd = np.geomspace(0.01, 0.2, 12)
    steps, length = 6, 260
    errors = errors_of_walks(12, length, steps, sd, rng)
    scale = np.repeat(sd[:, None], length, axis=1)
    calibration = calibrate(errors, scale[:, :, None], 12)
    shape = calibration.shape(length - 1, ((1 - nominal) / 2, (1 + nominal) / 2))
    fresh = errors_of_walks(12, 4000, steps, sd, rng) / sd[:, None, None]
    for k in range(steps):
        error = fresh[:, : -k - 1, k]
        inside = ((error >= shape[k, 0]) & (error <= shape[k, 1])).mean()
        # the half-life leaves about 12 series x 26 months of weight; prior shapes have fat tails
        assert nominal - 0.03 < inside < nominal + 0.05


def test_a_later_error_changes_no_earlier_shape() -> None:
    rng = np.random.default_rng(3)
    errors = errors_of_walks(3, 100, 5, np.full(3, 0.05), rng)
    scale = np.full((3, 100), 0.05)
    cutoff = 70
    changed = errors.copy()
    for k in range(5):
        changed[:, cutoff - k :, k] *= 50.0  # targets after the cutoff only
    before = calibrate(errors, scale[:, :, None], 12)
    after = calibrate(changed, scale[:, :, None], 12)
    np.testing.assert_array_equal(before.shape(cutoff, QUANTILES), after.shape(cutoff, QUANTILES))
    np.testing.assert_array_equal(before.scale[:, : cutoff + 1], after.scale[:, : cutoff + 1])
    assert not np.allclose(before.shape(99, QUANTILES), after.shape(99, QUANTILES))


def test_factor_of_a_series_that_errs_twice_as_far() -> None:
    rng = np.random.default_rng(5)
    scores = np.abs(rng.standard_normal((4, 400, 1)))
    scores[0] *= 2.0
    factor = series_factors(scores)[:, -1]
    assert factor[0] / factor[1] == pytest.approx(2.0, rel=0.25)
    assert series_factors(scores)[:, 0] == pytest.approx(1.0)


def test_without_an_own_error_the_prior_shape_is_used() -> None:
    none = calibrate(np.full((1, 30, 3), np.nan), np.full((1, 30, 1), 0.05), 12)
    shape = none.shape(29, (0.1, 0.5, 0.9))
    # level |2 * 0.9 - 1| = 0.8 of the monthly first step lies between 1.04 (0.725) and 1.59 (0.875)
    assert shape[0, 1] == 0.0
    assert shape[0, 2] == pytest.approx(np.interp(0.8, PRIOR_LEVELS, prior_scores(1, 12)), rel=1e-9)
    assert shape[0, 0] == -shape[0, 2]


@given(
    st.lists(st.floats(0.01, 5.0), min_size=40, max_size=120),
    st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_never_cross_and_widths_never_shrink(sizes: list[float], steps: int) -> None:
    rng = np.random.default_rng(len(sizes))
    errors = rng.choice(sizes, size=(2, 60, steps)) * rng.choice([-1.0, 1.0], size=(2, 60, steps))
    shape = calibrate(errors, np.ones((2, 60, 1)), 12).shape(59, QUANTILES)
    assert (np.diff(shape, axis=1) >= 0).all()
    width = shape[:, -1] - shape[:, 0]
    assert (np.diff(width) >= -1e-12).all()


def test_smoothing_leaves_a_square_root_alone() -> None:
    walk = np.sqrt(np.arange(1, 28))[:, None] * np.array([[0.5, 1.3]])
    np.testing.assert_allclose(smooth_over_steps(walk), walk, rtol=1e-12)


def test_smoothing_removes_a_seam() -> None:
    """A single step 30 % wider than its neighbours leaves less than a fifth of its jump."""
    steps = np.sqrt(np.arange(1, 28))[:, None]
    bumpy = steps.copy()
    bumpy[14] *= 1.3
    jumps = np.diff(np.log(smooth_over_steps(bumpy)[:, 0])) - np.diff(np.log(steps[:, 0]))
    assert np.abs(jumps).max() < 0.2 * np.log(1.3)


@pytest.mark.parametrize("length", [2, 3, 4, 7])
def test_a_panel_shorter_than_its_horizon_is_calibrated_by_the_shipped_shapes(length: int) -> None:
    errors = np.full((1, length, 12), np.nan)
    found = calibrate(errors, np.full((1, length, 1), 0.05), 12)
    long = calibrate(np.full((1, 60, 12), np.nan), np.full((1, 60, 1), 0.05), 12)
    np.testing.assert_allclose(found.shape(length - 1, (0.1, 0.9)), long.shape(59, (0.1, 0.9)))
    assert (found.scale == 0.05).all()
