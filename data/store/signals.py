"""The inbox of what is to be judged. Whatever changes what is known leaves a signal in the same transaction,
so that nothing that was acknowledged is lost when a process dies before it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from data.store.tables import alert_day, alert_signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """kind: "prices" or "forecast" (subject: a series), "event", "rule" (its id) or "day" (ISO)."""

    signal_id: int
    kind: str
    subject: str
    detail: Mapping[str, Any]
    at: datetime


_COLUMNS = [alert_signal.c[f.name] for f in fields(Signal)]


def add(
    conn: Connection, *, kind: str, subject: str, detail: Mapping[str, Any] | None = None, at: datetime
) -> None:
    """Leave a signal."""
    conn.execute(insert(alert_signal).values(kind=kind, subject=subject, detail=dict(detail or {}), at=at))


def add_day(conn: Connection, day: date, at: datetime) -> bool:
    """Leave the signal of a day, unless somebody did already; was it left now?"""
    make = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    first = conn.execute(make(alert_day).values(day=day.isoformat()).on_conflict_do_nothing())
    if first.rowcount == 0:
        return False
    add(conn, kind="day", subject=day.isoformat(), at=at)
    return True


def waiting(conn: Connection, limit: int) -> list[Signal]:
    """The oldest signals, at most `limit`."""
    rows = conn.execute(select(*_COLUMNS).order_by(alert_signal.c.signal_id).limit(limit))
    return [Signal(**row._mapping) for row in rows]


def take(conn: Connection, ids: Sequence[int]) -> bool:
    """Remove these signals; False (and the caller rolls back) when another took one of them."""
    if not ids:
        return True
    gone = conn.execute(delete(alert_signal).where(alert_signal.c.signal_id.in_(list(ids))))
    return gone.rowcount == len(ids)
