"""Use case: score the forecasts whose prices arrived, judge how each series does, take a place away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import champions, prices, record
from data.store import events as event_store
from data.store.record import Issued, Score
from data.types import Series
from forecast.distribution.combination import BENCHMARK
from forecast.evaluation.metrics import pinball
from forecast.events.event import Event
from forecast.events.windows import in_control_window
from forecast.types import SCORED_QUANTILES, Array
from service.context import Context
from service.record.health import Judgement, judge
from service.record.outcomes import Outcome, outcomes

QUIET, CONTROL = "quiet", "control window"
REGIMES = (QUIET, CONTROL)
#: Change of the median, or of the price, in logs, below which it says no direction.
STILL = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a scoring did. scores: rows added, `revised` of them for a later vintage of a price. degraded:
    series out of band; demoted: series whose champion lost its place."""

    scores: int
    revised: int
    degraded: tuple[str, ...]
    demoted: tuple[str, ...]


def score_due(context: Context, *, now: datetime) -> Scored:
    """Score every month of every forecast whose price came, or came anew, and judge each series.

    To be called again and again: what is scored stays as it is. Each series is a transaction of its own.
    """
    with context.engine.connect() as conn:
        catalogue = prices.list_series(conn)
        issued = champions.all_served(conn)
    added, judged = list[Score](), list[Judgement]()
    for series in catalogue:
        if series.series_id not in issued:
            continue
        with context.engine.begin() as conn:
            prices.lock(conn, series.series_id)
            new = tuple(_due(conn, series, now))
            record.save(conn, new)
            judged.append(judge(conn, series, now, replay=context.clock.shifted))
        added += new
    return Scored(
        scores=len(added),
        revised=sum(score.vintage > 1 for score in added),
        degraded=tuple(j.series_id for j in judged if j.degraded),
        demoted=tuple(j.series_id for j in judged if j.demoted),
    )


def _due(conn: Connection, series: Series, now: datetime) -> Iterator[Score]:
    """Scores of one series that are not in the ledger yet."""
    today = now.date()
    came: dict[date, list[Outcome]] = {}
    for outcome in outcomes(prices.history(conn, series.series_id), today):
        came.setdefault(outcome.ds, []).append(outcome)
    ledger = record.issued(conn, series.series_id)
    known = record.scored(conn, series.series_id)
    events = event_store.list_events(conn, known_by=today)
    regime = {month: _regime(events, series.element, month) for month in came}
    walks = {line.run_id: line.forecast_id for line in ledger if line.recipe == BENCHMARK}
    read: dict[int, _Numbers] = {}

    def numbers(forecast_id: int) -> _Numbers:
        if forecast_id not in read:
            read[forecast_id] = _Numbers.of(conn, forecast_id)
        return read[forecast_id]

    for line in ledger:
        for k, month in enumerate(map(date.fromisoformat, line.periods)):
            newest = known.get((line.forecast_id, month), 0)
            for outcome in came.get(month, ()):
                if outcome.vintage > newest:
                    walk = numbers(walks[line.run_id]) if line.run_id in walks else None
                    yield _score(line, k, outcome, numbers(line.forecast_id), walk, regime[month], now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    """Prices of a forecast: at the scored quantiles (steps, 19), bounds by level, medians; last at issue."""

    scored: Array
    bounds: Mapping[int, tuple[Array, Array]]
    median: Array
    last: float

    @classmethod
    def of(cls, conn: Connection, forecast_id: int) -> _Numbers:
        quantiles, values, last = record.values(conn, forecast_id)
        at = {round(q, 6): k for k, q in enumerate(quantiles)}
        return cls(
            scored=values[:, [at[q] for q in SCORED_QUANTILES]],
            bounds={
                80: (values[:, at[0.1]], values[:, at[0.9]]),
                95: (values[:, at[0.025]], values[:, at[0.975]]),
            },
            median=values[:, at[0.5]],
            last=last,
        )

    def loss(self, step: int, actual: float) -> float:
        return float(pinball(np.array([actual]), self.scored[[step]], SCORED_QUANTILES)[0])

    def inside(self, step: int, actual: float, level: int) -> bool:
        low, high = self.bounds[level]
        return bool(low[step] <= actual <= high[step])

    def direction(self, step: int, actual: float) -> bool | None:
        said, moved = np.log(self.median[step] / self.last), np.log(actual / self.last)
        if min(abs(said), abs(moved)) < STILL:
            return None
        return bool(said * moved > 0)


def _score(
    line: Issued, k: int, outcome: Outcome, mine: _Numbers, walk: _Numbers | None, regime: str, now: datetime
) -> Score:
    return Score(
        forecast_id=line.forecast_id,
        step=k + 1 - line.lag,
        vintage=outcome.vintage,
        ds=outcome.ds,
        actual=outcome.value,
        published_on=outcome.published_on,
        scale=mine.last,
        pinball=mine.loss(k, outcome.value),
        walk_pinball=None if walk is None else walk.loss(k, outcome.value),
        inside_80=mine.inside(k, outcome.value, 80),
        inside_95=mine.inside(k, outcome.value, 95),
        direction=mine.direction(k, outcome.value),
        regime=regime,
        scored_at=now,
    )


def _regime(events: Sequence[Event], element: str | None, month: date) -> str:
    """Of a month, by what was public at its end."""
    return CONTROL if in_control_window(events, element, pd.Period(month, "M")) else QUIET
