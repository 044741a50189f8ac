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
    *(0.00, 0.03, 0.10, 0.16, 0.23, 0.29, 0.36, 0.42, 0.50, 0.58),
    *(0.66, 0.74, 0.83, 0.93, 1.04, 1.19, 1.36, 1.59, 1.99, 2.85),
)
MONTHLY_LATER = (  # 12 steps; 3, 6 and 24 differ from it by less than their sampling error
    *(0.02, 0.09, 0.16, 0.22, 0.30, 0.37, 0.44, 0.53, 0.63, 0.74),
    *(0.85, 0.97, 1.10, 1.23, 1.36, 1.53, 1.77, 2.07, 2.59, 3.72),
)
WEEKLY = (  # 13 steps
    *(0.03, 0.09, 0.15, 0.21, 0.28, 0.35, 0.41, 0.48, 0.56, 0.63),
    *(0.71, 0.80, 0.89, 0.99, 1.11, 1.26, 1.42, 1.68, 2.03, 2.70),
)


def prior_scores(step: int, season: int) -> Array:
    """Prior |error| / volatility at `step` (>= 1), one value per PRIOR_LEVELS, shape (20,)."""
    if season != 12:
        return np.asarray(np.asarray(WEEKLY) * np.sqrt(step))
    later = min((step - 1) / 2.0, 1.0)
    monthly = (1.0 - later) * np.asarray(MONTHLY_FIRST) + later * np.asarray(MONTHLY_LATER)
    return np.asarray(monthly * np.sqrt(step))
