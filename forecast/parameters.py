"""What a run estimated and what it chose, apart from the data: enough to issue the forecast again.

Kept as plain JSON (stored.py). With newer data, other events or another choice the same parameters give
another forecast, which is how a change of forecast is taken apart (revision.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forecast.estimation import Fit
from forecast.events.parameters import EffectParameters
from forecast.models import FITTED
from forecast.types import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesParameters:
    """Of one series on a calendar. fits: of each candidate, those that serve the newest origins of the run.

    widths: for each forecaster that may be served, how far its quantiles lie from its median at each step,
    in volatilities of one step, (steps, 21). echo: (steps,) what is still to come of the panel's news
    of usual size, which news_squares and news_count before the origin tell (distribution/common.py).
    """

    fits: Mapping[str, tuple[Fit, ...]]
    widths: Mapping[str, Array]
    echo: Array
    news_squares: float
    news_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumParameters:
    """Of one series outside China. walk: weight of each cell of the grid of walk sizes, (g,), sum 1."""

    walk: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which forecaster is served for a series, and its weights: model -> (steps,), sum 1 at each step."""

    champion: str
    weights: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParameters:
    """Of a whole run. effects: by market; choices: of the series on a calendar. plain: model -> weight in the
    mixture whose errors are the panel's news.
    """

    effects: Mapping[str, EffectParameters]
    series: Mapping[str, SeriesParameters]
    choices: Mapping[str, Choice]
    premiums: Mapping[str, PremiumParameters]
    plain: Mapping[str, float]


#: Dataclasses that stored parameters are made of, by name.
KEPT: Mapping[str, type] = {
    **FITTED,
    **{kept.__name__: kept for kept in (Choice, Fit, SeriesParameters, PremiumParameters)},
}
