"""Kalman filter of a random walk with static effects, over dated points and many candidate volatilities.

State x = [p, s(1..k), o(1..a), r(1..m)]: the walk, step sizes, assessor offsets, and copies of the level
kept on the days asked for. A copy is made when the filter passes its day and is corrected by every later
point, so that one forward pass gives the exact joint posterior of past levels (fixed-point smoothing).

    p(t) = p(t') + N(0, q_free * free years + q_controlled * controlled years between t' and t)
    z(i) = p(t_i) + sum_k 1[t_i >= d_k] s_k + o(assessor of i) + N(0, v_i)

Everything is computed for all g cells of a grid of (sd_free, sd_controlled) at once, first axis g.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

from forecast.types import Array

YEAR = 365.25
BISECTIONS = 60  # halvings: a span of some twenty standard deviations ends at 1e-17 of it
JITTER = 1e-11  # two levels of one day are equal; their covariance still needs a Cholesky factor


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkModel:
    """What the filter needs to know. Days are proleptic ordinals (date.toordinal), fractions allowed.

    start: day of the prior. level_mean, level_sd: prior of p there. step_days, step_means, step_sds: (k,).
    controlled: disjoint spans [from, to) in which sd_controlled rules; elsewhere sd_free does. sd_free,
    sd_controlled, log_prior: (g,), sds in log units per root year. offset_sd: of one assessor.
    weights: (g,) of the cells as estimated before, or None to estimate them from the points.
    """

    start: float
    level_mean: float
    level_sd: float
    step_days: Array
    step_means: Array
    step_sds: Array
    controlled: tuple[tuple[float, float], ...]
    sd_free: Array
    sd_controlled: Array
    log_prior: Array
    offset_sd: float
    weights: Array | None = None

    def variance(self, a: float, b: float) -> Array:
        """Variance of p(b) - p(a) in each cell, shape (g,), for a <= b."""
        free, under = self.years(a, b)
        return np.asarray(self.sd_free**2 * free + self.sd_controlled**2 * under, dtype=np.float64)

    def years(self, a: float, b: float) -> tuple[float, float]:
        """(free, controlled) years between two days."""
        under = sum(max(0.0, min(b, end) - max(a, begin)) for begin, end in self.controlled)
        return (b - a - under) / YEAR, under / YEAR

    def steps_in_force(self, day: float) -> Array:
        """1 for each step that has happened by `day`, shape (k,)."""
        return (self.step_days <= day).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Measurements, ascending in time. z: log premium, sd: its noise, assessor: index; each (n,)."""

    day: Array
    z: Array
    sd: Array
    assessor: np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Joint posterior of [p at the last day, steps, p on the remembered days] in each cell.

    weights: (g,), sum 1. mean: (g, 1 + k + m). cov: (g, 1 + k + m, 1 + k + m). log_evidence: of the points.
    Where offsets were asked for, those of the a assessors stand between the steps and the remembered days.
    """

    weights: Array
    mean: Array
    cov: Array
    log_evidence: float


def filter_points(
    model: WalkModel, points: Points, remember: Sequence[float] = (), *, offsets: bool = False
) -> Posterior:
    """Run the filter to the last point. `remember`: days from model.start to the last point.

    offsets: keep those of the assessors in the posterior; without it they are marginalised.
    """
    k, assessors = len(model.step_days), int(points.assessor.max()) + 1
    copies = 1 + k + assessors  # index of the first remembered level
    size, cells = copies + len(remember), len(model.sd_free)
    mean = np.zeros((cells, size))
    cov = np.zeros((cells, size, size))
    mean[:, 0] = model.level_mean
    mean[:, 1 : 1 + k] = model.step_means
    prior = np.concatenate([[model.level_sd], model.step_sds, np.full(assessors, model.offset_sd)])
    cov[:, range(copies), range(copies)] = prior**2
    log_likelihood = np.zeros(cells)
    # On one day levels are kept before the point is read; the point then corrects the copy as well.
    stops = [(day, 0, j) for j, day in enumerate(remember)] + [(d, 1, i) for i, d in enumerate(points.day)]
    now = model.start
    for day, is_point, index in sorted(stops):
        cov[:, 0, 0] += model.variance(now, day)
        now = day
        if not is_point:
            here = copies + index
            mean[:, here] = mean[:, 0]
            cov[:, here, :] = cov[:, 0, :]
            cov[:, :, here] = cov[:, :, 0]
            cov[:, here, here] = cov[:, 0, 0]
            continue
        row = np.zeros(size)
        row[0] = 1.0
        row[1 : 1 + k] = model.steps_in_force(day)
        row[1 + k + points.assessor[index]] = 1.0
        spread = cov @ row
        variance = spread @ row + points.sd[index] ** 2
        surprise = points.z[index] - mean @ row
        log_likelihood -= 0.5 * (np.log(2 * np.pi * variance) + surprise**2 / variance)
        gain = spread / variance[:, None]
        mean += gain * surprise[:, None]
        cov -= gain[:, :, None] * spread[:, None, :]
    joint = log_likelihood + model.log_prior
    total = float(logsumexp(joint))
    kept = np.r_[0 : copies if offsets else 1 + k, copies:size]
    return Posterior(
        weights=np.exp(joint - total) if model.weights is None else model.weights,
        mean=mean[:, kept],
        cov=cov[:, kept[:, None], kept],
        log_evidence=total - float(logsumexp(model.log_prior)),
    )


def draw(posterior: Posterior, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Array]:
    """(cells (n,), values (n, 1 + k + m)): cells by their weight, then the joint normal of that cell."""
    cells = rng.choice(len(posterior.weights), size=n, p=posterior.weights)
    size = posterior.mean.shape[1]
    roots = np.linalg.cholesky(posterior.cov + JITTER * np.eye(size))
    noise = rng.standard_normal((n, size))
    values = posterior.mean[cells] + np.einsum("nij,nj->ni", roots[cells], noise)
    return cells, np.asarray(values, dtype=np.float64)


def moments(posterior: Posterior, row: Array, extra: Array | float = 0.0) -> tuple[float, float]:
    """(mean, sd) of row @ state over all cells; `extra` is added variance, scalar or (g,)."""
    means = posterior.mean @ row
    variances = np.einsum("i,gij,j->g", row, posterior.cov, row) + extra
    mean = float(posterior.weights @ means)
    return mean, float(np.sqrt(max(posterior.weights @ (variances + (means - mean) ** 2), 0.0)))


def cell_moments(posterior: Posterior, rows: Array) -> tuple[Array, Array]:
    """(means, variances) of rows @ state in each cell; rows: (r, size), both results: (r, g)."""
    means = rows @ posterior.mean.T
    variances = np.einsum("ri,gij,rj->rg", rows, posterior.cov, rows, optimize=True)
    return means, np.maximum(variances, 0.0)


def mixture_quantile(q: float, weights: Array, means: Array, sds: Array) -> Array:
    """Quantile q of r mixtures of normals, by bisection. weights: (g,), means and sds: (r, g); gives (r,)."""
    wide = np.maximum(sds, np.finfo(np.float64).tiny)  # what is known exactly is a step at its mean
    low, high = (means - 9 * sds).min(axis=1), (means + 9 * sds).max(axis=1)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        short = ndtr((middle[:, None] - means) / wide) @ weights < q
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)
