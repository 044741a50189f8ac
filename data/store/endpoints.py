"""Webhook endpoints: where messages go, and how that has gone so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, insert, or_, select, update

from data.store.tables import endpoint

ACTIVE, DISABLED, DELETED = "active", "disabled", "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What may be shown of an endpoint: its secret is not among it.

    url: whole, or only scheme and host where the URL itself is the secret. state: "active", "disabled" (with
    its reason) or "deleted". reached_at: since when every attempt has succeeded; failing_since: since when
    every attempt has failed; both None before the first.
    """

    endpoint_id: int
    version: int
    name: str
    url: str
    format: str
    state: str
    reason: str | None
    reached_at: datetime | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime
    author: str


_COLUMNS = [endpoint.c[f.name] for f in fields(Endpoint)]


def add(
    conn: Connection, *, name: str, url: str, format: str, secret: str, author: str, now: datetime
) -> Endpoint:
    """Keep a new, active endpoint. secret: encrypted already."""
    row = conn.execute(
        insert(endpoint)
        .values(version=1, name=name, url=url, format=format, state=ACTIVE, secret=secret,
                created_at=now, updated_at=now, author=author)
        .returning(*_COLUMNS)
    ).one()  # fmt: skip
    return _endpoint(row)


def get(conn: Connection, endpoint_id: int) -> Endpoint | None:
    """One endpoint, or None; also None for a deleted one."""
    row = conn.execute(
        select(*_COLUMNS).where(endpoint.c.endpoint_id == endpoint_id, endpoint.c.state != DELETED)
    ).first()
    return None if row is None else _endpoint(row)


def list_(conn: Connection, *, state: str | None = None) -> tuple[Endpoint, ...]:
    """All endpoints that were not deleted, or those in one state, oldest first."""
    wanted = endpoint.c.state != DELETED if state is None else endpoint.c.state == state
    rows = conn.execute(select(*_COLUMNS).where(wanted).order_by(endpoint.c.endpoint_id))
    return tuple(_endpoint(row) for row in rows)


def secrets(conn: Connection, endpoint_ids: Sequence[int]) -> Mapping[int, str]:
    """Endpoint -> its secret, encrypted."""
    rows = conn.execute(
        select(endpoint.c.endpoint_id, endpoint.c.secret).where(endpoint.c.endpoint_id.in_(endpoint_ids))
    )
    return {row.endpoint_id: row.secret for row in rows}


def change(
    conn: Connection, endpoint_id: int, *, version: int, now: datetime, **values: Any
) -> Endpoint | None:
    """Set columns of that version of an endpoint, which makes the next one; None if it is not the current."""
    row = conn.execute(
        update(endpoint)
        .where(endpoint.c.endpoint_id == endpoint_id, endpoint.c.version == version)
        .where(endpoint.c.state != DELETED)
        .values(version=version + 1, updated_at=now, **values)
        .returning(*_COLUMNS)
    ).first()
    return None if row is None else _endpoint(row)


def reseal(conn: Connection, endpoint_id: int, secret: str) -> None:
    """Keep the same secret in another encryption, which is no new version."""
    conn.execute(update(endpoint).where(endpoint.c.endpoint_id == endpoint_id).values(secret=secret))


def disable(conn: Connection, endpoint_id: int, *, reason: str, now: datetime) -> Endpoint | None:
    """Send nothing more there. None unless it was active: of two who disable it, one is told so."""
    row = conn.execute(
        update(endpoint)
        .where(endpoint.c.endpoint_id == endpoint_id, endpoint.c.state == ACTIVE)
        .values(version=endpoint.c.version + 1, state=DISABLED, reason=reason, updated_at=now)
        .returning(*_COLUMNS)
    ).first()
    return None if row is None else _endpoint(row)


def lock(conn: Connection, *, arrived: Collection[int], failed: Collection[int]) -> set[int]:
    """Lock, in the order of their numbers, the endpoints that attempts tell something new of: those that
    failed, and those that succeeded for the first time. A success after a success writes nothing."""
    new = and_(endpoint.c.endpoint_id.in_(sorted(arrived)), endpoint.c.reached_at.is_(None))
    rows = conn.execute(
        select(endpoint.c.endpoint_id)
        .where(or_(new, endpoint.c.endpoint_id.in_(sorted(failed))))
        .order_by(endpoint.c.endpoint_id)
        .with_for_update(key_share=True)  # rows that refer to them may be added meanwhile
    )
    return set(rows.scalars())


def note_success(conn: Connection, endpoint_id: int, now: datetime) -> None:
    """An attempt succeeded."""
    conn.execute(
        update(endpoint)
        .where(endpoint.c.endpoint_id == endpoint_id, endpoint.c.reached_at.is_(None))
        .values(reached_at=now, failing_since=None, failed_at=None)
    )


def note_failure(conn: Connection, endpoint_id: int, now: datetime, *, forget_before: datetime) -> datetime:
    """An attempt failed; since when all have. A failure older than `forget_before` is forgotten: nobody
    tried since, so it says nothing of the time between."""
    gap = or_(endpoint.c.failed_at.is_(None), endpoint.c.failed_at < forget_before)
    since: datetime = conn.execute(
        update(endpoint)
        .where(endpoint.c.endpoint_id == endpoint_id)
        .values(
            reached_at=None, failed_at=now, failing_since=case((gap, now), else_=endpoint.c.failing_since)
        )
        .returning(endpoint.c.failing_since)
    ).scalar_one()
    return since


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(**row._mapping)
