"""Spot crossings: the formula against prices simulated day by day, and what the volatility is told by."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.distribution.bridge import (
    DATED,
    MONTHLY,
    WEEKLY,
    WEEKS_A_MONTH,
    bridge_crossing,
    volatility,
)

MONTHS, PARTS, DRAWS, WEEKLY_SD = 6, 200, 4000, 0.05
#: A walk seen in steps of length d passes a level by 0.5826 sd sqrt(d) (Broadie, Glasserman and Kou 1997).
OVERSHOOT = 0.5826 * WEEKLY_SD * np.sqrt(WEEKS_A_MONTH / PARTS)


@pytest.fixture(scope="module")
def walks() -> np.ndarray:
    """Log prices (draws, 1 + months * parts) of a Brownian motion from 0."""
    rng = np.random.default_rng(4)
    sd = WEEKLY_SD * np.sqrt(WEEKS_A_MONTH / PARTS)
    moves = rng.standard_normal((DRAWS, MONTHS * PARTS)).astype(np.float32) * sd
    return np.concatenate([np.zeros((DRAWS, 1)), np.cumsum(moves, axis=1)], axis=1)


@pytest.mark.parametrize(("level", "above"), [(0.12, True), (0.35, True), (-0.2, False)])
def test_the_bridge_agrees_with_brute_force(walks: np.ndarray, level: float, above: bool) -> None:
    points = walks[:, ::PARTS]
    side = 1.0 if above else -1.0
    beyond = side * (walks - level) > -OVERSHOOT
    simulated = [beyond[:, : (k + 1) * PARTS + 1].any(axis=1).mean() for k in range(MONTHS)]
    found = bridge_crossing(points, level, WEEKLY_SD, above=above)
    assert found == pytest.approx(simulated, abs=0.012), "the same walks, within their sampling error"
    seen_monthly = (side * (points[:, 1:] - level) > 0).any(axis=1).mean()
    assert found[-1] > seen_monthly + 0.03, "the months alone miss what came and went between them"


def test_from_one_point_to_one_other_it_is_the_formula() -> None:
    found = bridge_crossing(np.array([[0.0, 0.1]]), 0.3, 0.08, above=True)
    assert found[0] == pytest.approx(np.exp(-2 * 0.3 * 0.2 / (0.08**2 * WEEKS_A_MONTH)))


def test_a_point_beyond_the_level_is_a_crossing_and_a_still_price_has_no_other() -> None:
    points = np.array([[0.0, 0.5, 0.0], [0.0, 0.1, 0.2]])
    assert bridge_crossing(points, 0.3, 0.0, above=True).tolist() == [0.5, 0.5]
    assert bridge_crossing(points, -0.1, 0.0, above=False).tolist() == [0.0, 0.0]
    assert bridge_crossing(-points, -0.3, 0.0, above=False).tolist() == [0.5, 0.5]


def daily(weeks: int, sd: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Days from Monday 2024-01-01 and log prices, five a week, of a walk with that weekly deviation."""
    walk = np.cumsum(np.random.default_rng(seed).standard_normal(weeks * 7)) * sd / np.sqrt(7)
    days = np.arange(weeks * 7) + int(np.datetime64("2024-01-01").astype(np.int64))
    weekday = np.arange(weeks * 7) % 7 < 5
    return days[weekday], walk[weekday]


NO_DAYS, NO_LOGS = np.zeros(0, np.int64), np.zeros(0)


def test_weekly_quotes_tell_the_volatility_where_there_are_enough() -> None:
    days, logs = daily(400, 0.04)
    found = volatility(days, logs, np.arange(36), np.zeros(36))
    assert found is not None
    assert (found.source, found.changes) == (WEEKLY, 399)
    assert found.weekly == pytest.approx(0.04, rel=0.1)
    few = volatility(days[:100], logs[:100], np.arange(36), np.zeros(36))
    assert few is not None
    assert few.source == MONTHLY


def test_changes_of_monthly_means_are_put_right_for_averaging() -> None:
    walk = np.cumsum(np.random.default_rng(6).standard_normal((3000, 30)) * 0.03 / np.sqrt(30))
    means = walk.reshape(3000, 30).mean(axis=1)
    found = volatility(NO_DAYS, NO_LOGS, np.arange(3000), means)
    assert found is not None
    assert found.source == MONTHLY
    assert found.weekly * np.sqrt(WEEKS_A_MONTH) == pytest.approx(0.03, rel=0.04)
    gaps = volatility(NO_DAYS, NO_LOGS, np.array([*range(13), 20]), np.array([*np.zeros(13), 5.0]))
    assert gaps is not None
    assert gaps.weekly == 0.0, "a change across missing months is not one of a month"


def test_a_few_dated_quotes_are_the_last_resort() -> None:
    days = np.array([0, 70, 71, 141], dtype=np.int64)
    found = volatility(days, np.array([0.0, 0.2, 0.3, 0.1]), np.arange(4), np.zeros(4))
    assert found is not None
    assert (found.source, found.changes) == (DATED, 3)
    assert found.weekly == pytest.approx(np.sqrt(0.09 / (141 / 7)))
    assert volatility(days[:2], np.array([0.0, 0.1]), np.arange(2), np.zeros(2)) is None
    assert volatility(NO_DAYS, NO_LOGS, NO_DAYS, NO_LOGS) is None
