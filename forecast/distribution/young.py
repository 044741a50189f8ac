"""Volatilities of a panel, with those of its youngest series led by the others.

Two quotes hold one change, and two equal quotes none: neither is a volatility. Until WARM_UP quotes are
there, a series' own counts beside what is typical of the panel.
"""

from __future__ import annotations

import numpy as np

from forecast.distribution.calibration import WARM_UP
from forecast.distribution.volatility import SMALLEST, volatility, with_swing
from forecast.types import Array

#: Changes that what is typical counts as at first, falling to 0 at WARM_UP quotes. Chosen on dev_m and dev_w,
#: where 4 to 9 are alike: the pinball loss of a range from two quotes falls by 6 to 8 % with it.
TYPICAL_CHANGES = 6.0
#: Log volatility of one step where no series of the panel is old enough: the medians of dev_m and dev_w.
TYPICAL_MONTH, TYPICAL_WEEK = 0.05, 0.04


def panel_volatility(log_price: Array, season: int) -> Array:
    """Log volatility of one step known at each period, (u, t), NaN where there is no quote.

    log_price: (u, t), event-adjusted. A series with WARM_UP quotes has its own, times the panel's swing; one
    that never moved in as many has SMALLEST.
    """
    sd = with_swing(log_price, np.stack([volatility(row) for row in log_price]), season)
    quotes = np.cumsum(np.isfinite(log_price), axis=1)
    share = TYPICAL_CHANGES * np.maximum(1.0 - quotes / WARM_UP, 0.0)
    share = share / (share + np.maximum(quotes - 1.0, 0.0) + (share == 0.0))
    typical = _typical(np.where((quotes >= WARM_UP) & (sd > SMALLEST), sd, np.nan), season)
    return np.asarray(np.where(share > 0.0, (1.0 - share) * sd + share * typical, sd))


def _typical(grown: Array, season: int) -> Array:
    """(t,) median over series of the newest volatility each has had; the shipped one before the first."""
    newest = np.maximum.accumulate(np.where(np.isfinite(grown), np.arange(grown.shape[1]), 0), axis=1)
    carried = np.take_along_axis(grown, newest, axis=1)
    out = np.full(grown.shape[1], TYPICAL_MONTH if season == 12 else TYPICAL_WEEK)
    here = np.isfinite(carried).any(axis=0)
    out[here] = np.nanmedian(carried[:, here], axis=0)
    return out
