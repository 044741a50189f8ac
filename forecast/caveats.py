"""What a buyer has to know of a history before trusting what is made of it. The numbers stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.types import QUANTILES, Array, PriceHistory

#: A history with more than half a year without a price says so.
LONG_GAP_YEARS = 0.5
#: A price this many times the one before, or this part of it, looks like another unit or basis. On dev_m, 31
#: public commodity prices, the largest move of a month is 2.05 times, of three 3.1, of twelve 4.1: it grows
#: with the fourth root of time, and the bound with it, at twice its size in logs.
SLIP = 4.0
MOST_NAMED = 3
WORTH_SAYING = 0.02  # share of a price
MEDIAN, HIGH = QUANTILES.index(0.5), QUANTILES.index(0.9)


def history_caveats(history: PriceHistory, season: int) -> tuple[str, ...]:
    """Sentences on long gaps and on jumps that look like a slip, none for a sound history.

    season: periods in a year.
    """
    known = np.flatnonzero(np.isfinite(history.y))
    gaps = np.diff(known)
    labels = [str(p) for p in history.periods[known]]
    said = []
    for k in np.flatnonzero(gaps > LONG_GAP_YEARS * season):
        first, last = history.periods[known[k] + 1], history.periods[known[k + 1] - 1]
        said.append(f"no price from {first} to {last}, {gaps[k] - 1} periods: nothing stands in for them")
    return (*said, *slip_caveats(labels, history.log_price[known], gaps.astype(np.float64)))


def newest_slips(history: PriceHistory) -> bool:
    """Does the newest price look like a slip beside the one before?

    Nothing has been seen of it since: neither a way back nor momentum can be read into it.
    """
    known = np.flatnonzero(np.isfinite(history.y))[-2:]
    move, gap = np.diff(history.log_price[known]), np.diff(known).astype(np.float64)
    return bool(_slips(move, gap).any())


def _slips(moves: Array, gaps: Array) -> NDArray[np.bool_]:
    return np.asarray(np.abs(moves) > np.log(SLIP) * np.maximum(gaps, 1.0) ** 0.25)


def slip_caveats(labels: Sequence[str], log_price: Array, gaps: Array) -> tuple[str, ...]:
    """One sentence naming jumps that look like a slip of unit, currency or basis, or none.

    labels, log_price: (n,) quotes; gaps: (n - 1,) periods between them.
    """
    moves = np.diff(log_price)
    jumps = np.flatnonzero(_slips(moves, gaps))
    if not len(jumps):
        return ()
    named = [f"{labels[k + 1]} ({np.exp(moves[k]):.3g} times the price before)" for k in jumps[:MOST_NAMED]]
    more = f" and {len(jumps) - MOST_NAMED} more" if len(jumps) > MOST_NAMED else ""
    return (
        f"a slip of unit, currency or basis? {', '.join(named)}{more}: taken for a real move until corrected",
    )


def open_event_caveats(base: Array, final: Array) -> tuple[str, ...]:
    """One sentence on what open events do to the last month, or none where that is little.

    base, final: (steps, 21) log quantiles without and with them.
    """
    median, high = (float(np.expm1(final[-1, k] - base[-1, k])) for k in (MEDIAN, HIGH))
    if max(abs(median), abs(high)) < WORTH_SAYING:
        return ()
    return (
        f"open events add {median:+.0%} to the median and {high:+.0%} to the 90 % quantile of the last month:"
        " by stated probabilities, which are yours to edit, and mostly by stated priors",
    )
