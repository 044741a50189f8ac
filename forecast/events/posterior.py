"""Posterior of event effects: Student-t regression of price changes on changes of dummies, in closed steps.

    change[t, s] = sum_e x[t, s, e] (mean_e + scale_e v_e) + noise[t, s]
    v_e   = mu_group(e) + u_e,   mu ~ t(0, GROUP_SD),   u_e ~ t(0, OWN_SD)      GROUP_SD^2 + OWN_SD^2 = 1
    noise : MA(1) with coefficient AVERAGING along the quotes of a series, correlated over series in the same
            period, heavy-tailed (t with NOISE_DOF, one factor a period, so that a wild month counts less)

A t is a normal whose precision is itself uncertain. Given those precisions everything is normal, and the
posterior is one solve; given the posterior, each precision has a closed expectation (mean-field variational
Bayes, which here is iterated weighting that also counts the uncertainty of what is weighted). Taking turns
converges in a handful of rounds; ROUNDS is fixed, so that a fit costs the same wherever it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky_banded, solve_banded

from forecast.types import Array

Index = NDArray[np.intp]
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
    """Normal posterior of (mu (g,), v (k,)) in units of the prior scale: mean (g + k,), covariance."""

    mean: Array
    covariance: Array
    noise: Noise
    tails: Tails

    @property
    def groups(self) -> int:
        """Number of groups: the first entries of mean."""
        return len(self.tails.group)


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


def estimate(evidence: Evidence, groups: Index, count: int, prior_sd: float) -> Posterior:
    """Posterior given the evidence; every series has a change.

    groups: (k,) group of each event, below `count`. prior_sd: expected size of one step's shock.
    """
    here = evidence.here
    usual = [1.4826 * float(np.median(np.abs(y[h]))) for y, h in zip(evidence.y.T, here.T, strict=True)]
    noise = Noise(
        sd=np.maximum(usual, 0.25 * prior_sd), correlation=np.eye(here.shape[1]), precision=np.ones(len(here))
    )
    tails = Tails(own=np.ones(len(groups)), group=np.ones(count))
    sets, which = np.unique(here, axis=0, return_inverse=True)
    joined = np.concatenate([evidence.y[:, :, None], evidence.x], axis=2)
    together = here.astype(np.float64).T @ here.astype(np.float64)
    white = _whiten(joined, noise, sets, which)
    mean, covariance = _solve(white, groups, noise, tails)
    for _ in range(ROUNDS):
        noise = _update_noise(evidence, white, mean[count:], covariance[count:, count:], together, prior_sd)
        tails = _update_tails(groups, mean, covariance, count)
        white = _whiten(joined, noise, sets, which)
        mean, covariance = _solve(white, groups, noise, tails)
    _, wide = _solve(white, groups, *discount(noise, tails, here.sum(axis=1)))
    return Posterior(mean=mean, covariance=wide, noise=noise, tails=tails)


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


def _solve(white: Array, groups: Index, noise: Noise, tails: Tails) -> tuple[Array, Array]:
    """Mean and covariance of (mu, v) given all precisions: generalised least squares with that prior."""
    count, k = len(tails.group), len(groups)
    precision = np.zeros((count + k, count + k))
    own = tails.own / OWN_SD**2
    events = count + np.arange(k)
    precision[np.arange(count), np.arange(count)] = tails.group / GROUP_SD**2
    np.add.at(precision, (groups, groups), own)
    precision[events, events] = own
    precision[groups, events] = precision[events, groups] = -own
    rows = (white * np.sqrt(noise.precision)[:, None, None]).reshape(-1, 1 + k)
    precision[count:, count:] += rows[:, 1:].T @ rows[:, 1:]
    right = np.zeros(count + k)
    right[count:] = rows[:, 1:].T @ rows[:, 0]
    covariance = np.linalg.inv(precision)
    covariance = (covariance + covariance.T) / 2
    return np.asarray(covariance @ right), np.asarray(covariance)


def _whiten(joined: Array, noise: Noise, sets: Mask, which: Index) -> Array:
    """[y, x] with independent unit noise over the series of each period, (t, s, 1 + k).

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
    left, x = white[:, :, 0] - white[:, :, 1:] @ v, white[:, :, 1:]
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
