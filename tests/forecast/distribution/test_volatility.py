"""How far a price moves: against slow twins, over gaps, after jumps, and with the whole panel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from forecast.distribution.volatility import (
    LONG_RUN,
    PANEL_SHARE,
    SMALLEST,
    TO_SD,
    panel_swing,
    volatility,
    with_swing,
)


def slow_volatility(y: list[float]) -> list[float]:
    """The same by the book, one sum at a time, for a history without gaps."""
    sizes = [abs(b - a) for a, b in itertools.pairwise(y)]
    fast = sum(sizes[:12]) / len(sizes[:12])
    out = [TO_SD * fast]
    for i, size in enumerate(sizes):
        fast = 0.94 * fast + 0.06 * size
        slow = sum(sizes[: i + 1]) / (i + 1)
        out.append(TO_SD * ((1 - LONG_RUN) * fast + LONG_RUN * slow))
    return out


def test_volatility_equals_its_slow_twin() -> None:
    y = np.cumsum(np.random.default_rng(1).standard_normal(60) * 0.05)
    assert volatility(y) == pytest.approx(slow_volatility(y.tolist()), rel=1e-12)


def test_of_a_random_walk_it_is_the_standard_deviation() -> None:
    y = np.cumsum(np.random.default_rng(2).standard_normal(4000) * 0.05)
    assert volatility(y)[200:].mean() == pytest.approx(0.05, rel=0.03)


def test_a_gap_counts_its_steps() -> None:
    """One change of 0.2 over four months is 0.1 a month by the square-root rule, not 0.2."""
    y = np.array([0.0, 0.1, 0.0, 0.1, np.nan, np.nan, np.nan, 0.3])
    found = volatility(y)
    assert np.isnan(found[4:7]).all()
    assert found[7] == pytest.approx(0.1 * TO_SD, rel=1e-6)


def test_a_price_that_never_moved_has_a_range() -> None:
    assert (volatility(np.zeros(30)) == SMALLEST).all()
    y = np.stack([np.zeros(60), np.cumsum(np.random.default_rng(3).standard_normal(60))])
    found = with_swing(y, np.stack([volatility(row) for row in y]), 12)
    assert (found[0] == SMALLEST).all()


def test_a_sticky_price_that_jumps_is_known_to_move() -> None:
    y = np.zeros(60)
    y[40:] = 0.5
    found = volatility(y)
    assert found[39] == SMALLEST
    assert found[40] > 0.01


def test_a_restless_quarter_widens_the_whole_panel() -> None:
    """Three times the usual moves for six months raise the swing of prices that did not move more, too."""
    rng = np.random.default_rng(5)
    changes = rng.standard_normal((20, 200)) * 0.05
    changes[:19, 150:156] *= 3.0
    y = np.cumsum(changes, axis=1)
    swing = panel_swing(y, np.full(y.shape, 0.05), 12)
    assert swing[150] == pytest.approx(1.0, abs=0.1)
    assert swing[156] > 1.2
    assert swing[199] == pytest.approx(1.0, abs=0.1)
    assert swing[156] < 3.0**PANEL_SHARE


def test_the_swing_reads_no_later_price() -> None:
    y = np.cumsum(np.random.default_rng(6).standard_normal((3, 100)) * 0.05, axis=1)
    later = y.copy()
    later[:, 71:] += 3.0
    sd = np.full(y.shape, 0.05)
    np.testing.assert_array_equal(panel_swing(y, sd, 12)[:71], panel_swing(later, sd, 12)[:71])
