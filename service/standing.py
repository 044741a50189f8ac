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

from data.store import champions, facts
from data.store import forecasts as store
from data.store.champions import Served
from data.store.facts import Fact
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.distribution.branches import Standing
from forecast.distribution.shocks import shared_levels
from forecast.types import EventPart, OpenEvent, SeriesForecast, SeriesKey
from service.ahead import Ahead
from service.answers import ServedAs
from service.catalogue import no_forecast
from service.context import Context
from service.ladder import served_as
from service.refusals import NotYet

OPEN_EVENTS, BASE_PATHS, SHOCKS = "open-events", "base-paths", "shocks"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A stored forecast with its series, ready to be asked. origin: the month of the last quote."""

    series: Series
    issued: IssuedForecast
    served_as: ServedAs
    standing: Standing
    origin: pd.Period

    @property
    def key(self) -> SeriesKey:
        """Which price this is, in the core's words."""
        own = self.series
        return SeriesKey(
            unique_id=own.series_id, element=own.element, market=own.market, currency=own.currency
        )


def kind(name: str, recipe: str) -> str:
    """The kind of fact that belongs to one recipe's forecast."""
    return f"{name}:{recipe}"


def facts_of(made: SeriesForecast, recipe: str) -> tuple[Fact, Fact]:
    """What a run keeps of one forecast for later questions."""
    name = made.key.unique_id
    events = {"events": [_plain(event) for event in made.open_events]}
    return (
        Fact(kind=kind(OPEN_EVENTS, recipe), series_id=name, content=events, numbers=made.base_quantiles),
        Fact(kind=kind(BASE_PATHS, recipe), series_id=name, content={}, numbers=made.base_paths),
    )


def shocks_of(forecasts: Sequence[SeriesForecast], seed: int) -> Fact:
    """In which draws each open event of a run happens, how large and when: (events, 3, draws) levels."""
    draws = max((len(f.base_paths) for f in forecasts), default=0)
    levels = shared_levels((e.event_id for f in forecasts for e in f.open_events), draws, seed)
    numbers = np.array(list(levels.values()), dtype=np.float64).reshape(len(levels), 3, draws)
    return Fact(kind=SHOCKS, content={"event_ids": list(levels), "seed": seed}, numbers=numbers)


def fallback_notes(found: Sequence[Ready | Ahead]) -> tuple[str, ...]:
    """A sentence for each forecast that is not its champion's."""
    return tuple(f"{r.series.series_id}: {r.served_as.reason}." for r in found if r.served_as.reason)


def ready(context: Context, conn: Connection, chosen: Sequence[Series]) -> list[Ready]:
    """Newest forecasts of these series. Raises NotYet for one that has none, or one made before questions
    were possible."""
    served = champions.all_served(conn)
    found = []
    for series in chosen:
        if series.series_id not in served:
            raise no_forecast(conn, series.series_id, f"none of {series.series_id}")
        mine = served[series.series_id]
        key = ("ready", series, mine.run_id, mine.recipe)
        issued, kept = context.cache.get(key, partial(_load, conn, mine))
        found.append(
            Ready(
                series=series,
                issued=issued,
                served_as=served_as(conn, mine, issued),
                standing=kept,
                origin=pd.Period(issued.origin, "M"),
            )
        )
    return found


def _load(conn: Connection, served: Served) -> tuple[IssuedForecast, Standing]:
    name, run_id, recipe = served.series_id, served.run_id, served.recipe
    issued = store.of_run(conn, run_id, name, recipe)
    base = facts.load(conn, run_id, kind(OPEN_EVENTS, recipe), name)
    paths = facts.load(conn, run_id, kind(BASE_PATHS, recipe), name)
    shocks = facts.load(conn, run_id, SHOCKS)
    if issued is None or base is None or paths is None or shocks is None:
        raise NotYet(
            "forecast",
            f"one of {name} by run {run_id}, without what a scenario starts from",
            "one of this version: POST /v1/training-runs, or ytterby train",
        )
    levels = [] if shocks.numbers is None else [np.asarray(row, np.float64) for row in shocks.numbers]
    return issued, Standing(
        final=np.log(np.asarray(issued.values, dtype=np.float64)),
        base=np.asarray(base.numbers, dtype=np.float64),
        base_paths=np.asarray(paths.numbers, dtype=np.float64),
        lag=issued.lag,
        periods=pd.PeriodIndex([pd.Period(day, "M") for day in issued.periods]),
        events=tuple(_event(item) for item in base.content["events"]),
        levels=dict(zip(shocks.content["event_ids"], levels, strict=True)),
        seed=shocks.content["seed"],
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
