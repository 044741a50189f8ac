"""The promotion decision as a table, and its statistics against planted differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from forecast.evaluation.selection import (
    BLOCK_SD,
    PRIOR_SD,
    Decision,
    decide_promotion,
    diebold_mariano,
    paired_gain,
)
from forecast.types import Array

SHAPE = (3, 24, 12)


def scores(ratio: float, seed: int = 0, noise: float = 0.02) -> tuple[Array, Array]:
    """(challenger, champion) whose pinball differs by a factor and a little noise."""
    rng = np.random.default_rng(seed)
    champion = rng.gamma(4.0, 0.01, SHAPE)
    return champion * ratio * np.exp(noise * rng.standard_normal(SHAPE)), champion


def decide_ratio(ratio: float, series: int) -> Decision:
    """Both forecasters alike but for a factor on the challenger's pinball."""
    theirs = np.random.default_rng(1).gamma(4.0, 0.01, (series, 24, 12))
    inside = np.where(np.arange(theirs.size).reshape(theirs.shape) % 5 == 0, 0.0, 1.0)
    return decide_promotion(theirs * ratio, theirs, inside80=inside, step_span=12)


INSIDE = np.where(np.arange(np.prod(SHAPE)).reshape(SHAPE) % 5 == 0, 0.0, 1.0)


def test_a_real_gain_is_promoted_and_shrunk() -> None:
    mine, theirs = scores(0.9)
    found = decide_promotion(mine, theirs, inside80=INSIDE, step_span=12)
    blocks = 24 / 12 * np.sqrt(3)
    assert found.promote
    assert found.gain == pytest.approx(0.1, abs=0.005)
    prior = (BLOCK_SD / PRIOR_SD) ** 2
    assert found.shrunk_gain == pytest.approx(found.gain * blocks / (blocks + prior))
    assert found.cutoffs == 24
    assert "24 cutoffs" in found.reason


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"finite": False}, "not finite"),
        ({"inside80": np.zeros(SHAPE)}, "held 0%"),
        ({"inside80": np.ones(SHAPE)}, "held 100%"),
    ],
)
def test_vetoes(change: dict[str, object], word: str) -> None:
    mine, theirs = scores(0.8)
    arguments: dict[str, object] = {"inside80": INSIDE, "step_span": 12, **change}
    found = decide_promotion(mine, theirs, **arguments)  # type: ignore[arg-type]
    assert not found.promote
    assert word in found.reason


@pytest.mark.parametrize(
    ("ratio", "series", "served"), [(0.995, 3, False), (0.995, 30, True), (0.98, 3, True), (1.0, 30, False)]
)
def test_three_series_have_to_gain_more_than_thirty(ratio: float, series: int, served: bool) -> None:
    """What three series measure says little, what thirty do says much."""
    found = decide_ratio(ratio, series)
    assert found.promote is served
    assert abs(found.shrunk_gain) <= abs(found.gain)


@given(ratio=st.floats(1.0, 1.2), series=st.integers(1, 40))
def test_what_was_measured_to_lose_is_never_served(ratio: float, series: int) -> None:
    found = decide_ratio(ratio, series)
    assert not found.promote
    assert "worse" in found.reason or "is asked" in found.reason


def test_a_gain_overall_that_is_a_loss_far_out_is_vetoed() -> None:
    mine, theirs = scores(0.7)
    mine[:, :, 8:] = theirs[:, :, 8:] * 1.15
    found = decide_promotion(mine, theirs, inside80=INSIDE, step_span=12)
    assert not found.promote
    assert "one third" in found.reason


def test_too_few_cutoffs_are_no_evidence() -> None:
    mine, theirs = scores(0.5)
    mine[:, 3:] = np.nan
    found = decide_promotion(mine, theirs, inside80=INSIDE, step_span=12)
    assert not found.promote
    assert "only 3 cutoffs" in found.reason


def test_gain_is_paired() -> None:
    """Pairs where one is missing do not count on either side."""
    mine, theirs = scores(0.9, noise=0.0)
    theirs[0, 0] = np.nan
    mine[1, 1] = np.nan
    assert paired_gain(mine, theirs) == pytest.approx(0.1)


def test_diebold_mariano_counts_overlap() -> None:
    rng = np.random.default_rng(2)
    slow = np.convolve(rng.standard_normal(411), np.ones(12), "valid")[None, :, None] / 12 + 0.3
    champion, challenger = 1.0 + slow, np.ones_like(slow)
    counted, sure = diebold_mariano(challenger, champion, 12)
    ignored, surer = diebold_mariano(challenger, champion, 1)
    assert abs(counted) < 0.6 * abs(ignored)
    assert sure > surer


def test_diebold_mariano_of_few_cutoffs_is_a_t_test_with_a_correction() -> None:
    """One step ahead it is Student's one-sample t up to the variance's n - 1; further ahead it is smaller."""
    d = np.array([0.3, -0.1, 0.25, 0.4, 0.05, 0.2, -0.15, 0.35])
    champion, challenger = (1.0 + d)[None, :, None], np.ones((1, 8, 1))
    statistic, p = diebold_mariano(challenger, champion, 1)
    expected = ttest_1samp(d, 0.0)
    assert statistic == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue)
    assert diebold_mariano(challenger, champion, 8) == (0.0, 1.0)


def test_three_cutoffs_are_too_few_for_a_statistic() -> None:
    assert diebold_mariano(np.ones((1, 2, 3)), np.full((1, 2, 3), 2.0), 1) == (0.0, 1.0)
