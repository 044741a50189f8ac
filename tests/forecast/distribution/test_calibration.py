"""Ranges: volatility, pooled shapes, and that nothing from after a cutoff gets into them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.distribution.calibration import (
    SMALLEST,
    calibrate,
    series_factors,
    smooth_over_steps,
    volatility,
)
from forecast.distribution.prior_shape import PRIOR_LEVELS, prior_scores
from forecast.types import QUANTILES, Array


def errors_of_walks(series: int, length: int, steps: int, sd: Array, rng: np.random.Generator) -> Array:
    """Errors of the random-walk path on simulated walks, (u, t, k)."""
    y = np.cumsum(rng.standard_normal((series, length)) * sd[:, None], axis=1)
    out = np.full((series, length, steps), np.nan)
    for k in range(steps):
        out[:, : -k - 1, k] = y[:, k + 1 :] - y[:, : -k - 1]
    return out


def slow_volatility(y: list[float]) -> list[float]:
    """The same by the book, one sum at a time, for a history without gaps."""
    changes = [b - a for a, b in itertools.pairwise(y)]
    fast = sum(c * c for c in changes[:12]) / len(changes[:12])
    out = [fast**0.5]
    for i, change in enumerate(changes):
        fast = 0.94 * fast + 0.06 * change * change
        slow = sum(c * c for c in changes[: i + 1]) / (i + 1)
        out.append((0.85 * fast + 0.15 * slow) ** 0.5)
    return out


def test_volatility_equals_its_slow_twin() -> None:
    y = np.cumsum(np.random.default_rng(1).standard_normal(60) * 0.05)
    assert volatility(y) == pytest.approx(slow_volatility(y.tolist()), rel=1e-12)


def test_a_gap_counts_its_steps() -> None:
    """One change of 0.2 over four months is a variance of 0.01 a month, not 0.04."""
    y = np.array([0.0, 0.1, 0.0, 0.1, np.nan, np.nan, np.nan, 0.3])
    found = volatility(y)
    assert np.isnan(found[4:7]).all()
    assert found[7] == pytest.approx(0.1, rel=1e-6)


def test_a_price_that_never_moved_has_a_range() -> None:
    assert (volatility(np.zeros(30)) == SMALLEST).all()


@pytest.mark.parametrize("nominal", [0.8, 0.95])
def test_coverage_of_walks_with_unequal_volatility(nominal: float) -> None:
    """Fresh errors from the same walks fall inside at the nominal rate, at every step."""
    rng = np.random.default_rng(7)
    sd = np.geomspace(0.01, 0.2, 12)
    steps, length = 6, 260
    errors = errors_of_walks(12, length, steps, sd, rng)
    scale = np.repeat(sd[:, None], length, axis=1)
    calibration = calibrate(errors, scale, 12)
    shape = calibration.shape(length - 1, ((1 - nominal) / 2, (1 + nominal) / 2))
    fresh = errors_of_walks(12, 4000, steps, sd, rng) / sd[:, None, None]
    for k in range(steps):
        error = fresh[:, : -k - 1, k]
        inside = ((error >= shape[k, 0]) & (error <= shape[k, 1])).mean()
        # two years' half-life leaves about 12 series x 35 months of weight; prior shapes have fat tails
        assert nominal - 0.03 < inside < nominal + 0.04


def test_a_later_error_changes_no_earlier_shape() -> None:
    rng = np.random.default_rng(3)
    errors = errors_of_walks(3, 100, 5, np.full(3, 0.05), rng)
    scale = np.full((3, 100), 0.05)
    cutoff = 70
    changed = errors.copy()
    for k in range(5):
        changed[:, cutoff - k :, k] *= 50.0  # targets after the cutoff only
    before = calibrate(errors, scale, 12)
    after = calibrate(changed, scale, 12)
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
    none = calibrate(np.full((1, 30, 3), np.nan), np.full((1, 30), 0.05), 12)
    shape = none.shape(29, (0.1, 0.5, 0.9))
    # level |2 * 0.9 - 1| = 0.8 of the monthly first step lies between 0.98 (0.725) and 1.49 (0.875)
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
    shape = calibrate(errors, np.ones((2, 60)), 12).shape(59, QUANTILES)
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
