"""Weights of the candidates from their past scores, smooth over the horizon."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecast.types import Array

SHARPNESS = 60.0  # a model 1.7 % better than another gets e times its weight
#: Weights before a score is seen, chosen on the commodity panels dev_m and dev_w alone. Momentum leads on
#: both, damped smoothing adds most beside it, a free drift costs 4 %. SARIMAX without an informative event is
#: momentum once more, the structural model nearly; boosting says little of three series and adds nothing to
#: thirty. A model that is not named has shown nothing on those panels and starts small.
PRIOR_WEIGHTS: Mapping[str, float] = {
    "momentum": 5.0,
    "ets": 3.0,
    "theta": 0.75,
    "rw": 0.75,
    "prophet": 0.5,
    "boosting": 0.5,
    "sarimax": 0.25,
    "structural": 0.25,
    "rw-drift": 0.03,
}
UNKNOWN_WEIGHT = 0.5
PRIOR_CUTOFFS = 8.0  # cutoffs at which a measured ratio counts half
BENCHMARK = "rw"


def log_ratios(scores: Mapping[str, Array], usable: NDArray[np.bool_]) -> dict[str, Array]:
    """log(pinball / random walk's) per model and step, (k,), mean over series, shrunk towards 0.

    scores: model -> (u, j, k), NaN where missing; usable: (j, k) cutoffs whose outcome is known now.
    """
    base = np.where(usable, scores[BENCHMARK], np.nan)
    out = {}
    for name, score in scores.items():
        both = np.isfinite(base) & np.isfinite(score)
        mine = np.where(both, score, 0.0).sum(axis=1)
        theirs = np.where(both, base, 0.0).sum(axis=1)
        seen = (mine > 0) & (theirs > 0)
        each = np.where(seen, np.log(np.where(seen, mine, 1.0) / np.where(seen, theirs, 1.0)), 0.0)
        count = np.maximum(seen.sum(axis=0), 1)
        pairs = both.sum(axis=1).mean(axis=0)
        out[name] = each.sum(axis=0) / count * pairs / (pairs + PRIOR_CUTOFFS)
    return out


def smooth(row: Array) -> Array:
    """Mean over a window of half the step on each side: near steps stay their own, far ones share."""
    step = np.arange(1, len(row) + 1)
    low, high = np.maximum(0, step - 1 - step // 2), np.minimum(len(row), step + step // 2)
    total = np.add.reduceat(np.append(row, 0.0), np.stack([low, high], axis=1).ravel())[::2]
    return np.asarray(total / (high - low))


def prior_weights(scores: Mapping[str, Array]) -> dict[str, Array]:
    """Weight of each model before its scores count, (k,): as listed, 0 without one past score."""
    return {
        name: np.full(
            score.shape[-1], PRIOR_WEIGHTS.get(name, UNKNOWN_WEIGHT) if np.isfinite(score).any() else 0.0
        )
        for name, score in scores.items()
    }


def combination_weights(scores: Mapping[str, Array], usable: NDArray[np.bool_]) -> dict[str, Array]:
    """Weight of each model at each step, (k,), >= 0, sum 1: prior weights times the softmax of smoothed,
    shrunk log ratios. A model without one past score has shown nothing and gets nothing."""
    ratios = log_ratios(scores, usable)
    raw = {n: row * np.exp(-SHARPNESS * smooth(ratios[n])) for n, row in prior_weights(scores).items()}
    total = np.sum(list(raw.values()), axis=0)
    even = 1.0 if not np.any(total) else 0.0
    return {
        name: np.asarray(
            np.where(total > 0, row / np.where(total > 0, total, 1.0), even * (name == BENCHMARK))
        )
        for name, row in raw.items()
    }


def combine(paths: Mapping[str, Array], weights: Mapping[str, Array]) -> Array:
    """Weighted mean of log paths (..., k) over the models that have one there; NaN where none has."""
    total = weight = np.zeros(1)
    for name, path in paths.items():
        here = np.where(np.isfinite(path), weights[name], 0.0)
        total = total + here * np.nan_to_num(path)
        weight = weight + here
    return np.asarray(np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan))
