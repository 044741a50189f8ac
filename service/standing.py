"""Stored forecasts made ready for questions: what a run keeps for them, and how it is read back.

A run keeps, for each series, the price without open events (quantiles and paths) and the open events
themselves; and once for all series, in which draws each event happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import facts
from data.store import forecasts as store
from data.store.facts import Fact
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.distribution.branches import Standing
from forecast.distribution.shocks import shared_levels
from forecast.types import EventPart, OpenEvent, SeriesForecast, SeriesKey
from service.catalogue import no_forecast
from service.context import Context
from service.refusals import NotYet

OPEN_EVENTS, BASE_PATHS, SHOCKS = "open-events", "base-paths", "shocks"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A stored forecast with its series, ready to be asked. origin: the month of the last quote."""

    series: Series
    issued: IssuedForecast
    standing: Standing
    origin: pd.Period

    @property
    def key(self) -> SeriesKey:
        """Which price this is, in the core's words."""
        own = self.series
        return SeriesKey(
            unique_id=own.series_id, element=own.element, market=own.market, currency=own.currency
        )


def facts_of(made: SeriesForecast) -> tuple[Fact, Fact]:
    """What a run keeps of one forecast for later questions."""
    events = {"events": [_plain(event) for event in made.open_events]}
    return (
        Fact(kind=OPEN_EVENTS, series_id=made.key.unique_id, content=events, numbers=made.base_quantiles),
        Fact(kind=BASE_PATHS, series_id=made.key.unique_id, content={}, numbers=made.base_paths),
    )


def shocks_of(forecasts: Sequence[SeriesForecast], seed: int) -> Fact:
    """In which draws each open event of a run happens, how large and when: (events, 3, draws) levels."""
    draws = max((len(f.base_paths) for f in forecasts), default=0)
    levels = shared_levels((e.event_id for f in forecasts for e in f.open_events), draws, seed)
    numbers = np.array(list(levels.values()), dtype=np.float64).reshape(len(levels), 3, draws)
    return Fact(kind=SHOCKS, content={"event_ids": list(levels), "seed": seed}, numbers=numbers)


def ready(context: Context, conn: Connection, chosen: Sequence[Series]) -> list[Ready]:
    """Newest forecasts of these series. Raises NotYet for one that has none, or one made before questions
    were possible."""
    runs = store.latest_runs(conn)
    found = []
    for series in chosen:
        if series.series_id not in runs:
            raise no_forecast(conn, series.series_id, f"none of {series.series_id}")
        run_id = runs[series.series_id]
        key = ("ready", series, run_id)
        found.append(context.cache.get(key, partial(_load, conn, series, run_id)))
    return found


def _load(conn: Connection, series: Series, run_id: int) -> Ready:
    issued = store.latest(conn, series.series_id)
    kept = {kind: facts.load(conn, run_id, kind, series.series_id) for kind in (OPEN_EVENTS, BASE_PATHS)}
    shocks = facts.load(conn, run_id, SHOCKS)
    base, paths = kept[OPEN_EVENTS], kept[BASE_PATHS]
    if issued is None or base is None or paths is None or shocks is None:
        raise NotYet(
            "forecast",
            f"one of {series.series_id} by run {run_id}, without what a scenario starts from",
            "one of this version: POST /v1/training-runs, or ytterby train",
        )
    levels = [] if shocks.numbers is None else [np.asarray(row, np.float64) for row in shocks.numbers]
    return Ready(
        series=series,
        issued=issued,
        origin=pd.Period(issued.origin, "M"),
        standing=Standing(
            final=np.log(np.asarray(issued.values, dtype=np.float64)),
            base=np.asarray(base.numbers, dtype=np.float64),
            base_paths=np.asarray(paths.numbers, dtype=np.float64),
            lag=issued.lag,
            periods=pd.PeriodIndex([pd.Period(day, "M") for day in issued.periods]),
            events=tuple(_event(item) for item in base.content["events"]),
            levels=dict(zip(shocks.content["event_ids"], levels, strict=True)),
            seed=shocks.content["seed"],
        ),
    )


def _plain(event: OpenEvent) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "title": event.title,
        "event_type": event.event_type,
        "state": event.state,
        "probability": event.probability,
        "starts": [[on.isoformat(), share] for on, share in event.starts],
        "shape": event.shape,
        "months": event.months,
        "dof": event.dof,
        "limit": event.limit,
        "parts": [
            {"mean": p.mean, "below": p.below, "above": p.above, "origin": str(p.origin)} for p in event.parts
        ],
    }


def _event(kept: Mapping[str, Any]) -> OpenEvent:
    values = dict(kept)
    values["starts"] = tuple((date.fromisoformat(on), share) for on, share in kept["starts"])
    values["parts"] = tuple(
        EventPart(mean=p["mean"], below=p["below"], above=p["above"], origin=pd.Period(p["origin"], "M"))
        for p in kept["parts"]
    )
    return OpenEvent(**values)
