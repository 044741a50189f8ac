"""How far a price moves in one step: its own recent changes, and whether the whole panel is restless.

Sources: exponentially weighted volatility as in RiskMetrics (1996), of absolute instead of squared
changes (Ding, Granger and Engle 1993): one jump moves it less, and a price that had long stood still can
still raise it.
"""

from __future__ import annotations

import numpy as np

from forecast.types import Array

DECAY = 0.94  # of a series' own absolute changes, per step
LONG_RUN = 0.30  # share of the long-run mean, so that a calm month does not promise calm
TO_SD = float(np.sqrt(np.pi / 2.0))  # standard deviation of a normal by its mean absolute value
PANEL_MEMORY_YEARS = 0.25  # age at which a change counts half in the panel's swing
PANEL_SHARE = 0.4  # power to which the panel's swing enters each series' volatility
PANEL_PRIOR = 24.0  # periods of an average swing before the first
LARGEST_CHANGE = 3.0  # volatilities: a change beyond counts as this in the panel's swing
SMALLEST = 1e-5  # log volatility of a price that never moved: a range is never a point


def volatility(log_price: Array) -> Array:
    """Log volatility of one step known at each period, (n,), NaN where there is no quote.

    70 % EWMA(0.94) of absolute log changes, 30 % their mean so far, as the standard deviation of a normal
    with that mean; a change over a gap of g steps counts as g steps of 1 / sqrt(g) of it. Needs two
    quotes; the first ones borrow the first year's mean.
    """
    known = np.flatnonzero(np.isfinite(log_price))
    out = np.full(len(log_price), np.nan)
    if len(known) < 2:
        out[known] = SMALLEST
        return out
    gaps = np.diff(known)
    sizes = np.abs(np.diff(log_price[known])) / np.sqrt(gaps)
    fast = float(np.mean(sizes[:12]))
    found = np.empty(len(known))
    found[0] = fast
    total = steps = 0.0
    for i, (size, gap) in enumerate(zip(sizes.tolist(), gaps.tolist(), strict=True)):
        keep = DECAY**gap
        fast = keep * fast + (1.0 - keep) * size
        total += size * gap
        steps += gap
        found[i + 1] = (1.0 - LONG_RUN) * fast + LONG_RUN * total / steps
    out[known] = np.maximum(TO_SD * found, SMALLEST)
    return out


def with_swing(log_price: Array, sd: Array, season: int) -> Array:
    """Volatilities (u, t) times the panel's swing; a price that never moved stays one."""
    return np.asarray(
        np.where(sd > SMALLEST, np.maximum(sd * panel_swing(log_price, sd, season), SMALLEST), sd)
    )


def panel_swing(log_price: Array, sd: Array, season: int) -> Array:
    """Factor on every volatility of a panel known at each period, (t,), about 1.

    log_price, sd: (u, t). Squared one-step changes by the volatility known before them, averaged over the
    series that have one, remembered for a quarter and divided by their mean so far: in a quarter in which
    all prices move, the next one is wide for all, before each series' own slower measure says so.
    """
    with np.errstate(invalid="ignore"):
        moved = np.abs(np.diff(log_price, axis=1)) / np.where(sd[:, :-1] > SMALLEST, sd[:, :-1], np.nan)
    seen = np.isfinite(moved)
    square = np.where(seen, np.minimum(moved, LARGEST_CHANGE) ** 2, 0.0).sum(axis=0)
    count = seen.sum(axis=0)
    keep = 0.5 ** (1.0 / (PANEL_MEMORY_YEARS * season))
    out = np.ones(log_price.shape[1])
    recent, total, periods = 1.0, PANEL_PRIOR, PANEL_PRIOR
    for t in np.flatnonzero(count):
        mean = float(square[t] / count[t])
        recent = keep * recent + (1.0 - keep) * mean
        total, periods = total + mean, periods + 1.0
        out[t + 1 :] = recent * periods / total
    return np.asarray(out ** (PANEL_SHARE / 2.0))
