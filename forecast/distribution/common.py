"""What the panel as a whole has just done is not over: news common to all prices goes on for some months.

Prices of one branch take up the same news at different speeds. The mean standardised one-step error of the
panel at an origin is the news; how much of it is still to come is estimated for each step by a ridge
regression of later mean errors on it, shrunk hard towards nothing. Stock and Watson (2002) forecast with
such a factor; here it has one component and no loadings, so that three series can use it as well as thirty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.types import Array

PRIOR_PERIODS = 100.0  # periods of news at which a coefficient counts half, at step 1; grows with sqrt(step)
USUAL = 2.0  # sds: news beyond counts as this; of the rest nothing has been seen often enough to go on
OWN = 4.0  # series at which half of the mean is common: (1 - r) / r at the correlation r = 0.2 of dev_m
LARGEST = 4.0  # volatilities: an error beyond counts as this


def mean_over_series(scores: Array) -> Array:
    """Mean over axis 0 of what is there, errors cut at LARGEST; 0 where nothing is."""
    seen = np.isfinite(scores)
    total = np.where(seen, np.clip(scores, -LARGEST, LARGEST), 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The panel's news at each position, and what went on of it before.

    raw: (t,) mean standardised error of the step that ended there. squares, count: (t,) sum of squares and
    number of those before it, of which its usual size is made. echo: (t, k) how much of it is still to come
    at each step, in volatilities for news of usual size.
    """

    raw: Array
    squares: Array
    count: Array
    echo: Array

    def shift(self, sd: Array) -> Array:
        """What to add to each path, log price (u, t, k), for volatilities (u, t)."""
        news = in_usual_size(self.raw, self.squares, self.count)
        return np.asarray(np.nan_to_num(sd)[:, :, None] * (self.echo * news[:, None]))


def in_usual_size(raw: Array, squares: Array, count: Array) -> Array:
    """News in units of its own spread so far, cut at USUAL: three series that move as one have more of it
    than thirty that do not."""
    spread = (squares + raw**2) / np.maximum(count + (raw != 0.0), 1.0)
    return np.asarray(np.clip(raw / np.sqrt(np.where(spread > 0.0, spread, 1.0)), -USUAL, USUAL))


def common_news(errors: Array, sd: Array) -> News:
    """From the panel's errors (u, t, k) and volatility (u, t).

    At origin t only errors with a target at or before t are used, for the news and for what goes on of it.
    """
    root = np.sqrt(np.arange(1, errors.shape[2] + 1))
    later = mean_over_series(errors / (sd[:, :, None] * root))
    length = later.shape[0]
    raw = np.zeros(length)
    raw[1:] = later[:-1, 0]
    squares = np.cumsum(raw**2) - raw**2
    told = (raw != 0.0).astype(np.float64)
    count = np.cumsum(told) - told
    news = in_usual_size(raw, squares, count)
    seen = np.isfinite(errors).any(axis=0)
    both = np.cumsum(news[:, None] * np.where(seen, later, 0.0), axis=0)
    size = np.cumsum(np.where(seen, news[:, None] ** 2, 0.0), axis=0)
    share = np.zeros_like(later)
    for k in range(min(len(root), length - 1)):
        known = both[: length - k - 1, k], size[: length - k - 1, k]
        share[k + 1 :, k] = known[0] / (known[1] + PRIOR_PERIODS * root[k])
    # what is not common in the mean of a few series is their own momentum, and in their paths already
    series = np.isfinite(errors[:, :, 0]).sum(axis=0)
    share[1:] *= (series / (series + OWN))[:-1, None]
    return News(raw=raw, squares=squares, count=count, echo=np.asarray(share * root))
