"""Files that were kept apart, each once with its reason, until somebody decides; and what every pull came
to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from data.store.tables import quarantine, source_result

HELD, ACCEPTED, DISMISSED, DROPPED = "held", "accepted", "dismissed", "dropped"
STATES = (HELD, ACCEPTED, DISMISSED, DROPPED)
TAKEN, UNCHANGED, QUARANTINED, FAILED = "taken", "unchanged", "quarantined", "failed"
#: Most files of one source that are held at once; the oldest gives way, its bytes are dropped.
MOST_HELD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One file. origin: where it came from. at, seen_at, seen: first and last time, and how often, it came.

    size: bytes. digest: SHA-256 of them. kind: one word for `reason`. state: "held", "accepted", "dismissed",
    or "dropped" when newer files of its source took its place.
    """

    quarantine_id: int
    source_id: str | None
    origin: str
    at: datetime
    seen_at: datetime
    seen: int
    format: str
    size: int
    digest: str
    kind: str
    reason: str
    state: str
    decided_at: datetime | None
    decided_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one file or pull came to. outcome: "taken", "unchanged", "quarantined" or "failed".

    rows: of the file; added, corrected, refused: of its rows. reason: why nothing was written, or what was
    left out.
    """

    source_id: str | None
    origin: str
    at: datetime
    outcome: str
    rows: int = 0
    added: int = 0
    corrected: int = 0
    refused: int = 0
    reason: str | None = None
    quarantine_id: int | None = None


_COLUMNS = [quarantine.c[f.name] for f in fields(Held)]
_RESULT = [source_result.c[f.name] for f in fields(Result)]


def hold(
    conn: Connection,
    body: bytes,
    *,
    source_id: str | None,
    origin: str,
    at: datetime,
    form: str,
    kind: str,
    reason: str,
) -> Held:
    """Keep a file apart. The same bytes of the same source again are the same entry, also after it was
    dismissed."""
    digest = hashlib.sha256(body).hexdigest()
    mine = quarantine.c.source_id.is_not_distinct_from(source_id)
    known = conn.execute(
        select(quarantine.c.quarantine_id)
        .where(mine, quarantine.c.digest == digest, quarantine.c.state.in_((HELD, DISMISSED)))
        .order_by(quarantine.c.quarantine_id.desc())
        .limit(1)
    ).scalar()
    if known is not None:
        again = {"seen_at": at, "seen": quarantine.c.seen + 1, "kind": kind, "reason": reason}
        row = conn.execute(
            update(quarantine).where(quarantine.c.quarantine_id == known).values(**again).returning(*_COLUMNS)
        ).one()
        return _held(row)
    row = conn.execute(
        insert(quarantine)
        .values(
            source_id=source_id,
            origin=origin,
            at=at,
            seen_at=at,
            seen=1,
            format=form,
            size=len(body),
            digest=digest,
            body=body,
            kind=kind,
            reason=reason,
            state=HELD,
        )
        .returning(*_COLUMNS)
    ).one()
    kept = (
        select(quarantine.c.quarantine_id)
        .where(mine, quarantine.c.state == HELD)
        .order_by(quarantine.c.quarantine_id.desc())
        .limit(MOST_HELD)
    )
    conn.execute(
        update(quarantine)
        .where(mine, quarantine.c.state == HELD, quarantine.c.quarantine_id.not_in(kept))
        .values(state=DROPPED, body=None, decided_at=at)
    )
    return _held(row)


def get(conn: Connection, quarantine_id: int, *, lock: bool = False) -> Held | None:
    """One file, or None. lock: nobody else decides about it until the transaction ends."""
    query = select(*_COLUMNS).where(quarantine.c.quarantine_id == quarantine_id)
    row = conn.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _held(row)


def body_of(conn: Connection, quarantine_id: int, *, most: int | None = None) -> bytes | None:
    """Its bytes, the first `most` of them; None once they are dropped."""
    body = quarantine.c.body if most is None else func.substr(quarantine.c.body, 1, most)
    found = conn.execute(select(body).where(quarantine.c.quarantine_id == quarantine_id)).scalar()
    return None if found is None else bytes(found)


def decide(conn: Connection, quarantine_id: int, state: str, *, at: datetime, by: str) -> Held:
    """Accept or dismiss a held file. Its bytes are dropped: what was accepted is stored, the rest is not
    wanted."""
    row = conn.execute(
        update(quarantine)
        .where(quarantine.c.quarantine_id == quarantine_id)
        .values(state=state, decided_at=at, decided_by=by, body=None)
        .returning(*_COLUMNS)
    ).one()
    return _held(row)


def list_held(
    conn: Connection, *, state: str | None = None, source_id: str | None = None, limit: int = 100
) -> tuple[Held, ...]:
    """The newest first."""
    query = select(*_COLUMNS).order_by(quarantine.c.quarantine_id.desc()).limit(limit)
    if state is not None:
        query = query.where(quarantine.c.state == state)
    if source_id is not None:
        query = query.where(quarantine.c.source_id == source_id)
    return tuple(_held(row) for row in conn.execute(query))


def record(conn: Connection, result: Result) -> None:
    """Keep what a pull or a file came to."""
    conn.execute(insert(source_result).values(**{f.name: getattr(result, f.name) for f in fields(Result)}))


def results(conn: Connection, source_id: str | None = None, *, limit: int = 20) -> tuple[Result, ...]:
    """The newest first, of one source or of all."""
    query = select(*_RESULT).order_by(source_result.c.source_result_id.desc()).limit(limit)
    if source_id is not None:
        query = query.where(source_result.c.source_id == source_id)
    return tuple(Result(**row._mapping) for row in conn.execute(query))


def last_results(conn: Connection) -> dict[str, Result]:
    """Source -> the newest of its results."""
    newest = (
        select(func.max(source_result.c.source_result_id))
        .where(source_result.c.source_id.is_not(None))
        .group_by(source_result.c.source_id)
    )
    rows = conn.execute(select(*_RESULT).where(source_result.c.source_result_id.in_(newest)))
    return {row.source_id: Result(**row._mapping) for row in rows}


def _held(row: Row[Any]) -> Held:
    return Held(**row._mapping)
