"""Volatility-scaled conformal ranges: how wide the past errors say the future is.

The errors of all series and origins are laid out as one cube on the panel's calendar,
errors[u, t, k] = log price of series u at t + k + 1 minus its path from origin t. Divided by the
volatility known at t and by a factor for the series, they are pooled over series into one shape a
step: the weighted quantiles of their absolute values (symmetric in logs, so the path stays the
median). At calendar position t only errors with t' + k + 1 <= t are used.

Source: conformal prediction for regression (Lei et al. 2018, locally weighted scores).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.distribution.prior_shape import prior_scores
from forecast.distribution.volatility import SMALLEST
from forecast.types import Array

WARM_UP = 24  # origins before this many quotes carry no error: their volatility is not one yet
HALF_LIFE_YEARS = 1.5  # age at which a past error counts half
FACTOR_PRIOR = 30.0  # independent errors at which a series' own factor counts half
PRIOR_ERRORS = 30.0  # weight of the shipped shapes, in independent errors
LARGEST_SCORE = 10.0  # volatilities: an error beyond counts as this in a series' factor


def available_before(cube: Array) -> Array:
    """Sum over origins whose target is known at each position: (u, t, k) -> (u, t, k)."""
    total = np.cumsum(np.nan_to_num(cube), axis=1)
    out = np.zeros_like(total)
    for k in range(min(cube.shape[2], cube.shape[1] - 1)):
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
    root = np.sqrt(steps)[:, None]
    low, high = np.maximum(0, steps - 1 - steps // 4), np.minimum(steps + steps // 4, len(shape))
    ended = np.concatenate([shape / root, np.zeros((1, shape.shape[1]))])
    total = np.add.reduceat(ended, np.stack([low, high], axis=1).ravel(), axis=0)[::2]
    rows = total / (high - low)[:, None]
    return np.asarray(np.maximum.accumulate(rows * root, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Standardised errors of one forecaster over one panel, sorted once and laid end to end over the steps.

    scale: (u, t, 1), or (u, t, k) for a forecaster that knows its own range: volatility times factor.
    sizes: (n,) |error| / scale, rising within each step, the prior's
    among them. known_at: (n,) position at which an error's target is known, -1 for the prior's. mass: (n,)
    its weight at position `last`. step: (n,) its step, from 0. The newest position is `last`.
    """

    scale: Array
    sizes: Array
    known_at: NDArray[np.int32]
    mass: Array
    step: NDArray[np.int32]
    last: int
    half_life: float

    def available(self, position: int) -> int:
        """Errors at step 1 whose target is known at a position."""
        return int(((self.step == 0) & (self.known_at >= 0) & (self.known_at <= position)).sum())

    def shape(self, position: int, quantiles: tuple[float, ...]) -> Array:
        """Standardised quantiles at a calendar position: (steps, quantiles), 0 at the median.

        Weighted quantiles of |error| at |2q - 1|; a past error weighs 2^(-age / eighteen months). The
        shipped prior shape enters as PRIOR_ERRORS further errors, spread over its quantiles.
        """
        q = np.asarray(quantiles)
        ready = self.known_at <= position
        mass, step = self.mass[ready], self.step[ready]
        # weights have been those of the newest position: seen from an earlier one the errors are younger
        mass[self.known_at[ready] < 0] *= np.exp2((position - self.last) / self.half_life)
        ends = np.cumsum(np.bincount(step)) - 1
        starts = np.concatenate([[0], ends[:-1] + 1])
        sums = np.cumsum(mass)
        before = sums[starts] - mass[starts]
        # one axis for all steps: step k has its levels between k and k + 1
        levels = step + (sums - 0.5 * mass - before[step]) / (sums[ends] - before)[step]
        asked = np.arange(len(ends))[:, None] + np.abs(2.0 * q - 1.0)
        asked = np.clip(asked, levels[starts, None], levels[ends, None])
        rows = np.interp(asked, levels, self.sizes[ready])
        return np.asarray(smooth_over_steps(rows) * np.sign(np.round(q - 0.5, 12)), dtype=np.float64)


def calibrate(errors: Array, sd: Array, season: int) -> Calibration:
    """Standardise and sort an error cube (u, t, k) with the volatilities of its origins: one for all steps
    (u, t, 1), or of each step's own range (u, t, k), as of a walk with that range.

    Origins of a price that had never moved are left out: there is no volatility to measure them by.
    """
    moved = np.where(sd > SMALLEST, sd, np.nan)
    size = np.abs(errors)
    scale = sd * series_factors(size / moved)[:, :, None]
    scores = size / np.where(sd > SMALLEST, scale, np.nan)
    last, half_life = errors.shape[1] - 1, HALF_LIFE_YEARS * season
    sizes, known_at, mass, step = [], [], [], []
    for k in range(errors.shape[2]):
        column = np.ascontiguousarray(scores[:, :, k])
        series, origin = np.nonzero(np.isfinite(column))
        prior = prior_scores(k + 1, season)
        both = np.concatenate([column[series, origin], prior])
        # a panel error at step k overlaps its neighbours: one in k is new, and series move together
        weight = np.exp2((origin - last) / half_life) / np.sqrt(k + 1.0)
        order = np.argsort(both, kind="stable")
        sizes.append(both[order])
        mass.append(np.concatenate([weight, np.full(len(prior), PRIOR_ERRORS / len(prior))])[order])
        known_at.append(np.concatenate([origin + k + 1, np.full(len(prior), -1)])[order])
        step.append(np.full(len(order), k))
    return Calibration(
        scale=scale,
        sizes=np.concatenate(sizes),
        known_at=np.concatenate(known_at).astype(np.int32),
        mass=np.concatenate(mass),
        step=np.concatenate(step).astype(np.int32),
        last=last,
        half_life=half_life,
    )
