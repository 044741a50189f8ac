"""Use case: deadlines of the calendar, and events still open, as scenarios that are ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from data.reference.load import read_deadlines
from data.store import events as event_store
from data.store import prices
from data.types import Series
from forecast.events.event import Stage
from forecast.types import OpenEvent
from service.context import Context
from service.refusals import Refusal
from service.standing import Ready, ready

NO_TERM = "moves no price"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyScenario:
    """A deadline or an open event of the newest forecasts as a question that can be sent as it is.

    probability: as the calendar says now; in_forecast: as the newest forecasts have it, None where none holds
    the event. request: body of POST /v1/scenarios, None where no price would move.
    """

    scenario_id: str
    title: str
    event_id: str
    on: date
    state: str
    probability: float | None
    in_forecast: float | None
    moves: tuple[str, ...]
    request: Mapping[str, Any] | None


def ready_scenarios(context: Context) -> tuple[ReadyScenario, ...]:
    """Deadlines of the calendar and open events of the newest forecasts, by date."""
    with context.engine.connect() as conn:
        known = [s for s in prices.list_series(conn) if s.market is not None]
        found = _with_forecast(context, conn, known)
        calendar = {e.event_id: e for e in event_store.list_events(conn)}
    holders: dict[str, list[tuple[Ready, OpenEvent]]] = {}
    for r in found:
        for event in r.standing.events:
            holders.setdefault(event.event_id, []).append((r, event))
    today = context.clock.today()
    out = [
        ReadyScenario(
            scenario_id=deadline.event_id,
            title=deadline.what,
            event_id=deadline.event_id,
            on=deadline.on,
            state=NO_TERM,
            probability=None,
            in_forecast=None,
            moves=(),
            request=None,
        )
        for deadline in read_deadlines()
        if deadline.event_id in calendar and deadline.event_id not in holders and deadline.on > today
    ]
    for name, held in holders.items():
        event = held[0][1]
        change = {"event_id": name, "what": "probability", "probability": event.probability}
        effective = calendar[name].change(Stage.EFFECTIVE) if name in calendar else None
        out.append(
            ReadyScenario(
                scenario_id=name,
                title=event.title,
                event_id=name,
                on=event.starts[0][0],
                state=event.state,
                probability=event.probability if effective is None else effective.probability,
                in_forecast=event.probability,
                moves=tuple(r.series.series_id for r, _ in held),
                request={"series": [r.series.series_id for r, _ in held], "changes": [change]},
            )
        )
    return tuple(sorted(out, key=lambda s: (s.on, s.scenario_id)))


def _with_forecast(context: Context, conn: Connection, known: Sequence[Series]) -> list[Ready]:
    found = []
    for series in known:
        try:
            found += ready(context, conn, [series])
        except Refusal:
            continue
    return found
