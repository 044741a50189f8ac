"""Quantile functions and sample paths against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from forecast.distribution.paths import (
    at_quantiles,
    past_scores,
    quantile_mean,
    ranks,
    reorder,
    shock_correlation,
    walk_scores,
)
from forecast.types import QUANTILES

NORMAL = np.outer(np.array([0.05, 0.1]), norm.ppf(QUANTILES)) + 3.0


def test_reordered_paths_have_the_marginals_and_the_ranks() -> None:
    rng = np.random.default_rng(2)
    walk = np.cumsum(walk_scores(1000, 2, 1, np.eye(1), rng)[:, :, 0], axis=1)
    paths = reorder(walk, NORMAL, QUANTILES)
    np.testing.assert_array_equal(np.argsort(paths[:, 1]), np.argsort(walk[:, 1]))
    np.testing.assert_allclose(np.quantile(paths, QUANTILES, axis=0).T, NORMAL, atol=2e-3)
    # levels of a walk at steps 1 and 2 correlate with 1 / sqrt(2)
    assert np.corrcoef(paths.T)[0, 1] == pytest.approx(2**-0.5, abs=0.05)


def test_crossing_by_a_date_is_likelier_than_beyond_at_it() -> None:
    rng = np.random.default_rng(3)
    steps = np.arange(1, 13)
    quantiles = np.outer(np.sqrt(steps) * 0.06, norm.ppf(QUANTILES))
    paths = reorder(
        np.cumsum(walk_scores(1000, 12, 1, np.eye(1), rng)[:, :, 0], axis=1), quantiles, QUANTILES
    )
    beyond, crossed = (paths[:, -1] > 0.2).mean(), (paths > 0.2).any(axis=1).mean()
    assert crossed > 1.4 * beyond


def test_mean_of_a_lognormal() -> None:
    assert quantile_mean(NORMAL, QUANTILES) == pytest.approx(
        np.exp(3.0 + np.array([0.05, 0.1]) ** 2 / 2), rel=1e-3
    )


def test_other_quantiles_are_read_off_the_same_function() -> None:
    assert at_quantiles(NORMAL, QUANTILES, (0.33,))[0, 0] == pytest.approx(
        3.0 + 0.05 * norm.ppf(0.33), abs=1e-4
    )


def test_ranks_are_mid_levels() -> None:
    np.testing.assert_allclose(ranks(np.array([[3.0], [1.0], [2.0]]))[:, 0], [5 / 6, 1 / 6, 3 / 6])


def test_correlation_is_found_shrunk_and_usable() -> None:
    rng = np.random.default_rng(4)
    common = rng.standard_normal(300)
    errors = np.stack(
        [common + 0.5 * rng.standard_normal(300), common + 0.5 * rng.standard_normal(300), -common]
    )
    found = shock_correlation(errors)
    assert found[0, 1] == pytest.approx(0.4, abs=0.05)
    np.linalg.cholesky(found)


def test_shocks_come_as_past_ones_came() -> None:
    """Wild months are wild for both series at once, and a surprise is followed up: ranks keep either."""
    rng = np.random.default_rng(6)
    wild = np.repeat(np.where(rng.random(40) < 0.2, 4.0, 0.5), 6)
    common = wild * rng.standard_normal(240)
    first = common + 0.3 * np.concatenate([[0.0], common[:-1]])
    errors = np.stack([first, 0.7 * first + 0.5 * wild * rng.standard_normal(240), np.full(240, np.nan)])
    errors[2, -10:] = rng.standard_normal(10)
    found = past_scores(1000, 24, errors, np.random.default_rng(0))
    assert found.shape == (1000, 24, 3)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-12)
    flat = found.reshape(-1, 3)
    assert np.corrcoef(flat[:, 0], flat[:, 1])[0, 1] == pytest.approx(np.corrcoef(errors[:2])[0, 1], abs=0.05)
    assert abs(np.corrcoef(flat[:, 0], flat[:, 2])[0, 1]) < 0.05
    after = np.corrcoef(found[:, :-1, 0].ravel(), found[:, 1:, 0].ravel())[0, 1]
    assert after == pytest.approx(np.corrcoef(first[:-1], first[1:])[0, 1] * (1 - 1 / 6), abs=0.08)
    size = np.corrcoef(np.abs(flat[:, 0]), np.abs(flat[:, 1]))[0, 1]
    assert size > 0.5


def test_with_few_past_errors_all_series_walk_by_themselves() -> None:
    errors = np.random.default_rng(7).standard_normal((2, 40))
    found = past_scores(1000, 5, errors, np.random.default_rng(1))
    wanted = walk_scores(1000, 5, 2, shock_correlation(errors), np.random.default_rng(1))
    np.testing.assert_array_equal(found, wanted)
    apart = np.full((2, 200), np.nan)
    apart[0, :100], apart[1, 100:] = errors[0, 0], errors[1, 0]
    assert np.isfinite(past_scores(10, 5, apart, np.random.default_rng(2))).all()
