"""Events and their life-cycles. Every edit is kept: who recorded what, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from data.errors import UnknownId
from data.store import tables
from data.types import utc
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage, known_at

_version, _change = tables.event_version, tables.event_change


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEdit:
    """One entry of the audit history. what: "recorded", "described again" or "change added"."""

    recorded_at: datetime
    author: str
    what: str
    content: Mapping[str, object]


def save(conn: Connection, event: Event, recorded_at: datetime, author: str) -> bool:
    """Record an event, or what is new in it; False if the store already says all of it.

    Of a known event, words that differ become a new version and changes not seen yet are added. A change
    that the store holds and `event` lacks stays: it was public, and a later change replaces it.
    """
    content, changes = _content(event), [_row(c) for c in event.changes]
    stamp = {"event_id": event.event_id, "recorded_at": utc("recorded_at", recorded_at), "author": author}
    if not _lock(conn, event.event_id):
        try:
            with conn.begin_nested():
                conn.execute(insert(tables.event).values(event_id=event.event_id))
        except IntegrityError:  # another writer was first: what follows adds to its version
            _lock(conn, event.event_id)
    newest = _newest_content(conn, event.event_id)
    known = _change_rows(conn, event.event_id)
    new = [c for c in changes if c not in known]
    if newest != content:
        conn.execute(insert(_version).values(content=content, **stamp))
    if new:
        conn.execute(insert(_change), [{**c, **stamp} for c in new])
    return bool(new) or newest != content


def add_change(
    conn: Connection, event_id: str, change: EventChange, recorded_at: datetime, author: str
) -> bool:
    """Add one step to a life-cycle; False if it is there already.

    Raises UnknownId when there is no such event, InputError when the step would be known before the
    announcement.
    """
    event = get(conn, event_id) if _lock(conn, event_id) else None
    if event is None:
        raise UnknownId("event_id", event_id, "an event that is stored")
    if change in event.changes:
        return False
    replace(event, changes=(*event.changes, change))  # refuses what makes no life-cycle
    stamp = {"event_id": event_id, "recorded_at": utc("recorded_at", recorded_at), "author": author}
    conn.execute(insert(_change).values(**_row(change), **stamp))
    return True


def list_events(
    conn: Connection, *, known_by: date | None = None, recorded_by: datetime | None = None
) -> tuple[Event, ...]:
    """Events as public by the end of `known_by`, from what this store held at `recorded_by`; oldest first."""
    events = _read(conn, None, recorded_by)
    return known_at(events, date.max if known_by is None else known_by)


def get(conn: Connection, event_id: str, *, recorded_by: datetime | None = None) -> Event | None:
    """One event with all its changes, or None."""
    found = _read(conn, event_id, recorded_by)
    return found[0] if found else None


def edits(conn: Connection, event_id: str) -> tuple[EventEdit, ...]:
    """The audit history of one event, oldest first; empty for an event that is not stored."""
    versions = conn.execute(
        select(_version).where(_version.c.event_id == event_id).order_by(_version.c.event_version_id)
    ).all()
    changes = conn.execute(
        select(_change).where(_change.c.event_id == event_id).order_by(_change.c.event_change_id)
    ).all()
    found = [
        EventEdit(
            recorded_at=row.recorded_at,
            author=row.author,
            what="described again" if k else "recorded",
            content=row.content,
        )
        for k, row in enumerate(versions)
    ]
    found += [
        EventEdit(
            recorded_at=row.recorded_at,
            author=row.author,
            what="change added",
            content={
                "stage": row.stage,
                "on": row.on.isoformat(),
                "known_on": row.known_on.isoformat(),
                "probability": row.probability,
                "note": row.note,
            },
        )
        for row in changes
    ]
    return tuple(sorted(found, key=lambda e: e.recorded_at))


def _read(conn: Connection, event_id: str | None, recorded_by: datetime | None) -> list[Event]:
    """Events from their newest version and their changes, in the order these were recorded."""
    of_versions = select(_version).order_by(_version.c.recorded_at, _version.c.event_version_id)
    of_changes = select(_change).order_by(_change.c.recorded_at, _change.c.event_change_id)
    if event_id is not None:
        of_versions = of_versions.where(_version.c.event_id == event_id)
        of_changes = of_changes.where(_change.c.event_id == event_id)
    if recorded_by is not None:
        of_versions = of_versions.where(_version.c.recorded_at <= recorded_by)
        of_changes = of_changes.where(_change.c.recorded_at <= recorded_by)
    contents = {row.event_id: row.content for row in conn.execute(of_versions)}
    changes: dict[str, list[EventChange]] = {}
    for row in conn.execute(of_changes):
        changes.setdefault(row.event_id, []).append(
            EventChange(
                stage=Stage(row.stage),
                on=row.on,
                known_on=row.known_on,
                probability=row.probability,
                note=row.note,
            )
        )
    # Instants of a replayed day lie before others: an event is there once its announcement is.
    return [
        _event(key, content, tuple(changes[key]))
        for key, content in contents.items()
        if any(c.stage is Stage.ANNOUNCED for c in changes.get(key, ()))
    ]


def _lock(conn: Connection, event_id: str) -> bool:
    """Is the event there? Makes other writers of it wait (SQLite has one writer anyway)."""
    row = select(tables.event).where(tables.event.c.event_id == event_id).with_for_update()
    return conn.execute(row).first() is not None


def _newest_content(conn: Connection, event_id: str) -> dict[str, Any] | None:
    """Newest version of everything but the changes, or None."""
    row = conn.execute(
        select(_version.c.content)
        .where(_version.c.event_id == event_id)
        .order_by(_version.c.recorded_at.desc(), _version.c.event_version_id.desc())
        .limit(1)
    ).first()
    return None if row is None else row.content


def _change_rows(conn: Connection, event_id: str) -> list[dict[str, Any]]:
    columns = [_change.c[name] for name in ("stage", "on", "known_on", "probability", "note")]
    rows = conn.execute(select(*columns).where(_change.c.event_id == event_id))
    return [dict(row._mapping) for row in rows]


def _row(change: EventChange) -> dict[str, Any]:
    return {**asdict(change), "stage": change.stage.value}


def _content(event: Event) -> dict[str, Any]:
    """Everything but id and changes, as it comes back from JSON: tuples are lists, days are text."""
    plain = {
        "title": event.title,
        "instrument": event.instrument,
        "direction": event.direction,
        "jurisdiction": event.jurisdiction,
        "elements": {name: coverage.value for name, coverage in event.elements.items()},
        "market_side": event.market_side.value,
        "forms": event.forms,
        "sources": [dict(source) for source in event.sources],
        "confidence": event.confidence,
        "description": dict(event.description),
    }
    content: dict[str, Any] = json.loads(json.dumps(plain, default=_as_text, allow_nan=False))
    return content


def _as_text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"an event may hold text, numbers, days, lists and mappings, not {type(value).__name__}")


def _event(event_id: str, content: Mapping[str, Any], changes: tuple[EventChange, ...]) -> Event:
    return Event(
        event_id=event_id,
        title=content["title"],
        instrument=content["instrument"],
        direction=content["direction"],
        jurisdiction=content["jurisdiction"],
        elements={name: Coverage(value) for name, value in content["elements"].items()},
        market_side=MarketSide(content["market_side"]),
        changes=changes,
        forms=tuple(content["forms"]),
        sources=tuple(content["sources"]),
        confidence=content["confidence"],
        description=content["description"],
    )
