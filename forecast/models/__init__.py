"""Point forecasters, one file each; MODELS is read top to bottom. How to add one: docs/adding-a-model.md.

statsmodels, scikit-learn and Prophet are imported inside `fit`: a process that only serves forecasts starts
without them.
"""

from __future__ import annotations

from collections.abc import Mapping

from forecast.errors import UnknownModel
from forecast.models.base import Candidate, Model, PanelModel
from forecast.models.boosting import Boosting, FittedBoosting
from forecast.models.ets import DampedTrend, Ets, FittedEts
from forecast.models.momentum import FittedMomentum, Momentum
from forecast.models.naive import FittedDrift, RandomWalk, RandomWalkWithDrift
from forecast.models.prophet import FittedProphet, Prophet
from forecast.models.sarimax import FittedSarimax, Sarimax
from forecast.models.structural import FittedStructural, Structural
from forecast.models.theta import FittedTheta, Theta
from forecast.models.trees import Forest

#: Every candidate, simplest first. The random walk leads: the others have to beat it.
MODELS: tuple[Model, ...] = (
    RandomWalk(),
    RandomWalkWithDrift(),
    Momentum(),
    Ets(),
    Theta(),
    Sarimax(),
    Structural(),
    Prophet(),
)

#: Candidates whose parameters are shared by all series.
PANEL_MODELS: tuple[PanelModel, ...] = (Boosting(),)
CANDIDATES: tuple[Candidate, ...] = (*MODELS, *PANEL_MODELS)

#: Every dataclass that a stored fit is made of, by name (forecast/models/stored.py).
FITTED: Mapping[str, type] = {
    kept.__name__: kept
    for kept in (
        FittedDrift,
        FittedMomentum,
        DampedTrend,
        FittedEts,
        FittedTheta,
        FittedSarimax,
        FittedProphet,
        FittedStructural,
        FittedBoosting,
        Forest,
    )
}


def get_candidate(name: str) -> Candidate:
    """The candidate called `name`, of a series or of a panel. Raises UnknownModel, which lists them."""
    for candidate in CANDIDATES:
        if candidate.name == name:
            return candidate
    raise UnknownModel(name, tuple(candidate.name for candidate in CANDIDATES))
