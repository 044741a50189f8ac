"""What the panel as a whole has just done is not over: news common to all prices goes on for some months.

Prices of one branch take up the same news at different speeds. The mean standardised one-step error of the
panel at an origin is the news; how much of it is still to come is estimated for each step by a ridge
regression of later mean errors on it, shrunk hard towards nothing. Stock and Watson (2002) forecast with
such a factor; here it has one component and no loadings, so that three series can use it as well as thirty.
"""

from __future__ import annotations

import numpy as np

from forecast.types import Array

PRIOR_PERIODS = 20.0  # ridge: news of variance 1 for as many periods, at step 1; it grows with sqrt(step)
LARGEST = 4.0  # volatilities: an error beyond counts as this


def mean_over_series(scores: Array) -> Array:
    """Mean over axis 0 of what is there, errors cut at LARGEST; 0 where nothing is."""
    seen = np.isfinite(scores)
    total = np.where(seen, np.clip(scores, -LARGEST, LARGEST), 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1))


def common_news(errors: Array, sd: Array) -> Array:
    """News of the panel at each position, (t,): the mean standardised error of the step that ended there.

    errors: (u, t) of one step, by origin; sd: (u, t).
    """
    out = np.zeros(errors.shape[1])
    out[1:] = mean_over_series(errors / sd)[:-1]
    return out


def echoes(errors: Array, sd: Array, news: Array) -> Array:
    """How much of the news known at each origin is still to come at each step, (t, k), in volatilities.

    At origin t only errors with a target at or before t are used.
    """
    root = np.sqrt(np.arange(1, errors.shape[2] + 1))
    later = mean_over_series(errors / (sd[:, :, None] * root))
    length = later.shape[0]
    seen = np.isfinite(errors).any(axis=0)
    both = np.cumsum(news[:, None] * np.where(seen, later, 0.0), axis=0)
    size = np.cumsum(np.where(seen, news[:, None] ** 2, 0.0), axis=0)
    share = np.zeros_like(later)
    for k in range(min(len(root), length - 1)):
        known = both[: length - k - 1, k], size[: length - k - 1, k]
        share[k + 1 :, k] = known[0] / (known[1] + PRIOR_PERIODS * root[k])
    return np.asarray(share * root)
