"""How large the effects of a broad type are, against what the table says: one factor tau a type.

    effect = prior_mean + prior_scale * tau_type * v        tau ~ half-t(SCALE_DOF, SCALE)

Few events of a type happen, so tau is integrated, never plugged in. Each type's tau has a grid, weighted by
prior and evidence while the other types stay at their middle; types meet only in events that coincide. The
posterior is then an even mixture over NODES points spread over the product of those grids.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import qmc

from forecast.types import Array

Index = NDArray[np.intp]

SCALE_DOF = 4.0  # of the half-t, as in Gelman (2006), "Prior distributions for variance parameters"
# The table's 90 % range of one effect stays what it is: tau times a t of 4 holds as much within 2.13 scales.
SCALE = 0.85
GRID = np.exp(np.linspace(np.log(0.06), np.log(6.0), 25))
NODES = 20
PREDICTIVE_DOFS = (3.0, 30.0)  # a t below 3 has hardly a variance; above 30 it is a normal


def log_prior() -> Array:
    """Log weight of each grid point: the density of tau times its share of the axis, even in logs."""
    return np.asarray(np.log(GRID) - (SCALE_DOF + 1) / 2 * np.log1p((GRID / SCALE) ** 2 / SCALE_DOF))


def normalise(log_weights: Array) -> Array:
    """Weights (..., grid) that sum to 1."""
    shifted = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def grid_weights(gram: Array, precision: Array, kinds: Index, middle: Array) -> Array:
    """Posterior weights (types, grid) of each type's factor, the others at `middle` (types,).

    gram: (k + 1, k + 1) products of [x, y] in unit noise. precision: (k, k) prior precision of v, without
    terms between types. kinds: (k,) type of each event; a type without events keeps its prior.
    """
    k = len(kinds)
    found = np.tile(log_prior(), (len(middle), 1))
    tau = middle[kinds]
    for kind in np.unique(kinds):
        here = kinds == kind
        own, other = np.flatnonzero(here), np.flatnonzero(~here)
        # effects of other types integrated out: what is left is one matrix that tau^2 multiplies
        cross = tau[other][:, None] * gram[other][:, np.append(own, k)]
        rest = precision[other][:, other] + np.outer(tau, tau)[other][:, other] * gram[other][:, other]
        left = gram[own][:, np.append(own, k)] - cross[:, :-1].T @ np.linalg.solve(rest, cross)
        root = np.linalg.inv(np.linalg.cholesky(precision[own][:, own]))
        values, vectors = np.linalg.eigh(root @ left[:, :-1] @ root.T)
        pull = (vectors.T @ (root @ left[:, -1])) ** 2
        square = GRID[:, None] ** 2
        held = 1 + square * np.maximum(values, 0.0)
        found[kind] += ((square * pull / held - np.log(held)) / 2).sum(axis=1)
    return normalise(found)


def middles(weights: Array) -> Array:
    """Geometric mean of each type's factor, (types,)."""
    return np.asarray(np.exp(weights @ np.log(GRID)))


def joint_nodes(weights: Array) -> Array:
    """(NODES, types) factors that stand for the posterior, each as likely as the others."""
    step = float(np.log(GRID[1] / GRID[0]))
    edges = np.log(GRID[0]) - step / 2 + step * np.arange(len(GRID) + 1)
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)
    spread = _spread_points(len(weights))
    columns = [np.exp(np.interp(u, b, edges)) for u, b in zip(spread.T, below, strict=True)]
    return np.asarray(np.stack(columns, axis=1))


@lru_cache(maxsize=4)
def _spread_points(dimensions: int) -> Array:
    points = qmc.Halton(dimensions, scramble=False).random(NODES)
    # by rank, so that each axis alone is cut into equal parts
    return np.asarray((points.argsort(axis=0).argsort(axis=0) + 0.5) / NODES)


def matching_t(centres: Array, scales: Array) -> tuple[Array, Array, Array]:
    """(mean, scale, degrees of freedom), each (g,), of the t that stands for an even mixture of t's of 4.

    centres, scales: (m, g). The 90 % range is the mixture's; degrees of freedom follow from how much wider
    that is than the middle half, within PREDICTIVE_DOFS.
    """
    wide, half = (_range(centres, scales, p) for p in (0.05, 0.25))
    dofs, ratios = _ratios()
    dof = np.interp(-wide / half, -ratios, dofs)
    return centres.mean(axis=0), np.asarray(wide / stdtrit(dof, 0.95)), np.asarray(dof)


@lru_cache(maxsize=1)
def prior_t() -> tuple[float, float, float]:
    """(mean, scale, degrees of freedom) of an effect of which prices say nothing, in prior scales."""
    nodes = joint_nodes(normalise(log_prior())[None])
    mean, scale, dof = matching_t(np.zeros_like(nodes), nodes)
    return float(mean[0]), float(scale[0]), float(dof[0])


def _range(centres: Array, scales: Array, tail: float) -> Array:
    """Half of the range between the quantiles `tail` and 1 - `tail` of each mixture."""
    reach = 5.0 * scales.max(axis=0)  # a t of 4 holds 99 % within
    low = np.stack([centres.min(axis=0) - reach] * 2)
    high = np.stack([centres.max(axis=0) + reach] * 2)
    wanted = np.array([[tail], [1 - tail]])
    for _ in range(30):
        middle = (low + high) / 2
        t = (middle[:, None, :] - centres) / scales
        root = t / np.sqrt(4 + t * t)
        share = (0.5 + root * (0.75 - 0.25 * root * root)).mean(axis=1)
        low, high = np.where(share < wanted, middle, low), np.where(share < wanted, high, middle)
    return np.asarray((low[1] - low[0]) / 2)


@lru_cache(maxsize=1)
def _ratios() -> tuple[Array, Array]:
    dofs = np.linspace(*PREDICTIVE_DOFS, 200)
    return dofs, np.asarray(stdtrit(dofs, 0.95) / stdtrit(dofs, 0.75))
