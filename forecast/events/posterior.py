"""Posterior of event effects: Student-t regression of price changes on changes of dummies, in closed steps.

    change[t, s] = sum_e x[t, s, e] (mean_e + scale_e tau_type(e) v_e) + noise[t, s]
    v_e   = mu_group(e) + u_e,   mu ~ t(0, GROUP_SD),   u_e ~ t(0, OWN_SD)      GROUP_SD^2 + OWN_SD^2 = 1
    tau   : how large effects of a broad type are, half-t, integrated (scales.py)
    noise : MA(1) with coefficient AVERAGING along the quotes of a series, correlated over series in the same
            period, heavy-tailed (t with NOISE_DOF, one factor a period, so that a wild month counts less)

A t is a normal whose precision is itself uncertain. Given those precisions and the factors tau everything is
normal, and the posterior is one solve; given the posterior, each precision has a closed expectation
(mean-field variational Bayes, which here is iterated weighting that also counts the uncertainty of what is
weighted). Taking turns converges in a handful of rounds; ROUNDS is fixed, so that a fit costs the same
wherever it runs. The rounds hold tau at its middle; what is reported is the mixture over its posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded, solve_banded

from forecast.events.scales import Index, grid_weights, joint_nodes, log_prior, matching_t, middles, normalise
from forecast.types import Array

Mask = NDArray[np.bool_]
AVERAGING = 0.27  # first-order coefficient that averaging gives to the changes of a mean
DOF = 4.0  # of priors
NOISE_DOF = 5.0
GROUP_SD = OWN_SD = float(np.sqrt(0.5))  # half of the prior variance is common to a type
ROUNDS = 8
SD_WEIGHT = 6.0  # observations that the prior noise scale counts for
CORRELATION_WEIGHT = 12.0  # and that "no correlation" counts for
LARGEST_CORRELATION = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What prices say: changes made serially independent, 0 where a series has none in a period.

    y: (t, s); x: (t, s, k); here: (t, s), which changes exist.
    """

    y: Array
    x: Array
    here: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """sd: (s,) of one step's shock; correlation: (s, s); precision: (t,) relative, 1 for a usual period."""

    sd: Array
    correlation: Array
    precision: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Relative precisions of the prior: of each event's own part (k,) and of each group's centre (g,)."""

    own: Array
    group: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Posterior of centres (g,) and effects (k,) in units of the prior scale, tau included.

    mean: (g + k,); covariance. centres, spreads, dofs: (g,) the t of the next event of each group. noise,
    tails, scales ((types, grid) weights of tau) are those of the last round.
    """

    mean: Array
    covariance: Array
    centres: Array
    spreads: Array
    dofs: Array
    noise: Noise
    tails: Tails
    scales: Array


def innovations(rows: Array, gaps: Array) -> Array:
    """Changes of one series made serially independent, in units of one step's shock.

    rows: (n, 1 + k) changes of price and dummies; gaps: (n,) steps that each spans. A change over `gap`
    steps sums that many MA(1) shocks: variance (1 + a^2) gap + 2 a (gap - 1), and a with its neighbour.
    The covariance is tridiagonal and its Cholesky factor bidiagonal, so that one banded solve does it.
    """
    variance = (1 + AVERAGING**2) * gaps + 2 * AVERAGING * (gaps - 1)
    below = np.full(len(gaps), AVERAGING)
    below[-1] = 0.0
    factor = cholesky_banded(np.vstack([variance, below]), lower=True)
    return np.asarray(solve_banded((1, 0), factor, rows), dtype=np.float64)


