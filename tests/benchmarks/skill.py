"""Skill of stored benchmark forecasts: scaled pinball, as a ratio to a base, with bootstrap intervals.

A loss has shape (k, steps), one row a (series, cutoff). The ratio is the geometric mean over series of mean
loss by mean loss of the base, both with 0.02 added, so that a price that hardly ever moves cannot decide it.
Its interval resamples series, and cutoffs in circular blocks as long as fans overlap: they share shocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.types import QUANTILES, SCORED_QUANTILES
from tests.benchmarks.coverage import DRAWS, Array, Result, blocks

EPSILON = 0.02  # in units of the mean absolute one-step change


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Loss by the base's loss, below 1 is better, with its 90 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}-{self.high:.3f}]"


def scaled_pinball(result: Result) -> Array:
    """Twice the mean pinball loss over 0.05 to 0.95 by the mean absolute one-step change, (k, steps)."""
    levels = np.array(SCORED_QUANTILES)
    fan = result.q[:, :, [QUANTILES.index(p) for p in SCORED_QUANTILES]]
    error = result.actual[:, :, None] - fan
    loss = 2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=2)
    return np.asarray(loss / result.scale[:, None])


def paired(ours: Result, base: Result) -> tuple[Array, Array, Result]:
    """Losses of both on the (series, cutoff) rows they share, and ours cut to these."""
    rows = {pair: at for at, pair in enumerate(zip(base.uid, base.cut, strict=True))}
    found = [(at, rows[pair]) for at, pair in enumerate(zip(ours.uid, ours.cut, strict=True)) if pair in rows]
    mine, theirs = (np.array(side) for side in zip(*found, strict=True))
    return scaled_pinball(ours)[mine], scaled_pinball(base)[theirs], ours.at(mine)


def ratio(ours: Result, base: Result, block: int, step: int | None = None, seed: int = 0) -> Ratio:
    """Skill of `ours` against `base` over all steps, or at one of them (from 0)."""
    a, b, rows = paired(ours, base)
    chosen = slice(None) if step is None else [step]
    uids, u = np.unique(rows.uid, return_inverse=True)
    cuts, c = np.unique(rows.cut, return_inverse=True)
    shape = (len(cuts), len(uids))
    loss, there = np.zeros((2, *shape)), np.zeros(shape)
    loss[0, c, u], loss[1, c, u] = a[:, chosen].mean(axis=1), b[:, chosen].mean(axis=1)
    there[c, u] = 1.0
    rng = np.random.default_rng(seed)
    times = np.apply_along_axis(np.bincount, 1, blocks(len(cuts), block, rng), minlength=len(cuts))
    series = rng.integers(0, len(uids), size=(DRAWS, len(uids)))
    drawn = np.exp(_mean_log(_logs(loss, there, times), series))
    low, high = np.quantile(drawn, (0.05, 0.95))
    whole = _logs(loss, there, np.ones((1, len(cuts))))
    value = float(np.exp(np.nanmean(whole)))
    return Ratio(value=value, low=float(low), high=float(high))


def _logs(loss: Array, there: Array, times: Array) -> Array:
    """Log ratio of each series when cutoffs count so many times, (draws, series); NaN where none is there."""
    count = times @ there
    means = np.divide(times @ loss, count, out=np.full((2, *count.shape), np.nan), where=count > 0)
    return np.asarray(np.log((means[0] + EPSILON) / (means[1] + EPSILON)))


def _mean_log(logs: Array, series: np.ndarray) -> Array:
    """Mean over the series drawn, those without a cutoff in the draw left out, (draws,)."""
    picked = np.take_along_axis(logs, series, axis=1)
    known = np.isfinite(picked)
    return np.asarray(np.where(known, picked, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
