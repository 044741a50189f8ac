"""Coverage and interval scores of stored benchmark forecasts, with block-bootstrap intervals.

A result file holds uid (k,), cut (k,) as ISO dates and q (k, steps, quantiles); the actual prices have
shape (k, steps). Fan rows of neighbouring cutoffs overlap, so cutoffs are resampled in blocks as long as
the overlap, all series of a cutoff together: they share the shocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.types import QUANTILES

Array = NDArray[np.float64]
DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Forecasts of one method on one panel beside what happened. scale: (k,) mean absolute one-step change of
    the prices that were known."""

    uid: NDArray[np.str_]
    cut: NDArray[np.str_]
    q: Array
    actual: Array
    scale: Array

    def bound(self, quantile: float) -> Array:
        """One quantile of every fan, shape (k, steps)."""
        return self.q[:, :, QUANTILES.index(quantile)]

    def at(self, rows: NDArray[np.int_]) -> Result:
        """Only these rows."""
        parts = ("uid", "cut", "q", "actual", "scale")
        return Result(**{name: getattr(self, name)[rows] for name in parts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Share of actual prices inside an interval, with its 90 % bootstrap interval."""

    share: float
    low: float
    high: float


def inside(result: Result, low: float, high: float) -> Array:
    """1.0 where the price fell between two quantiles, else 0.0; shape (k, steps)."""
    return ((result.actual >= result.bound(low)) & (result.actual <= result.bound(high))).astype(np.float64)


def interval_score(result: Result, low: float, high: float) -> Array:
    """Width plus 2 / (1 - nominal) per unit missed, shape (k, steps), in units of the price."""
    lower, upper = result.bound(low), result.bound(high)
    missed = np.maximum(lower - result.actual, 0) + np.maximum(result.actual - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - (high - low)) * missed, dtype=np.float64)


def score_ratio(ours: Result, base: Result, low: float, high: float) -> float:
    """Geometric mean over series of our mean interval score by the base's; below 1 is better.

    Both are compared on the (series, cutoff) pairs they share. A series whose price never moved has a
    base score of 0 and says nothing: it is left out.
    """
    rows = {pair: at for at, pair in enumerate(zip(base.uid, base.cut, strict=True))}
    pairs = [(at, rows[pair]) for at, pair in enumerate(zip(ours.uid, ours.cut, strict=True)) if pair in rows]
    mine, theirs = (np.array(side) for side in zip(*pairs, strict=True))
    a = interval_score(ours, low, high)[mine].mean(axis=1)
    b = interval_score(base, low, high)[theirs].mean(axis=1)
    uid = ours.uid[mine]
    means = [(a[uid == one].mean(), b[uid == one].mean()) for one in np.unique(uid)]
    return float(np.exp(np.mean([np.log(x / y) for x, y in means if x > 0 and y > 0])))


def coverage(hits: Array, cut: NDArray[np.str_], block: int, seed: int = 0) -> Coverage:
    """Mean of hits (k, steps) with a 5-95 % interval from resampling circular blocks of cutoffs."""
    cuts, where = np.unique(cut, return_inverse=True)
    total = np.bincount(where, weights=hits.sum(axis=1))
    count = np.bincount(where) * hits.shape[1]
    picks = blocks(len(cuts), block, np.random.default_rng(seed))
    shares = total[picks].sum(axis=1) / count[picks].sum(axis=1)
    low, high = np.quantile(shares, (0.05, 0.95))
    return Coverage(share=float(hits.mean()), low=float(low), high=float(high))


def blocks(n: int, block: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """DRAWS resamples of n cutoffs in circular blocks, (DRAWS, n) positions."""
    block = min(block, n)
    starts = rng.integers(0, n, size=(DRAWS, -(-n // block)))
    return (starts[:, :, None] + np.arange(block)).reshape(DRAWS, -1)[:, :n] % n
