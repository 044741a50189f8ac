"""Does the price cross a level between the months? The spot price moves on between monthly points.

A path of monthly points says nothing of the days between two of them. With the log price a Brownian motion of
variance s2 a month, tied down at its points a and b, the chance that it touches a level L beyond both is

    exp(-2 (L - a) (L - b) / s2)

by the reflection principle (Glasserman 2004, Monte Carlo Methods in Financial Engineering, section 6.4), and
1 where a or b is beyond it. Given the points, months are independent of each other: a path stays on this side
with the product of what is left of each, and the chance is the mean over paths. Points stand a month apart
and are taken for spot prices; those of our paths are means of months, which move less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.types import Array

WEEKS_A_MONTH = 365.25 / 12 / 7
#: Variance of a change of averages of successive months over that of the price itself (Working 1960).
AVERAGED = 2.0 / 3.0
ENOUGH_WEEKS, ENOUGH_MONTHS, FEWEST_GAPS = 26, 12, 2
WEEKLY, MONTHLY, DATED = "weekly quotes", "monthly means, corrected for averaging", "dated quotes far apart"
_STILL = 1e-200  # variance below which a price does not move; keeps the quotient finite
_MONDAY = 4  # 1970-01-05, the first Monday, counted from 1970-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility:
    """weekly: standard deviation of the log price over a week, from 0. source: WEEKLY, MONTHLY or DATED;
    changes: of how many it was made."""

    weekly: float
    source: str
    changes: int


def bridge_crossing(points: Array, log_level: float, weekly: float, *, above: bool) -> Array:
    """Chance that the spot price stood beyond a level by each month, (months,), never falling.

    points: (draws, 1 + months) log prices, the first where the price is before the first month; weekly:
    standard deviation of its log over a week.
    """
    distance = log_level - points if above else points - log_level
    before, after = distance[:, :-1], distance[:, 1:]
    variance = max(weekly**2 * WEEKS_A_MONTH, _STILL)
    between = np.exp(-2.0 * np.maximum(before, 0.0) * np.maximum(after, 0.0) / variance)
    return np.asarray(1.0 - np.cumprod(1.0 - between, axis=1).mean(axis=0))


def volatility(
    days: NDArray[np.int64], quotes: Array, months: NDArray[np.int64], means: Array
) -> Volatility | None:
    """Weekly volatility of one price from its last years, by what tells most of it; None where nothing does.

    days: of dated quotes, growing, counted from 1970-01-01, with their log prices; months: growing ordinals,
    with the logs of the means of these months. Weekly quotes come first (the last of each week, ENOUGH_WEEKS
    changes between successive weeks); then means of successive months, whose changes have two thirds of the
    price's own variance; then dated quotes however far apart.
    """
    weeks = (days - _MONDAY) // 7
    closing = np.flatnonzero(np.diff(weeks, append=np.iinfo(np.int64).max))
    moves = np.diff(quotes[closing])[np.diff(weeks[closing]) == 1]
    if len(moves) >= ENOUGH_WEEKS:
        return _volatility(moves, np.ones(len(moves)), WEEKLY)
    moves = np.diff(means)[np.diff(months) == 1]
    if len(moves) >= ENOUGH_MONTHS:
        return _volatility(moves, np.full(len(moves), WEEKS_A_MONTH * AVERAGED), MONTHLY)
    gaps = np.diff(days) / 7.0
    return _volatility(np.diff(quotes), gaps, DATED) if len(gaps) >= FEWEST_GAPS else None


def _volatility(moves: Array, weeks: Array, source: str) -> Volatility:
    # All squares over all weeks: one noisy pair of quotes a day apart must not set the whole figure.
    weekly = float(np.sqrt(np.sum(moves**2) / np.sum(weeks)))
    return Volatility(weekly=weekly, source=source, changes=len(moves))
