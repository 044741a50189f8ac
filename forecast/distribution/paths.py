"""From quantiles to sample paths and back: quantile functions, rank re-ordering.

All quantities are log prices. A quantile function is piecewise linear on the normal-score axis and goes
on with its last slope beyond the outer quantiles, so tails are those of a normal with the outer spread.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from forecast.types import Array

DRAWS = 1000
FEWEST_TOGETHER = 24  # periods that two series need in common before they are held to move together
ENOUGH = 60  # past errors from which they set the dependence of paths
RUN = 6  # mean length of a run of past errors, in periods


def interpolate(x: Array, knots: Array, values: Array) -> Array:
    """Piecewise linear through (knots, values), both increasing, continued by the end slopes."""
    inside = np.interp(x, knots, values)
    low = values[0] + (x - knots[0]) * (values[1] - values[0]) / (knots[1] - knots[0])
    high = values[-1] + (x - knots[-1]) * (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return np.asarray(np.where(x < knots[0], low, np.where(x > knots[-1], high, inside)))


def strict(values: Array) -> Array:
    """Break ties upward by less than any price can show, so that a quantile function has an inverse."""
    return np.asarray(np.maximum.accumulate(values) + 1e-12 * np.arange(len(values)))


def walk_scores(draws: int, steps: int, series: int, correlation: Array, rng: np.random.Generator) -> Array:
    """Shocks of correlated random walks, (draws, steps, series), mirrored so that each step is symmetric."""
    half = rng.standard_normal((-(-draws // 2), steps, series))
    both = np.concatenate([half, -half])[:draws]
    return np.asarray(both @ np.linalg.cholesky(correlation).T)


def past_scores(draws: int, steps: int, errors: Array, rng: np.random.Generator) -> Array:
    """Shocks as past ones came, (draws, steps, series): runs of successive past one-step errors, all series
    of a period together.

    errors: (series, periods), standardised, NaN where there is none. A run goes on with the next period or,
    one time in RUN, starts again anywhere, with a sign of its own; half of the draws mirror the others. So
    series move together as they did, in wild months more than in calm ones, and averages keep their momentum.
    A series with fewer than ENOUGH errors walks by itself, as all do where fewer than ENOUGH periods have an
    error of every other one. (Politis and Romano 1994, the stationary bootstrap, for ranks alone.)
    """
    seen = np.isfinite(errors)
    long = (seen.sum(axis=1) >= ENOUGH) & (np.nanmax(np.abs(errors), axis=1, initial=0.0) > 0.0)
    rows = np.flatnonzero(seen[long].all(axis=0)) if long.any() else np.zeros(0, np.intp)
    out = walk_scores(draws, steps, len(errors), shock_correlation(errors), rng)
    if len(rows) < ENOUGH:
        return out
    half = -(-draws // 2)
    fresh = rng.random((half, steps)) < 1.0 / RUN
    fresh[:, 0] = True
    anywhere, signs = rng.integers(len(rows), size=(half, steps)), rng.choice([-1.0, 1.0], (half, steps))
    began = np.maximum.accumulate(np.where(fresh, np.arange(steps), 0), axis=1)
    each = np.arange(half)[:, None]
    at = (anywhere[each, began] + np.arange(steps) - began) % len(rows)
    shocks = errors[long][:, rows].T[at] * signs[each, began][:, :, None]
    out[:, :, long] = np.concatenate([shocks, -shocks])[:draws]
    return out


def ranks(values: Array) -> Array:
    """Mid-rank levels (rank - 0.5) / n down each column of (n, steps), ties in order of appearance."""
    order = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray((order + 0.5) / len(values))


def reorder(values: Array, log_quantiles: Array, quantiles: tuple[float, ...]) -> Array:
    """Log paths (draws, steps) with the ranks of `values` and exactly the marginals given, (steps, q)."""
    scores = ndtri(np.asarray(quantiles))
    levels = ndtri(ranks(values))
    columns = [interpolate(levels[:, k], scores, log_quantiles[k]) for k in range(levels.shape[1])]
    return np.stack(columns, axis=1)


def at_quantiles(log_quantiles: Array, known: tuple[float, ...], wanted: tuple[float, ...]) -> Array:
    """Other quantiles of the same quantile functions, (steps, wanted)."""
    if set(wanted) <= set(known):
        return log_quantiles[:, [known.index(q) for q in wanted]]
    knots, x = ndtri(np.asarray(known)), ndtri(np.asarray(wanted))
    return np.stack([interpolate(x, knots, row) for row in log_quantiles])


def quantile_mean(log_quantiles: Array, known: tuple[float, ...]) -> Array:
    """Mean price of each step, (steps,): the quantile function integrated over 199 middle levels."""
    middle = tuple((np.arange(199) + 0.5) / 199)
    return np.asarray(np.exp(at_quantiles(log_quantiles, known, middle)).mean(axis=1))


def path_quantiles(paths: Array, quantiles: tuple[float, ...]) -> Array:
    """Quantiles of sample paths (draws, steps) at each step, (steps, q)."""
    return np.asarray(np.quantile(paths, quantiles, axis=0).T)


def shock_correlation(errors: Array) -> Array:
    """Correlation of one-step errors between series, (u, u), shrunk half-way to none; errors (u, t)."""
    seen = np.isfinite(errors)
    here, there = np.where(seen, errors, 0.0), seen.astype(np.float64)
    count = there @ there.T
    many = np.maximum(count, 1.0)
    total, square = here @ there.T, here**2 @ there.T  # [i, j]: of i, over the periods that both have
    variance = square / many - (total / many) ** 2
    spread = np.sqrt(np.maximum(variance * variance.T, 0.0))
    told = (count >= FEWEST_TOGETHER) & (spread > 0.0)
    common = here @ here.T / many - total * total.T / many**2
    out = np.where(told, 0.5 * common / np.where(told, spread, 1.0), 0.0)
    np.fill_diagonal(out, 1.0)
    # entries from different windows need not fit one matrix: lift the smallest eigenvalue
    values, vectors = np.linalg.eigh(out)
    fixed = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = np.sqrt(np.diag(fixed))
    return np.asarray(fixed / np.outer(scale, scale))
