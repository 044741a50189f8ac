"""Silences: times in which alerts that match are not told. They end; they are never removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from data.store.tables import silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """matches: field -> value, all of which an alert has to have: rule_id, series_id, severity, element,
    or the name of a label. From starts_at until before ends_at."""

    silence_id: int
    version: int
    matches: Mapping[str, Any]
    starts_at: datetime
    ends_at: datetime
    comment: str
    author: str
    created_at: datetime


_COLUMNS = [silence.c[f.name] for f in fields(Silence)]


def add(
    conn: Connection,
    *,
    matches: Mapping[str, Any],
    starts_at: datetime,
    ends_at: datetime,
    comment: str,
    author: str,
    now: datetime,
) -> Silence:
    """Keep a new silence, of version 1."""
    made = conn.execute(
        insert(silence)
        .values(
            version=1,
            matches=dict(matches),
            starts_at=starts_at,
            ends_at=ends_at,
            comment=comment,
            author=author,
            created_at=now,
        )
        .returning(*_COLUMNS)
    )
    return _silence(made.one())


def replace(conn: Connection, silence_id: int, version: int, **values: Any) -> Silence | None:
    """Change the named fields of that version; None when it is not the current one."""
    changed = conn.execute(
        update(silence)
        .where(silence.c.silence_id == silence_id, silence.c.version == version)
        .values(version=version + 1, **values)
        .returning(*_COLUMNS)
    ).first()
    return None if changed is None else _silence(changed)


def get(conn: Connection, silence_id: int) -> Silence | None:
    """One silence, or None."""
    row = conn.execute(select(*_COLUMNS).where(silence.c.silence_id == silence_id)).first()
    return None if row is None else _silence(row)


def list_silences(conn: Connection, limit: int = 500) -> list[Silence]:
    """The newest first, at most `limit`."""
    rows = conn.execute(select(*_COLUMNS).order_by(silence.c.silence_id.desc()).limit(limit))
    return [_silence(row) for row in rows]


def active(conn: Connection, now: datetime) -> list[Silence]:
    """Those in force now."""
    rows = conn.execute(select(*_COLUMNS).where(silence.c.starts_at <= now, silence.c.ends_at > now))
    return [_silence(row) for row in rows]


def _silence(row: Row[Any]) -> Silence:
    return Silence(**row._mapping)
