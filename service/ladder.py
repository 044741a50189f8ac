"""Which rung of the ladder champion, previous champion, random walk speaks in an answer, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from data.store import runs
from data.store.champions import Served
from data.store.forecasts import IssuedForecast
from service.answers import ServedAs


def served_as(
    conn: Connection, served: Served, issued: IssuedForecast, at: datetime | None = None
) -> ServedAs:
    """What is said beside every forecast. The reason is empty for the champion's forecast of the newest run.

    at: as read at that instant; now, for None.
    """
    said = []
    newer = runs.newest_done(conn, at)
    if newer is not None and newer.run_id > issued.run_id:
        failures = dict((newer.summary or {}).get("failures", ()))
        if why := failures.get(issued.series_id):
            said.append(f"run {newer.run_id} could not forecast it ({why}), run {issued.run_id} speaks")
    if served.reason:
        why = "; ".join(issued.header.get("withheld", {}).values())
        said.append(f"{served.reason}{f' ({why})' if why else ''}, the {served.rung} speaks")
    return ServedAs(rung=served.rung, recipe=served.recipe, reason="; ".join(said))


def why_champion(served: Served, issued: IssuedForecast) -> str:
    """Why the champion has its place: as the run said, or as was decided since."""
    decided = served.decision
    later = decided is not None and decided.outcome not in ("promoted", "kept")
    if decided is None or not later or served.decided_for != served.series_id:
        return str(issued.header["promotion_reason"])
    return f"{decided.outcome.replace('-', ' ')} on {decided.decided_at.date()}: {decided.reason}"
