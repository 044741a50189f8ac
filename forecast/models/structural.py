"""Structural time series: level, damped slope and event effects, each a state with a stated prior.

Sizes of the movements and the damping are the mode of their posterior; level, slope and effects are
filtered from every origin with these unchanged (structural_space.py). An effect is a static state, so
its posterior grows with the history it is given; it equals generalised least squares with the prior.
A period without a quote is a period without a measurement. A dated quote measures the mean of its period
with noise of its own, where the input says so (FitInput.noise); else it counts as that mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from forecast.errors import ModelNotFitted
from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.convergence import must_converge
from forecast.models.sarimax import INFORMATIVE
from forecast.models.structural_space import (
    Dynamics,
    Measured,
    States,
    filter_states,
    set_dynamics,
    state_space,
)
from forecast.types import Array

NAME = "structural"
#: Prior sd of a log effect at full strength. The published table has 0.03-0.15 in China and 0.03-0.8 on the
#: premium outside; here one column holds a type, so one number stands for all: one in three beyond 28 %.
EFFECT_SD = 0.25
#: The slope keeps less than this: a trend that never fades is not believed.
LARGEST_DAMPING = 0.98
#: Prior of log level_sd (per rms change), log slope_sd and log noise_sd (per level_sd) and the logit of
#: damping / LARGEST_DAMPING: centre and sd. A slope expected at 0.3 of the level adds 0.5 % to the absolute
#: error at three months and 0.7 % at six (monthly commodity panel, origins of the later half).
CENTRE = np.array([0.0, math.log(0.08), math.log(0.25), 0.0])
WIDTH = np.array([1.0, 0.4, 0.5, 0.7])
#: The optimiser works in units of about a posterior sd: gradient at which it stops, and step of differences.
TOLERANCE = 1e-2
STEP = 1e-5
FARTHEST = 8.0  # prior sds beyond which no size is tried: exp() ends somewhere
#: A price that moved by less in all its history did not move; and the level_sd of such a price.
SMALLEST = 1e-5


def to_dynamics(where: Array) -> Dynamics:
    """Sizes from the four numbers that CENTRE describes."""
    level, slope, noise = np.exp(where[:3]).tolist()
    damping = LARGEST_DAMPING / (1.0 + math.exp(-where[3]))
    return Dynamics(level_sd=level, slope_sd=level * slope, noise_sd=level * noise, damping=damping)


def estimate_dynamics(data: Measured) -> Dynamics:
    """Posterior mode of the sizes. Raises ModelNotFitted without convergence."""
    from statsmodels.tsa.statespace.kalman_filter import MEMORY_CONSERVE

    unit = float(np.sqrt(np.mean(np.diff(data.quotes) ** 2)))
    scaled = data.per(unit)
    space = state_space(scaled, to_dynamics(CENTRE))
    space.set_conserve_memory(MEMORY_CONSERVE)  # the likelihood alone is wanted
    # a level's size is known to about 1 / sqrt(2 n), the others little better than from their priors
    width = np.array([1.0 / math.sqrt(2.0 * data.quotes.size), *WIDTH[1:]])

    def loss(at: Array) -> float:
        off = at * width / WIDTH
        tried = CENTRE + np.clip(off, -FARTHEST, FARTHEST) * WIDTH
        set_dynamics(space, scaled, to_dynamics(tried))
        return float(0.5 * off @ off - space.loglike())

    with must_converge(NAME):
        found = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": TOLERANCE, "eps": STEP})
    if not found.success:
        raise ModelNotFitted(NAME, "its optimiser did not converge")
    return to_dynamics(CENTRE + check_finite(NAME, found.x) * width).times(unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Posterior of log effects at full strength: columns, mean (k,), covariance (k, k)."""

    columns: tuple[str, ...]
    mean: Array
    covariance: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedStructural:
    """Sizes in log price, and mean and sd of each effect at the end of the fitted history, by column name."""

    level_sd: float
    slope_sd: float
    noise_sd: float
    damping: float
    effects: Mapping[str, float]
    errors: Mapping[str, float]

    @property
    def parameters(self) -> Mapping[str, float]:
        named = {
            "level_sd": self.level_sd,
            "slope_sd": self.slope_sd,
            "noise_sd": self.noise_sd,
            "damping": self.damping,
        }
        for column, effect in self.effects.items():
            named[f"event_{column}"] = effect
            named[f"event_{column}_se"] = self.errors[column]
        return named

    @property
    def dynamics(self) -> Dynamics:
        """The sizes as the filter takes them."""
        return Dynamics(
            level_sd=self.level_sd, slope_sd=self.slope_sd, noise_sd=self.noise_sd, damping=self.damping
        )

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        states, x = self._filter(data)
        explained = np.einsum("ok,ok->o", x[origins], states.effects[origins])
        level = states.level[origins] + explained
        return check_finite(NAME, self.dynamics.path(level, states.slope[origins], steps))

    def posterior(self, data: FitInput, position: int) -> Effects:
        """The effects of the columns of the fit as known at `position` of the history."""
        states, _ = self._filter(data)
        return Effects(
            columns=tuple(self.effects), mean=states.effects[position], covariance=states.covariance[position]
        )

    def _filter(self, data: FitInput) -> tuple[States, Array]:
        measured = measure(data, tuple(self.effects))
        return filter_states(measured, self.dynamics), measured.x


def measure(data: FitInput, names: tuple[str, ...]) -> Measured:
    """What the filter sees, with the columns of a fit. One that the input lacks is 0: it holds no event."""
    noise = np.zeros(1) if data.noise is None else np.where(np.isfinite(data.y), data.noise, 0.0)
    return Measured(y=data.y, x=data.columns(names), effect_sd=EFFECT_SD, noise=noise)


@dataclass(frozen=True, slots=True)
class Structural:
    """Local level with damped slope and static effects. Columns that are constant over the quotes are left
    out; collinear ones share their effect by the prior. A constant series gives a flat path."""

    name: str = NAME
    min_observations: int = 24
    uses_events: bool = True
    cost: Cost = "medium"

    def fit(self, data: FitInput) -> FittedStructural:
        check_length(self, data.y)
        quoted = np.isfinite(data.y)
        constant = bool(np.ptp(data.y[quoted]) < SMALLEST)
        dummies = data.columns(data.exog_names)[quoted]
        moving = tuple(
            name
            for name, column in zip(data.exog_names, dummies.T, strict=True)
            if not constant and np.ptp(column) > INFORMATIVE
        )
        measured = measure(data, moving)
        # of a constant nothing can be estimated: the prior's shares of next to nothing
        prior = to_dynamics(CENTRE).times(SMALLEST)
        sizes = prior if constant else estimate_dynamics(measured)
        states = filter_states(measured, sizes)
        mean = check_finite(self.name, states.effects[-1]).tolist()
        sd = np.sqrt(np.maximum(check_finite(self.name, np.diag(states.covariance[-1])), 0.0)).tolist()
        return FittedStructural(
            level_sd=sizes.level_sd,
            slope_sd=sizes.slope_sd,
            noise_sd=sizes.noise_sd,
            damping=sizes.damping,
            effects=dict(zip(moving, mean, strict=True)),
            errors=dict(zip(moving, sd, strict=True)),
        )