def estimate(evidence: Evidence, groups: Index, types: Index, prior_sd: float) -> Posterior:
    """Posterior given the evidence; every series has a change.

    groups: (k,) group of each event. types: (g,) broad type of each group, from 0. prior_sd: expected size
    of one step's shock.
    """
    here, count = evidence.here, len(types)
    usual = [1.4826 * float(np.median(np.abs(y[h]))) for y, h in zip(evidence.y.T, here.T, strict=True)]
    noise = Noise(
        sd=np.maximum(usual, 0.25 * prior_sd), correlation=np.eye(here.shape[1]), precision=np.ones(len(here))
    )
    tails = Tails(own=np.ones(len(groups)), group=np.ones(count))
    sets, which = np.unique(here, axis=0, return_inverse=True)
    joined = np.concatenate([evidence.x, evidence.y[:, :, None]], axis=2)
    together = here.astype(np.float64).T @ here.astype(np.float64)
    kinds = types[groups]
    weights = np.tile(normalise(log_prior()), (types.max() + 1, 1))
    white = _whiten(joined, noise, sets, which)
    tau = middles(weights)[kinds]
    mean, covariance = _solve(_gram(white, noise), groups, tails, tau)
    for turn in range(ROUNDS):
        v, spread = tau * mean[count:], np.outer(tau, tau) * covariance[count:, count:]
        noise = _update_noise(evidence, white, v, spread, together, prior_sd)
        tails = _update_tails(groups, mean, covariance, count)
        white = _whiten(joined, noise, sets, which)
        gram = _gram(white, noise)
        if turn % 2:
            weights = grid_weights(gram, _prior_precision(groups, tails), kinds, middles(weights))
            tau = middles(weights)[kinds]
        mean, covariance = _solve(gram, groups, tails, tau)
    nodes = joint_nodes(weights)
    precision, right = _normal_equations(gram, groups, tails, nodes[:, kinds])
    means = np.linalg.solve(precision, right[..., None])[..., 0]
    vague, loose = discount(noise, tails, here.sum(axis=1))
    wide = np.linalg.inv(_normal_equations(_gram(white, vague), groups, loose, nodes[:, kinds])[0])
    factors = np.concatenate([nodes[:, types], nodes[:, kinds]], axis=1)
    found = factors * means
    middle = found.mean(axis=0)
    inside = (factors[:, :, None] * wide * factors[:, None, :]).mean(axis=0)
    spreads = nodes[:, types] * np.sqrt(np.einsum("mii->mi", wide)[:, :count] + OWN_SD**2)
    centres, scale, dofs = matching_t(found[:, :count], spreads)
    return Posterior(
        mean=middle,
        covariance=(inside + inside.T) / 2 + (found - middle).T @ (found - middle) / len(found),
        centres=centres,
        spreads=scale,
        dofs=dofs,
        noise=noise,
        tails=tails,
        scales=weights,
    )


def discount(noise: Noise, tails: Tails, changes: Index) -> tuple[Noise, Tails]:
    """Precisions as far as they inform: changes (t,) is the number of series with a change in a period.

    The rounds take each precision for known once it is found, which makes intervals too short. A t with v
    degrees of freedom in p dimensions holds (v + p) / (v + p + 2) of the information of a normal.
    """
    size = NOISE_DOF + changes
    prior = (DOF + 1) / (DOF + 3)
    return (
        replace(noise, precision=noise.precision * size / (size + 2)),
        Tails(own=tails.own * prior, group=tails.group * prior),
    )


def _gram(white: Array, noise: Noise) -> Array:
    """Products of the columns [x, y] over all changes, in unit noise, (k + 1, k + 1)."""
    rows = (white * np.sqrt(noise.precision)[:, None, None]).reshape(-1, white.shape[2])
    return np.asarray(rows.T @ rows)


def _normal_equations(gram: Array, groups: Index, tails: Tails, tau: Array) -> tuple[Array, Array]:
    """Precision (..., g + k, g + k) of (mu, v) given all precisions and factors tau (..., k), and its product
    with their mean (..., g + k): generalised least squares with that prior."""
    count, k = len(tails.group), len(groups)
    prior = np.zeros((count + k, count + k))
    own = tails.own / OWN_SD**2
    events = count + np.arange(k)
    prior[np.arange(count), np.arange(count)] = tails.group / GROUP_SD**2
    np.add.at(prior, (groups, groups), own)
    prior[events, events] = own
    prior[groups, events] = prior[events, groups] = -own
    precision = np.tile(prior, (*tau.shape[:-1], 1, 1))
    precision[..., count:, count:] += tau[..., :, None] * gram[:k, :k] * tau[..., None, :]
    right = np.zeros((*tau.shape[:-1], count + k))
    right[..., count:] = tau * gram[:k, k]
    return precision, right


