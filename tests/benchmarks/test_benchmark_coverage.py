"""The benchmark's own arithmetic, on fans small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.types import QUANTILES
from tests.benchmarks.coverage import Result, coverage, inside, interval_score, score_ratio


def fans(actual: list[list[float]], width: float = 1.0) -> Result:
    """One series, one cutoff a row; quantile p stands at 100 + width * (p - 0.5)."""
    a = np.array(actual)
    q = np.broadcast_to(100 + width * (np.array(QUANTILES) - 0.5), (*a.shape, len(QUANTILES)))
    cut = np.array([f"2020-{month:02}-01" for month in range(1, len(a) + 1)])
    return Result(uid=np.full(len(a), "x"), cut=cut, q=q, actual=a, scale=np.ones(len(a)))


def test_inside_counts_both_ends() -> None:
    result = fans([[99.6, 100.4, 100.41, 99.5]])
    assert inside(result, 0.1, 0.9).tolist() == [[1.0, 1.0, 0.0, 0.0]]


def test_interval_score_is_width_plus_penalty() -> None:
    result = fans([[100.0, 100.5]])
    assert interval_score(result, 0.1, 0.9)[0] == pytest.approx([0.8, 0.8 + 2 / 0.2 * 0.1])


def test_score_ratio_of_twice_the_width_is_two() -> None:
    prices = [[100.0, 100.0], [100.0, 100.0]]
    assert score_ratio(fans(prices, 2.0), fans(prices), 0.1, 0.9) == pytest.approx(2.0)


def test_coverage_of_nothing_to_vary_has_no_width() -> None:
    result = fans([[100.0]] * 6)
    found = coverage(inside(result, 0.1, 0.9), result.cut, block=2)
    assert (found.share, found.low, found.high) == (1.0, 1.0, 1.0)


def test_coverage_interval_widens_with_the_blocks_that_misses_come_in() -> None:
    """Ten misses in a row are less certain than ten scattered ones, and only long blocks can tell."""
    hits = np.ones((40, 1))
    hits[10:20] = 0.0
    cut = np.array([f"{at:03}" for at in range(40)])
    short, long = coverage(hits, cut, block=1), coverage(hits, cut, block=10)
    assert short.share == long.share == 0.75
    assert long.high - long.low > 1.5 * (short.high - short.low)
