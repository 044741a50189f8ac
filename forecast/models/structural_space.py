"""State space of the structural model: a level that moves inside each period, a damped slope, static effects.

    y(t) = L(t) - eta(t) / 2 + x(t) beta + N(0, level_sd^2 / 12 + noise_sd^2 + noise(t)^2)
    L(t) = L(t-1) + b(t-1) + eta(t)         eta ~ N(0, level_sd^2), L(1) unknown (exact diffuse)
    b(t) = damping b(t-1) + zeta(t)         b stationary with sd slope_sd
    beta ~ N(0, effect_sd^2) each, and does not move

L is the level at the end of a period, y the mean over it: half of the period's move has not reached the
mean, and a twelfth of its variance is how the path ran inside (a Brownian bridge; Working 1960). Changes of
y then have autocorrelation 0.25 without any slope; noise takes from that, a noise of 0.41 level_sd all of it.
noise(t) is what a quote misses beyond that: one of a single day, on any day alike, misses 0.41 level_sd.
Filtered by statsmodels (Durbin and Koopman 2012, chapters 5 and 6), holes and unknown start included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast.types import Array

#: Share of a period's move that its mean has not seen, and the variance of the path inside (level_sd = 1).
UNSEEN = 0.5
INSIDE = 1.0 / 12.0
#: Places in the state: level, slope, the period's own move, and the effects from there on.
LEVEL, SLOPE, MOVE, EFFECTS = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamics:
    """Sizes of one period's move, of the slope and of the noise, in the unit of y; damping in (0, 1)."""

    level_sd: float
    slope_sd: float
    noise_sd: float
    damping: float

    def times(self, unit: float) -> Dynamics:
        """The same movements where what was 1 is `unit`."""
        return replace(
            self,
            level_sd=self.level_sd * unit,
            slope_sd=self.slope_sd * unit,
            noise_sd=self.noise_sd * unit,
        )

    def path(self, level: Array, slope: Array, steps: int) -> Array:
        """What is expected of the level 1 ... steps periods later, (n, steps), from level and slope (n,)."""
        reach = np.cumsum(self.damping ** np.arange(steps))
        return np.asarray(level[:, None] + slope[:, None] * reach, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Mean of level and slope (n,), mean (n, k) and covariance (n, k, k) of the effects.

    Row t knows y up to t. Rows before the first quote are without meaning.
    """

    level: Array
    slope: Array
    effects: Array
    covariance: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """y: (n,), NaN for no quote; at least one quote. x: (n, k). effect_sd: the prior's.

    noise: sd of each quote's own error, (n,), or (1,) where all have the same.
    """

    y: Array
    x: Array
    effect_sd: float
    noise: Array

    @property
    def quotes(self) -> Array:
        """The numbers among y."""
        return np.asarray(self.y[np.isfinite(self.y)])

    def per(self, unit: float) -> Measured:
        """The same from its first quote on and in that unit: a far level or a small unit costs no digits."""
        return Measured(
            y=(self.y - self.quotes[0]) / unit,
            x=self.x,
            effect_sd=self.effect_sd / unit,
            noise=self.noise / unit,
        )


def state_space(data: Measured, dynamics: Dynamics) -> Any:
    """The model as a KalmanFilter of statsmodels."""
    from statsmodels.tsa.statespace.kalman_filter import FILTER_UNIVARIATE, KalmanFilter

    n, k = data.x.shape
    size = EFFECTS + k
    # one quote a period: the univariate filter gives the same without inverting matrices
    space = KalmanFilter(k_endog=1, k_states=size, k_posdef=2, filter_method=FILTER_UNIVARIATE)
    space.bind(np.asfortranarray(data.y[None, :]))
    design = np.zeros((1, size, n if k else 1))
    design[0, LEVEL], design[0, MOVE] = 1.0, -UNSEEN
    design[0, EFFECTS:] = data.x.T if k else 0.0
    space["design"] = design
    selection = np.zeros((size, 2))
    selection[[LEVEL, MOVE, SLOPE], [0, 0, 1]] = 1.0
    space["selection"] = selection
    set_dynamics(space, data, dynamics)
    return space


def set_dynamics(space: Any, data: Measured, dynamics: Dynamics) -> None:
    """Give the state space of `data` other sizes."""
    from statsmodels.tsa.statespace.initialization import Initialization

    size = space.k_states
    move, slope = dynamics.level_sd**2, dynamics.slope_sd**2
    transition = np.eye(size)
    transition[LEVEL, SLOPE] = 1.0
    transition[SLOPE, SLOPE], transition[MOVE, MOVE] = dynamics.damping, 0.0
    space["transition"] = transition
    space["state_cov"] = np.diag([move, slope * (1.0 - dynamics.damping**2)])
    space["obs_cov"] = (move * INSIDE + dynamics.noise_sd**2 + data.noise**2)[None, None, :]
    known = np.full(size - 1, data.effect_sd**2)
    known[[SLOPE - 1, MOVE - 1]] = slope, move
    start = Initialization(size)
    start.set(LEVEL, "diffuse")
    start.set((SLOPE, size), "known", constant=np.zeros(size - 1), stationary_cov=np.diag(known))
    space.initialize(start)


def filter_states(data: Measured, dynamics: Dynamics) -> States:
    """One pass: what was known after each period."""
    anchor, unit = float(data.quotes[0]), dynamics.level_sd
    found = state_space(data.per(unit), dynamics.times(1.0 / unit)).filter()
    mean, covariance = found.filtered_state, found.filtered_state_cov
    return States(
        level=anchor + unit * mean[LEVEL],
        slope=unit * mean[SLOPE],
        effects=unit * mean[EFFECTS:].T,
        covariance=unit**2 * np.moveaxis(covariance[EFFECTS:, EFFECTS:], -1, 0),
    )