def _solve(gram: Array, groups: Index, tails: Tails, tau: Array) -> tuple[Array, Array]:
    """Mean and covariance of (mu, v) for one set of factors."""
    precision, right = _normal_equations(gram, groups, tails, tau)
    covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    return np.asarray(covariance @ right), covariance


def _prior_precision(groups: Index, tails: Tails) -> Array:
    """Prior precision of v alone, the groups' centres integrated, (k, k)."""
    shared = (groups[:, None] == groups[None, :]) * (GROUP_SD**2 / tails.group[groups])
    return np.asarray(np.linalg.inv(shared + np.diag(OWN_SD**2 / tails.own)))


def _whiten(joined: Array, noise: Noise, sets: Mask, which: Index) -> Array:
    """[x, y] with independent unit noise over the series of each period, (t, s, k + 1).

    sets, which: the distinct sets of series that have a change together, and the set of each period.
    """
    both = sets[:, :, None] & sets[:, None, :]
    roots = (
        np.linalg.inv(np.linalg.cholesky(np.where(both, noise.correlation, np.eye(sets.shape[1])))) / noise.sd
    )
    return np.asarray(roots[which.ravel()] @ joined)


def _update_noise(
    evidence: Evidence, white: Array, v: Array, covariance: Array, together: Array, prior_sd: float
) -> Noise:
    """Noise that fits what the events leave, their own uncertainty counted."""
    here = evidence.here
    x = white[:, :, :-1]
    left = white[:, :, -1] - x @ v
    surprise = (left**2 + _spread(x, covariance)).sum(axis=1)
    precision = (NOISE_DOF + here.sum(axis=1)) / (NOISE_DOF + surprise)
    residual = evidence.y - evidence.x @ v
    square = precision @ (residual**2 + _spread(evidence.x, covariance))
    sd = np.sqrt((SD_WEIGHT * prior_sd**2 + square) / (SD_WEIGHT + here.sum(axis=0)))
    scaled = residual / sd * np.sqrt(precision)[:, None]
    correlation = scaled.T @ scaled / (together + CORRELATION_WEIGHT)
    correlation = np.clip(correlation, -LARGEST_CORRELATION, LARGEST_CORRELATION)
    np.fill_diagonal(correlation, 1.0)
    return Noise(sd=sd, correlation=_proper(correlation), precision=precision)


def _spread(x: Array, covariance: Array) -> Array:
    """Variance of each row of x times the effects, (t, s)."""
    rows = x.reshape(-1, x.shape[2])
    return np.asarray(((rows @ covariance) * rows).sum(axis=1)).reshape(x.shape[:2])


def _proper(correlation: Array) -> Array:
    """The correlation matrix, lifted where pairs from different periods do not fit one matrix."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= 0.02:
        return correlation
    lifted = (vectors * np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    return np.asarray(lifted / np.outer(scale, scale))


def _update_tails(groups: Index, mean: Array, covariance: Array, count: int) -> Tails:
    """Prior precisions that fit the effects found: an outlying event or type is held less tightly."""
    variance = np.diag(covariance)
    events = count + np.arange(len(groups))
    own = (mean[events] - mean[groups]) ** 2
    own = own + variance[events] + variance[groups] - 2 * covariance[events, groups]
    centre = mean[:count] ** 2 + variance[:count]
    return Tails(own=(DOF + 1) / (DOF + own / OWN_SD**2), group=(DOF + 1) / (DOF + centre / GROUP_SD**2))
