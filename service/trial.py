"""A run's backtest as a contest: the recipes that may be served, scored at the same cutoffs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.evaluation.challenge import COVERAGE_BAND, Contest, Scores, decide
from forecast.evaluation.metrics import pinball
from forecast.events.event import Event
from forecast.events.windows import news_windows
from forecast.fold import RECIPES
from forecast.periods import last_day
from forecast.types import SCORED_QUANTILES
from service.scoring import monthly

_FREQ = "M"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The outcome of one contest. evidence: JSON-ready."""

    winner: str
    challenger: str
    reason: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Scores of each recipe, and months of news, (series, cutoffs, steps). steps: months ahead."""

    series: tuple[str, ...]
    cutoffs: tuple[date, ...]
    steps: tuple[int, ...]
    scores: Mapping[str, Scores]
    news: NDArray[np.bool_]

    def judge(self, series_id: str, champion: str) -> Judged:
        """Who is to be served for a series of which `champion` is champion.

        The mixture is always the one judged: it wins the place or keeps it, or the random walk has it.
        """
        walk, mixture = RECIPES
        standing = champion != walk
        contest = Contest(
            names=(mixture, walk),
            contender=self.scores[mixture],
            rival=self.scores[walk],
            walk=self.scores[walk],
            standing=standing,
            news=self.news,
            step_span=self.step_span,
        )
        verdict = decide(contest, self.series.index(series_id))
        return Judged(
            winner=mixture if verdict.serve else walk,
            challenger=walk if standing else mixture,
            reason=verdict.reason if verdict.serve else f"the {mixture} is not served: {verdict.reason}",
            evidence=verdict.evidence,
        )

    @property
    def step_span(self) -> int:
        """Cutoffs that one forecast spans."""
        when = pd.PeriodIndex(self.cutoffs, freq=_FREQ).asi8
        spacing = max((when[-1] - when[0]) / max(len(when) - 1, 1), 1.0)
        return int(np.ceil(max(self.steps) / spacing))


def trial(
    rows: pd.DataFrame, history: pd.DataFrame, events: Sequence[Event], elements: Mapping[str, str | None]
) -> Trial | None:
    """From backtest rows (unique_id, ds, cutoff, model, q...) and the prices that came (unique_id, ds, y).

    Only series of which every recipe was scored take part: those quoted outside China go by their base.
    None where nothing was scored. elements: series -> what it is a price of.
    """
    if rows.empty:
        return None
    joined = rows[rows["model"].isin(RECIPES)].merge(monthly(history), on=["unique_id", "ds"])
    both = joined.groupby("unique_id")["model"].nunique()
    series = tuple(sorted(both[both == len(RECIPES)].index))
    joined = joined[joined["unique_id"].isin(series)]
    if joined.empty:
        return None
    step = pd.PeriodIndex(joined["ds"], freq=_FREQ).asi8 - pd.PeriodIndex(joined["cutoff"], freq=_FREQ).asi8
    days, cutoff_at = np.unique(joined["cutoff"].to_numpy(), return_inverse=True)
    cutoffs = tuple(last_day(pd.Period(day, freq=_FREQ)) for day in days)
    steps = tuple(range(1, int(step.max()) + 1))
    place = joined["unique_id"].map({name: u for u, name in enumerate(series)}).to_numpy(int)
    cell = [np.asarray(index, dtype=np.int64) for index in (place, cutoff_at, step - 1)]
    shape = (len(series), len(cutoffs), len(steps))
    scores = {name: _scores(joined, (joined["model"] == name).to_numpy(), cell, shape) for name in RECIPES}
    news = np.stack([news_windows(events, elements.get(name), cutoffs, steps) for name in series])
    return Trial(series=series, cutoffs=cutoffs, steps=steps, scores=scores, news=news)


def _scores(
    joined: pd.DataFrame,
    mine: NDArray[np.bool_],
    cell: Sequence[NDArray[np.int64]],
    shape: tuple[int, int, int],
) -> Scores:
    """One recipe's scores as cubes."""
    part, at = joined[mine], tuple(index[mine] for index in cell)
    actual = part["y"].to_numpy(float)
    table = part[[f"q{q:g}" for q in SCORED_QUANTILES]].to_numpy(float)
    loss = np.full(shape, np.nan)
    loss[at] = pinball(actual, table, SCORED_QUANTILES)
    inside = {}
    for level in COVERAGE_BAND:
        tail = round((100 - level) / 200, 6)
        low, high = (part[f"q{q:g}"].to_numpy(float) for q in (tail, round(1 - tail, 6)))
        inside[level] = np.full(shape, np.nan)
        inside[level][at] = (actual >= low) & (actual <= high)
    return Scores(pinball=loss, inside=inside)
