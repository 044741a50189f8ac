"""Skill figures of the benchmark, on fans small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.types import QUANTILES, SCORED_QUANTILES
from tests.benchmarks.coverage import Result
from tests.benchmarks.panels import verdict_on_steps
from tests.benchmarks.peers import median_of
from tests.benchmarks.skill import EPSILON, Ratio, ratio, scaled_pinball

CUTS = np.array([f"{2000 + at}-01-01" for at in range(8)])


def certain(error: float, *, series: str = "x", steps: int = 2, scale: float = 2.0) -> Result:
    """Fans of no width at eight cutoffs that miss by `error` at step 1 and by 3 times that later."""
    missed = np.where(np.arange(steps) == 0, error, 3 * error)
    actual = np.tile(100.0 + missed, (len(CUTS), 1))
    q = np.full((len(CUTS), steps, len(QUANTILES)), 100.0)
    return Result(
        uid=np.full(len(CUTS), series), cut=CUTS, q=q, actual=actual, scale=np.full(len(CUTS), scale)
    )


def joined(*results: Result) -> Result:
    parts = ("uid", "cut", "q", "actual", "scale")
    return Result(**{part: np.concatenate([getattr(one, part) for one in results]) for part in parts})


def test_a_fan_of_no_width_scores_its_absolute_error_by_the_scale() -> None:
    np.testing.assert_allclose(scaled_pinball(certain(-4.0)), [[2.0, 6.0]] * len(CUTS))


def test_pinball_of_a_spread_fan_is_the_mean_over_the_scored_quantiles() -> None:
    one = certain(0.0, steps=1, scale=1.0)
    fan = np.broadcast_to(100 + np.array(QUANTILES) - 0.5, one.q.shape)
    spread = Result(uid=one.uid, cut=one.cut, q=fan, actual=one.actual, scale=one.scale)
    byhand = np.mean([2 * max(p * (0.5 - p), (p - 1) * (0.5 - p)) for p in SCORED_QUANTILES])
    assert scaled_pinball(spread)[0, 0] == pytest.approx(byhand)


def test_ratio_is_the_geometric_mean_over_series_of_ratios_of_means() -> None:
    ours = joined(certain(1.0, series="a"), certain(8.0, series="b"))
    base = joined(certain(2.0, series="a"), certain(2.0, series="b"))
    byhand = [
        (mine + EPSILON) / (2.0 + EPSILON) for mine in (1.0, 8.0)
    ]  # mean of steps: error x 4 / 2 / scale
    found = ratio(ours, base, block=2)
    assert found.value == pytest.approx(np.sqrt(np.prod(byhand)))
    assert found.low == pytest.approx(byhand[0])
    assert found.high == pytest.approx(byhand[1])
    at_first = ratio(ours, base, block=2, step=0)
    assert at_first.value == pytest.approx(
        np.sqrt(np.prod([(m + EPSILON) / (1 + EPSILON) for m in (0.5, 4.0)]))
    )


def test_only_fans_that_both_made_are_compared() -> None:
    base = certain(2.0)
    few = base.at(np.array([5, 6]))
    worse = joined(certain(50.0, series="y"), few)
    assert ratio(worse, base, block=1).value == pytest.approx(1.0)


def test_differences_in_a_row_are_less_certain_than_scattered_ones() -> None:
    bad = np.where(np.arange(len(CUTS)) < 4, 2.0, 0.5)[:, None]
    base = certain(1.0)
    ours = Result(
        uid=base.uid, cut=base.cut, q=base.q, actual=100 + (base.actual - 100) * bad, scale=base.scale
    )
    narrow, wide = ratio(ours, base, block=1), ratio(ours, base, block=4)
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_the_median_of_four_is_taken_at_each_quantile() -> None:
    fans = [np.sort(np.random.default_rng(seed).normal(size=(3, 2, 21)), axis=2) for seed in range(4)]
    found = median_of(fans)
    assert found[1, 0, 4] == np.median([fan[1, 0, 4] for fan in fans])
    assert (np.diff(found, axis=2) >= 0).all()


def test_a_step_counts_as_worse_only_with_its_whole_interval() -> None:
    noise, worse = Ratio(value=1.05, low=0.99, high=1.1), Ratio(value=1.05, low=1.01, high=1.1)
    assert "holds at all 2 steps" in verdict_on_steps([noise, noise])
    assert "FAILS at step 2" in verdict_on_steps([noise, worse])
