"""What a point forecaster is: parameters fitted once, then filtered through many origins.

A model sees one series of natural-log prices on a full calendar (NaN = no quote). `fit` estimates
parameters from what it is given and nothing else; `paths` applies them unchanged after any origin
of a longer history. So a backtest of many cutoffs costs few fits, and each of them is honest: the
path after origin o reads y[: o + 1] only.

Event effects belong to the effects layer. A model that estimates them jointly (uses_events) is given
dummies, but returns the path of the event-free part: E[y(o+h) - (x(o+h) - x(o)) beta | y(1..o)].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.errors import HistoryTooShort, InputError, ModelNotFitted
from forecast.types import Array

Origins = NDArray[np.intp]
#: One fit at 200 points: up to about 5 ms, 60 ms, or more.
Cost = Literal["cheap", "medium", "costly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitInput:
    """y: (n,) log prices, NaN allowed, last value a number. periods: (n,) without holes.

    exog: (n + steps, k) event dummies by type, future rows included, or None when no event is known;
    exog_names: the type of each column, (k,), given with it. season: periods in a year (12 monthly, 52
    weekly). seed: for models that draw. noise: (n,) log sd of what each quote misses of its period's mean, or
    None for nothing; models that cannot weigh quotes leave it unread. panel: (n, m) what the panel does at
    each period (features.panel_features), or None.
    """

    y: Array
    periods: pd.PeriodIndex
    season: int
    exog: Array | None = None
    exog_names: tuple[str, ...] = ()
    seed: int = 0
    noise: Array | None = None
    panel: Array | None = None

    def __post_init__(self) -> None:
        count = 0 if self.exog is None else self.exog.shape[1]
        if len(self.exog_names) != count:
            raise InputError("exog_names", self.exog_names, f"one name for each of {count} columns")

    def columns(self, names: Sequence[str]) -> Array:
        """The dummies of these types over the history, (n, len(names)); 0 for a type that is not there."""
        found = np.zeros((len(self.y), len(names)))
        if self.exog is not None:
            for k, name in enumerate(names):
                if name in self.exog_names:
                    found[:, k] = self.exog[: len(self.y), self.exog_names.index(name)]
        return found


class Fitted(Protocol):
    """Parameters of one model on one series."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """Estimated parameters by name: JSON-ready, enough to explain the fit."""
        ...

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        """Median log path, shape (len(origins), steps), after each origin (index of a quote)."""
        ...


@runtime_checkable
class HasSpread(Protocol):
    """A fit that also says how wide its own range is; calibration then scales its errors by that."""

    def spreads(self, data: FitInput, origins: Origins, steps: int) -> Array:
        """Half the log width of its 80 % range, > 0, shape (len(origins), steps)."""
        ...


class Candidate(Protocol):
    """What every model says of itself. `name` is what users see; `min_observations` counts quotes, not
    calendar steps."""

    @property
    def name(self) -> str: ...

    @property
    def min_observations(self) -> int: ...

    @property
    def uses_events(self) -> bool: ...

    @property
    def cost(self) -> Cost:
        """What a fit costs, which says how often one is made (forecast/estimation.py)."""
        ...


@runtime_checkable
class Model(Candidate, Protocol):
    """A candidate that is estimated on one series."""

    def fit(self, data: FitInput) -> Fitted:
        """Estimate. Raises HistoryTooShort or ModelNotFitted; never returns a fit that did not converge."""
        ...


@runtime_checkable
class PanelModel(Candidate, Protocol):
    """A candidate whose parameters are shared by the series of a panel and estimated on all of them."""

    def fit_panel(self, data: Sequence[FitInput], steps: int) -> Fitted:
        """Estimate on every series that has `min_observations` quotes; the fit serves them all, and new ones.

        Raises HistoryTooShort when the panel is too small, ModelNotFitted when there is no usable result.
        """
        ...


def check_length(model: Model, y: Array) -> None:
    """Raise HistoryTooShort when `y` holds fewer quotes than the model needs."""
    found = int(np.isfinite(y).sum())
    if found < model.min_observations:
        raise HistoryTooShort(model.name, found, model.min_observations)


def check_finite(name: str, values: Array) -> Array:
    """Return `values`, or raise ModelNotFitted when any is not finite."""
    if not np.isfinite(values).all():
        raise ModelNotFitted(name, "its path is not finite")
    return values
