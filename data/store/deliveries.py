"""The outbox: one message to one endpoint, claimed by one worker at a time, until it arrived or was given up.

Every claim is numbered and leased. A worker that dies leaves its lease to run out; one that comes back late
with an old number changes nothing but its own attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from data.store.columns import Instant
from data.store.tables import attempt, delivery, delivery_alert, endpoint

QUEUED, DELIVERED, FAILED = "queued", "delivered", "failed"
SENDING, AMBIGUOUS = "sending", "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One POST. outcome: "sending", "delivered", "failed", or "ambiguous": sent, but no answer is known.

    milliseconds: >= 0. status: of the answer. error: what went wrong. answer: the beginning of its text.
    """

    number: int
    started_at: datetime
    milliseconds: float | None
    outcome: str
    status: int | None
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery that may be sent now. reached, failing: what the last attempt to its endpoint was."""

    delivery_id: int
    endpoint_id: int
    reached: bool
    failing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery of ours until the lease runs out. claims: the number of this attempt. secret: encrypted."""

    delivery_id: int
    claims: int
    message_id: str
    body: bytes
    failures: int
    endpoint_id: int
    endpoint_name: str
    url: str
    format: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of an attempt. due_at: when to try again; None: not again. reason: why not, if it failed."""

    delivery_id: int
    endpoint_id: int
    claims: int
    attempt: Attempt
    due_at: datetime | None
    reason: str | None


def add(
    conn: Connection,
    *,
    endpoint_id: int,
    message_id: str,
    type: str,
    title: str,
    body: bytes,
    alerts: Collection[int],
    now: datetime,
    failed: str | None = None,
) -> int:
    """Put a message into the outbox; its number. failed: why it is only kept, for a later recovery."""
    state = {"state": QUEUED} if failed is None else {"state": FAILED, "reason": failed, "finished_at": now}
    made: int = conn.execute(
        insert(delivery)
        .values(endpoint_id=endpoint_id, message_id=message_id, type=type, title=title, body=body,
                created_at=now, due_at=now, **state)
        .returning(delivery.c.delivery_id)
    ).scalar_one()  # fmt: skip
    if alerts:
        rows = [{"delivery_id": made, "alert_id": alert_id, "endpoint_id": endpoint_id,
                 "queued": failed is None} for alert_id in sorted(set(alerts))]  # fmt: skip
        conn.execute(insert(delivery_alert), rows)
    return made


def due(conn: Connection, now: datetime, *, each: int, busy: Collection[int]) -> tuple[Due, ...]:
    """Deliveries that may be sent now: at most `each` of an endpoint, none of the `busy` ones, longest due
    first."""
    other = delivery.alias("other")
    turn = (
        select(other.c.delivery_id)
        .where(other.c.endpoint_id == endpoint.c.endpoint_id, _ready(other.c, now))
        .order_by(other.c.due_at, other.c.delivery_id)
        .limit(each)
        .correlate(endpoint)
    )
    rows = conn.execute(
        select(delivery.c.delivery_id, endpoint.c.endpoint_id,
               endpoint.c.reached_at.is_not(None).label("reached"),
               endpoint.c.failing_since.is_not(None).label("failing"))
        .select_from(endpoint)
        .join(delivery, delivery.c.delivery_id.in_(turn))
        .where(endpoint.c.state == "active", endpoint.c.endpoint_id.not_in(sorted(busy)))
        .order_by(delivery.c.due_at, delivery.c.delivery_id)
    )  # fmt: skip
    return tuple(Due(**{**row._mapping, "reached": bool(row.reached), "failing": bool(row.failing)})
                 for row in rows)  # fmt: skip


def claim(
    conn: Connection, delivery_ids: Sequence[int], *, now: datetime, leased_until: datetime
) -> tuple[Claimed, ...]:
    """Take those that are still to be had. An attempt whose worker never came back is ended as ambiguous."""
    # One statement. On PostgreSQL a row that another worker is taking is passed over, not waited for;
    # SQLite has one writer at a time and ignores the clause.
    wanted = (
        select(delivery.c.delivery_id)
        .where(delivery.c.delivery_id.in_(delivery_ids), _ready(delivery.c, now))
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    taken = conn.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(wanted))
        .values(claims=delivery.c.claims + 1, leased_until=leased_until)
        .returning(delivery.c.delivery_id)
    )
    ids = sorted(taken.scalars())
    if not ids:
        return ()
    conn.execute(
        update(attempt)
        .where(attempt.c.delivery_id.in_(ids), attempt.c.outcome == SENDING)
        .values(outcome=AMBIGUOUS, error="the worker ended before it recorded what came of it")
    )
    rows = conn.execute(
        select(delivery.c.delivery_id, delivery.c.claims, delivery.c.message_id, delivery.c.body,
               delivery.c.failures, endpoint.c.endpoint_id, endpoint.c.name.label("endpoint_name"),
               endpoint.c.url, endpoint.c.format, endpoint.c.secret)
        .join(endpoint, endpoint.c.endpoint_id == delivery.c.endpoint_id)
        .where(delivery.c.delivery_id.in_(ids))
        .order_by(delivery.c.delivery_id)
    ).all()  # fmt: skip
    begun = select(delivery.c.delivery_id, delivery.c.claims, literal(now, Instant), literal(SENDING)).where(
        delivery.c.delivery_id.in_(ids)
    )
    conn.execute(insert(attempt).from_select(["delivery_id", "number", "started_at", "outcome"], begun))
    return tuple(Claimed(**row._mapping) for row in rows)


def record(conn: Connection, ended: Sequence[Ended], now: datetime) -> None:
    """Write down what came of attempts. A delivery that others claimed meanwhile is left to them."""
    if not ended:
        return
    _lock(conn, delivery.c.delivery_id.in_([one.delivery_id for one in ended]))
    conn.execute(
        update(attempt)
        .where(attempt.c.delivery_id == bindparam("of"), attempt.c.number == bindparam("nth"))
        .values({name: bindparam(f"new_{name}") for name in _LATER}),
        [_key(one) | {f"new_{name}": getattr(one.attempt, name) for name in _LATER} for one in ended],
    )
    arrived = [one for one in ended if one.attempt.outcome == DELIVERED]
    again = [one for one in ended if one.attempt.outcome != DELIVERED and one.due_at is not None]
    given_up = [one for one in ended if one.attempt.outcome != DELIVERED and one.due_at is None]
    if arrived:  # even where its endpoint was disabled meanwhile: it is the truth
        ours = tuple_(delivery.c.delivery_id, delivery.c.claims).in_(
            [(one.delivery_id, one.claims) for one in arrived]
        )
        conn.execute(
            update(delivery)
            .where(ours, delivery.c.state != DELIVERED)
            .values(state=DELIVERED, reason=None, finished_at=now, leased_until=None)
        )
    if again:
        change = _OURS.where(delivery.c.state == QUEUED).values(
            failures=delivery.c.failures + 1, due_at=bindparam("due"), leased_until=None
        )
        conn.execute(change, [_key(one) | {"due": one.due_at} for one in again])
    if given_up:
        change = _OURS.where(delivery.c.state == QUEUED).values(
            state=FAILED, reason=bindparam("why"), finished_at=now, leased_until=None,
            failures=delivery.c.failures + 1,
        )  # fmt: skip
        conn.execute(change, [_key(one) | {"why": one.reason} for one in given_up])
    _close(conn, [one.delivery_id for one in (*arrived, *given_up)])


def give_up(conn: Connection, endpoint_id: int, *, reason: str, now: datetime) -> int:
    """End every delivery that waits for an endpoint; how many. They can be recovered."""
    ids = _lock(conn, (delivery.c.endpoint_id == endpoint_id) & (delivery.c.state == QUEUED))
    conn.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(ids))
        .values(state=FAILED, reason=reason, finished_at=now, leased_until=None)
    )
    _close(conn, ids)
    return len(ids)


def requeue(
    conn: Connection,
    now: datetime,
    *,
    endpoint_id: int | None = None,
    since: datetime | None = None,
    delivery_id: int | None = None,
) -> int:
    """Begin anew with failed deliveries: of an endpoint since a time, or one; how many. One that still waits
    is due at once."""
    wanted = delivery.c.state == FAILED
    if delivery_id is not None:
        free = or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now)
        wanted = (wanted | ((delivery.c.state == QUEUED) & free)) & (delivery.c.delivery_id == delivery_id)
    if endpoint_id is not None:
        wanted &= delivery.c.endpoint_id == endpoint_id
    if since is not None:
        wanted &= delivery.c.created_at >= since
    ids = _lock(conn, wanted)
    conn.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(ids))
        .values(state=QUEUED, reason=None, finished_at=None, due_at=now, failures=0, leased_until=None)
    )
    conn.execute(update(delivery_alert).where(delivery_alert.c.delivery_id.in_(ids)).values(queued=True))
    return len(ids)


#: What is known of an attempt only when it has ended.
_LATER = ("started_at", "milliseconds", "outcome", "status", "error", "answer")
_OURS = update(delivery).where(
    delivery.c.delivery_id == bindparam("of"), delivery.c.claims == bindparam("nth")
)


def _key(one: Ended) -> dict[str, Any]:
    return {"of": one.delivery_id, "nth": one.claims}


def _ready(row: Any, now: datetime) -> ColumnElement[bool]:
    """May it be sent now? Not while an earlier one of the same alert waits for the same endpoint."""
    mine, earlier = delivery_alert.alias("mine"), delivery_alert.alias("earlier")
    blocked = exists().where(
        mine.c.delivery_id == row.delivery_id,
        earlier.c.endpoint_id == mine.c.endpoint_id,
        earlier.c.alert_id == mine.c.alert_id,
        earlier.c.queued,
        earlier.c.delivery_id < mine.c.delivery_id,
    )
    free = or_(row.leased_until.is_(None), row.leased_until <= now)
    return and_(row.state == QUEUED, row.due_at <= now, free, ~blocked)


def _lock(conn: Connection, wanted: ColumnElement[bool]) -> list[int]:
    """Lock deliveries in the order of their numbers, as all do who change several: nobody waits in a ring."""
    rows = conn.execute(
        select(delivery.c.delivery_id)
        .where(wanted)
        .order_by(delivery.c.delivery_id)
        .with_for_update(key_share=True)
    )
    return list(rows.scalars())


def _close(conn: Connection, delivery_ids: Sequence[int]) -> None:
    """Let later deliveries of the same alerts pass those that have ended."""
    ended = (
        select(delivery.c.delivery_id)
        .where(delivery.c.delivery_id.in_(delivery_ids), delivery.c.state != QUEUED)
        .scalar_subquery()
    )
    conn.execute(update(delivery_alert).where(delivery_alert.c.delivery_id.in_(ended)).values(queued=False))
