"""What became of deliveries: each with its state and every attempt."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, select

from data.store.deliveries import Attempt
from data.store.tables import attempt, delivery, delivery_alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """state: "queued", "delivered" or "failed" (for good, with its reason). message_id: the webhook-id.
    due_at: not tried before. failures: attempts that failed since it was queued. claims: attempts begun.
    leased_until: while a worker is sending it."""

    delivery_id: int
    message_id: str
    endpoint_id: int
    type: str
    title: str
    state: str
    reason: str | None
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None
    failures: int
    claims: int
    leased_until: datetime | None


_COLUMNS = [delivery.c[f.name] for f in fields(Delivery)]
_ATTEMPT_COLUMNS = [attempt.c[f.name] for f in fields(Attempt)]


def list_(
    conn: Connection, *, endpoint_id: int | None = None, state: str | None = None, limit: int
) -> tuple[Delivery, ...]:
    """The newest deliveries first, of an endpoint or in a state, at most `limit`."""
    query = select(*_COLUMNS).order_by(delivery.c.delivery_id.desc()).limit(limit)
    if endpoint_id is not None:
        query = query.where(delivery.c.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(delivery.c.state == state)
    return tuple(Delivery(**row._mapping) for row in conn.execute(query))


def get(conn: Connection, delivery_id: int) -> Delivery | None:
    """One delivery, or None."""
    row = conn.execute(select(*_COLUMNS).where(delivery.c.delivery_id == delivery_id)).first()
    return None if row is None else Delivery(**row._mapping)


def body(conn: Connection, delivery_id: int) -> bytes:
    """The bytes of a delivery."""
    found: bytes = conn.execute(
        select(delivery.c.body).where(delivery.c.delivery_id == delivery_id)
    ).scalar_one()
    return found


def alerts(conn: Connection, delivery_id: int) -> tuple[int, ...]:
    """Alerts that a delivery tells of."""
    rows = conn.execute(
        select(delivery_alert.c.alert_id)
        .where(delivery_alert.c.delivery_id == delivery_id)
        .order_by(delivery_alert.c.alert_id)
    )
    return tuple(rows.scalars())


def attempts(conn: Connection, delivery_id: int) -> tuple[Attempt, ...]:
    """What came of each attempt, oldest first."""
    rows = conn.execute(
        select(*_ATTEMPT_COLUMNS).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.number)
    )
    return tuple(Attempt(**row._mapping) for row in rows)
