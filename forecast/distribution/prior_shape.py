"""Shipped shapes: how far public commodity prices move, in volatilities, while own errors are few.

Quantiles of |log change over k steps| / (volatility at its start * sqrt(k)) at PRIOR_LEVELS, pooled
over 31 monthly World Bank commodity prices to February 2007 (CC BY 4.0) and 12 weekly futures to
February 2013; made by tests/reference/make_prior_shape.py. A monthly mean moves less in its first
step than later, because averaging smooths; weekly quotes keep one shape.
"""

from __future__ import annotations

import numpy as np

from forecast.types import Array

PRIOR_LEVELS: tuple[float, ...] = tuple(round(0.025 + 0.05 * i, 3) for i in range(20))
MONTHLY_FIRST = (
    *(0.00, 0.03, 0.09, 0.15, 0.21, 0.27, 0.33, 0.40, 0.47, 0.54),
    *(0.62, 0.69, 0.78, 0.88, 0.98, 1.11, 1.28, 1.49, 1.84, 2.63),
)
MONTHLY_LATER = (  # 12 steps; 3, 6 and 24 differ from it by less than their sampling error
    *(0.02, 0.09, 0.15, 0.21, 0.28, 0.35, 0.42, 0.49, 0.58, 0.69),
    *(0.79, 0.89, 1.01, 1.13, 1.25, 1.40, 1.60, 1.91, 2.40, 3.29),
)
WEEKLY = (  # 13 steps
    *(0.03, 0.09, 0.15, 0.21, 0.28, 0.34, 0.40, 0.47, 0.54, 0.61),
    *(0.69, 0.78, 0.87, 0.97, 1.09, 1.23, 1.41, 1.64, 2.01, 2.72),
)


def prior_scores(step: int, season: int) -> Array:
    """Prior |error| / volatility at `step` (>= 1), one value per PRIOR_LEVELS, shape (20,)."""
    if season != 12:
        return np.asarray(np.asarray(WEEKLY) * np.sqrt(step))
    later = min((step - 1) / 2.0, 1.0)
    monthly = (1.0 - later) * np.asarray(MONTHLY_FIRST) + later * np.asarray(MONTHLY_LATER)
    return np.asarray(monthly * np.sqrt(step))
