"""A rule on events, run over the events that are stored: when each, and each change of it, became public."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from data.store import events
from service.alerts.previewed import PreviewFiring, Rehearsed
from service.alerts.rules import Rule


def rehearse_events(conn: Connection, rule: Rule, today: date) -> Rehearsed:
    """One firing for each day on which something of an event that touches the element became known."""
    fired = [
        PreviewFiring(on=day, of=day, value=None, note=event.title)
        for event in events.list_events(conn, known_by=today)
        if event.covers(rule.element)
        for day in sorted({change.known_on for change in event.changes})
    ]
    fired.sort(key=lambda row: row.on)
    return Rehearsed(
        days=(fired[0].on, today) if fired else None,
        observations=len(fired),
        firings=fired,
        notes=("Each stored event counts once on every day on which something of it became public.",),
    )
