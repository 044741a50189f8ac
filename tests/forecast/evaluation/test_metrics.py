"""Scores against numbers made by tests/reference/make_metric_reference.py, and their edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.evaluation import metrics

HISTORY = np.array([10.0, 12.0, 11.0, 15.0, 14.0, 18.0])
ACTUAL = np.array([20.0, 17.0, 25.0])
PREDICTED = np.array([[15.0, 18.0, 22.0], [14.0, 18.0, 24.0], [13.0, 18.5, 24.5]])
LEVELS = (0.1, 0.5, 0.9)


def test_reference_numbers() -> None:
    assert metrics.pinball(ACTUAL, PREDICTED, LEVELS).mean() == pytest.approx(0.9, abs=1e-12)
    assert metrics.mase(ACTUAL, PREDICTED[:, 1], HISTORY) == pytest.approx(1.3194444444444444)
    assert metrics.rmsse(ACTUAL, PREDICTED[:, 1], HISTORY) == pytest.approx(1.4395723049060898)
    found = metrics.interval_score(ACTUAL, PREDICTED[:, 0], PREDICTED[:, 2], 0.8)
    assert found == pytest.approx([7.0, 10.0, 16.5])


def test_coverage_counts_borders_and_skips_missing() -> None:
    actual = np.array([1.0, 2.0, 3.0, np.nan])
    assert metrics.coverage(actual, np.full(4, 2.0), np.full(4, 3.0)) == pytest.approx(2 / 3)


def test_scales_skip_gaps() -> None:
    gap = np.array([10.0, 12.0, np.nan, 15.0, 14.0])
    assert metrics.mase(np.array([3.0]), np.array([0.0]), gap) == pytest.approx(3.0 / 1.5)


def test_a_history_that_never_moved() -> None:
    flat = np.ones(5)
    assert metrics.mase(np.ones(2), np.ones(2), flat) == 0.0
    assert metrics.mase(np.ones(2), np.zeros(2), flat) == float("inf")
    assert metrics.rmsse(np.ones(2), np.zeros(2), flat) == float("inf")


def test_crps_of_a_point_forecast_is_its_absolute_error() -> None:
    levels = tuple((np.arange(19) + 1) / 20)
    point = np.full((1, 19), 3.0)
    assert metrics.crps_from_quantiles(np.array([5.0]), point, levels)[0] == pytest.approx(2.0)


@given(st.floats(-5, 5), st.floats(0.05, 0.95))
def test_the_true_quantile_minimises_pinball(shift: float, level: float) -> None:
    draws = np.linspace(-3, 3, 601)
    best = np.quantile(draws, level, method="inverted_cdf")

    def loss(q: float) -> float:
        return float(metrics.pinball(draws, np.full((601, 1), q), (level,)).mean())

    assert loss(best) <= loss(best + shift) + 1e-9


def test_block_bootstrap_is_wider_for_dependent_values_and_covers() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal(200)
    slow = np.convolve(rng.standard_normal(211), np.ones(12), "valid") / np.sqrt(12)
    narrow = np.diff(metrics.block_bootstrap(white, block=12))[0]
    wide = np.diff(metrics.block_bootstrap(slow, block=12))[0]
    assert wide > 2.0 * narrow
    assert narrow == pytest.approx(2 * 1.645 / np.sqrt(200), rel=0.25)
    assert metrics.block_bootstrap(white, block=12) == metrics.block_bootstrap(white, block=12)


def test_block_bootstrap_never_pretends_to_be_sure() -> None:
    """Blocks as long as the sample would leave nothing to vary; draws that saw nothing are no zeros."""
    low, high = metrics.block_bootstrap(np.arange(12.0), block=12)
    assert high - low > 1.0
    sparse = np.full(24, np.nan)
    sparse[:5] = [1.0, 1.1, 1.2, 1.3, 1.4]
    low, high = metrics.block_bootstrap(sparse, block=3)
    assert low >= 1.0
    assert high <= 1.4


def test_a_bootstrap_of_nothing_is_no_interval() -> None:
    assert np.isnan(metrics.block_bootstrap(np.full(12, np.nan), block=3)).all()
