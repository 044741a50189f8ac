"""Volatility-scaled conformal ranges: how wide the past errors say the future is.

The errors of all series and origins are laid out as one cube on the panel's calendar,
errors[u, t, k] = log price of series u at t + k + 1 minus its path from origin t. Divided by the
volatility known at t and by a factor for the series, they are pooled over series into one shape a
step: the weighted quantiles of their absolute values (symmetric in logs, so the path stays the
median). At calendar position t only errors with t' + k + 1 <= t are used.

Sources: conformal prediction for regression (Lei et al. 2018, locally weighted scores); EWMA
volatility as in RiskMetrics (1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from forecast.distribution.prior_shape import prior_scores
from forecast.types import Array

DECAY = 0.94  # EWMA of squared returns
LONG_RUN = 0.15  # share of the long-run variance, so that a calm month does not promise calm
WARM_UP = 24  # origins before this many quotes carry no error: their volatility is not one yet
HALF_LIFE_YEARS = 1.5  # age at which a past error counts half
FACTOR_PRIOR = 30.0  # independent errors at which a series' own factor counts half
PRIOR_ERRORS = 30.0  # weight of the shipped shapes, in independent errors
LARGEST_SCORE = 10.0  # volatilities: an error beyond counts as this in a series' factor
SMALLEST = 1e-5  # log volatility of a price that never moved: a range is never a point


def volatility(log_price: Array) -> Array:
    """Log volatility of one step known at each period, (n,), NaN where there is no quote.

    85 % EWMA(0.94) of squared log changes, 15 % their mean so far; a change over a gap of g steps
    counts as g steps of equal variance. Needs two quotes; the first ones borrow the first year's mean.
    """
    known = np.flatnonzero(np.isfinite(log_price))
    out = np.full(len(log_price), np.nan)
    if len(known) < 2:
        out[known] = SMALLEST
        return out
    gaps = np.diff(known)
    squared = np.diff(log_price[known]) ** 2 / gaps
    fast = float(np.mean(squared[:12]))
    variance = np.empty(len(known))
    variance[0] = fast
    total = steps = 0.0
    for i, (square, gap) in enumerate(zip(squared, gaps, strict=True)):
        keep = DECAY**gap
        fast = keep * fast + (1.0 - keep) * square
        total += square * gap
        steps += gap
        variance[i + 1] = (1.0 - LONG_RUN) * fast + LONG_RUN * total / steps
    out[known] = np.sqrt(np.maximum(variance, SMALLEST**2))
    return out


def available_before(cube: Array) -> Array:
    """Sum over origins whose target is known at each position: (u, t, k) -> (u, t, k)."""
    total = np.cumsum(np.nan_to_num(cube), axis=1)
    out = np.zeros_like(total)
    for k in range(cube.shape[2]):
        out[:, k + 1 :, k] = total[:, : cube.shape[1] - k - 1, k]
    return out


def series_factors(scores: Array) -> Array:
    """How much wider than the panel each series errs, (u, t), from scores |error| / volatility known at t.

    Ratio of mean scores to the panel's, averaged over steps, shrunk in logs towards 1.
    """
    seen = np.isfinite(scores)
    # one jump of a price that hardly moves must not set the measure for the whole panel
    total, count = (
        available_before(np.minimum(scores, LARGEST_SCORE)),
        available_before(seen.astype(np.float64)),
    )
    panel_count = count.sum(axis=0)
    panel = np.divide(total.sum(axis=0), panel_count, out=np.ones_like(panel_count), where=panel_count > 0)
    expected = (count * panel).sum(axis=2)
    ratio = np.divide(total.sum(axis=2), expected, out=np.ones_like(expected), where=expected > 0)
    independent = count[:, :, 0] / max(scores.shape[2] / 4.0, 1.0)
    weight = independent / (independent + FACTOR_PRIOR)
    return np.asarray(np.exp(weight * np.log(np.maximum(ratio, 0.2))), dtype=np.float64)


def smooth_over_steps(shape: Array) -> Array:
    """Average shape / sqrt(step) over neighbouring steps; never narrower than the step before.

    shape: (steps, levels). The window grows with the step (a quarter of it on each side), because far
    steps share most of their errors; so neither median nor width has a seam.
    """
    steps = np.arange(1, len(shape) + 1)
    scaled = shape / np.sqrt(steps)[:, None]
    rows = [scaled[max(0, k - 1 - k // 4) : k + k // 4].mean(axis=0) for k in steps]
    return np.asarray(np.maximum.accumulate(np.array(rows) * np.sqrt(steps)[:, None], axis=0))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Standardised errors of one forecaster over one panel, sorted once a step.

    scale: (u, t) volatility times factor. sizes[k], born[k]: the sorted |error| / scale and their
    origin position, both as long as the errors that exist at step k + 1.
    """

    scale: Array
    sizes: tuple[Array, ...]
    born: tuple[Array, ...]
    season: int

    def available(self, position: int) -> int:
        """Errors at step 1 whose target is known at a position."""
        return int((self.born[0] + 1 <= position).sum())

    def shape(self, position: int, quantiles: tuple[float, ...]) -> Array:
        """Standardised quantiles at a calendar position: (steps, quantiles), 0 at the median.

        Weighted quantiles of |error| at |2q - 1|; a past error weighs 2^(-age / eighteen months). The
        shipped prior shape enters as PRIOR_ERRORS further errors, spread over its quantiles.
        """
        q = np.asarray(quantiles)
        level = np.abs(2.0 * q - 1.0)
        half_life = HALF_LIFE_YEARS * self.season
        rows = np.empty((len(self.sizes), len(q)))
        for k, (sizes, born) in enumerate(zip(self.sizes, self.born, strict=True)):
            ready = born + k + 1 <= position
            weights = np.exp2(-(position - born[ready]) / half_life)
            prior = prior_scores(k + 1, self.season)
            # a panel error at step k overlaps its neighbours: one in k is new, and series move together
            independent = 1.0 / np.sqrt(k + 1.0)
            both = np.concatenate([sizes[ready], prior])
            mass = np.concatenate([weights * independent, np.full(len(prior), PRIOR_ERRORS / len(prior))])
            order = np.argsort(both)
            cumulative = np.cumsum(mass[order]) - 0.5 * mass[order]
            rows[k] = np.interp(level, cumulative / mass.sum(), both[order])
        return np.asarray(smooth_over_steps(rows) * np.sign(np.round(q - 0.5, 12)), dtype=np.float64)


def calibrate(errors: Array, sd: Array, season: int) -> Calibration:
    """Standardise and sort an error cube (u, t, k) with the volatilities (u, t) of its origins.

    Origins of a price that had never moved are left out: there is no volatility to measure them by.
    """
    moved = np.where(sd > SMALLEST, sd, np.nan)[:, :, None]
    scores = np.abs(errors) / moved
    scale = sd * series_factors(scores)
    scores = np.abs(errors) / np.where(sd > SMALLEST, scale, np.nan)[:, :, None]
    sizes, born = [], []
    for k in range(errors.shape[2]):
        column = scores[:, :, k]
        seen = np.isfinite(column)
        order = np.argsort(column[seen], kind="stable")
        sizes.append(column[seen][order])
        born.append(np.nonzero(seen)[1][order].astype(np.float64))
    return Calibration(scale=scale, sizes=tuple(sizes), born=tuple(born), season=season)


def normal_score(quantiles: tuple[float, ...]) -> Array:
    """Standard normal quantiles: the axis on which quantile functions are interpolated."""
    return np.asarray(norm.ppf(np.asarray(quantiles)), dtype=np.float64)
