"""Scores as plain functions; each name says what is scored. Reference numbers: tests/reference."""

from __future__ import annotations

import numpy as np

from forecast.types import Array


def pinball(actual: Array, predicted: Array, quantiles: tuple[float, ...]) -> Array:
    """Mean over quantiles of max(q e, (q - 1) e), e = actual - predicted; no factor 2.

    actual: (...,); predicted: (..., q) -> (...,). Unit of the price. Koenker and Bassett (1978).
    """
    q = np.asarray(quantiles)
    error = np.asarray(actual)[..., None] - predicted
    return np.asarray(np.maximum(q * error, (q - 1.0) * error).mean(axis=-1))


def mase(actual: Array, median: Array, history: Array) -> float:
    """Mean |actual - median| / mean |one-step change of history|. Hyndman and Koehler (2006).

    NaN in history are calendar steps without a quote: only changes between neighbours count.
    A history that never moved gives inf (or 0 when there is no error).
    """
    scale = float(np.nanmean(np.abs(np.diff(history))))
    return float(np.nanmean(np.abs(actual - median))) / scale if scale > 0 else _unscaled(actual - median)


def rmsse(actual: Array, mean: Array, history: Array) -> float:
    """Root of mean (actual - mean)^2 / mean squared one-step change of history. M5 guide (2020)."""
    scale = float(np.nanmean(np.diff(history) ** 2))
    return float(np.sqrt(np.nanmean((actual - mean) ** 2) / scale)) if scale > 0 else _unscaled(actual - mean)


def _unscaled(error: Array) -> float:
    return 0.0 if not np.nansum(np.abs(error)) else float("inf")


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of actuals with low <= actual <= high, in [0, 1]; NaN actuals do not count."""
    seen = np.isfinite(actual)
    return float(((actual >= low) & (actual <= high))[seen].mean())


def interval_score(actual: Array, low: Array, high: Array, level: float) -> Array:
    """(high - low) + 2 / alpha * (how far outside), alpha = 1 - level. Gneiting and Raftery (2007)."""
    alpha = 1.0 - level
    outside = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    return np.asarray((high - low) + 2.0 / alpha * outside)


def crps_from_quantiles(actual: Array, predicted: Array, quantiles: tuple[float, ...]) -> Array:
    """CRPS approximated by twice the mean pinball over evenly spaced quantiles, (...,)."""
    return 2.0 * pinball(actual, predicted, quantiles)


def block_bootstrap(
    values: Array, *, block: int, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of `values` (time on axis 0) by moving blocks; Kuensch (1989).

    values: (t,) or (t, columns), NaN ignored; `block` periods are drawn together, because forecasts
    over h steps share h - 1 of them. Returns (low, high) at the central `level`, NaN where all values are.
    """
    table = values.reshape(len(values), -1)
    count = len(table)
    block = min(max(block, 1), max(count // 2, 1))  # longer ones would leave nothing to vary
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, count - block + 1, size=(draws, -(-count // block)))
    rows = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :count]
    totals, seen = np.nansum(table, axis=1), np.isfinite(table).sum(axis=1)
    drawn = seen[rows].sum(axis=1)
    means = totals[rows].sum(axis=1)[drawn > 0] / drawn[drawn > 0]
    if not len(means):
        return float("nan"), float("nan")
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
