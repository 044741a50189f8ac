"""The lease of the one process that leads, and the fence that its writes have to pass.

A process may be stopped for an hour and wake up in the belief that it still leads. So every turn at leading
has a number, the fence, and a writing transaction of a leader begins by asking whether its fence is still the
current one. It holds the lease's row from then on: nobody takes the lease between the answer and the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from data.errors import LeaseLost
from data.store.tables import lease

_NAME = "leader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """holder: None when nobody leads; fence: number of the newest turn; beats: renewals in that turn."""

    holder: str | None
    fence: int
    beats: int
    taken_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One turn at leading. seconds: for how long its transactions may be idle."""

    holder: str
    number: int
    seconds: float


def read(conn: Connection) -> Lease:
    """The lease as it stands; fence 0 when nobody ever led."""
    row = conn.execute(
        select(lease.c.holder, lease.c.fence, lease.c.beats, lease.c.taken_at).where(lease.c.name == _NAME)
    ).first()
    return Lease(holder=None, fence=0, beats=0, taken_at=None) if row is None else Lease(**row._mapping)


def take(conn: Connection, seen: Lease, *, holder: str, seconds: float, now: datetime) -> Fence | None:
    """Lead from now on, if the lease still stands as it was `seen`; None if anybody was faster."""
    _bound(conn, seconds)
    turn = {"holder": holder, "fence": seen.fence + 1, "beats": 0, "taken_at": now}
    if seen.fence == 0:
        try:
            with conn.begin_nested():
                conn.execute(insert(lease).values(name=_NAME, **turn))
        except IntegrityError:
            return None
    else:
        same = (lease.c.fence == seen.fence) & (lease.c.beats == seen.beats)
        if conn.execute(update(lease).where(lease.c.name == _NAME, same).values(turn)).rowcount == 0:
            return None
    return Fence(holder=holder, number=seen.fence + 1, seconds=seconds)


def renew(conn: Connection, fence: Fence) -> bool:
    """Give a sign of life; False when another process leads by now."""
    _bound(conn, fence.seconds)
    renewed = conn.execute(update(lease).where(_is_of(fence)).values(beats=lease.c.beats + 1))
    return renewed.rowcount > 0


def leave(conn: Connection, fence: Fence) -> None:
    """Stop leading, so that another need not wait. Nothing happens if one leads already."""
    _bound(conn, fence.seconds)
    conn.execute(update(lease).where(_is_of(fence)).values(holder=None))


def guarded(conn: Connection, fence: Fence) -> None:
    """Hold the lease until this transaction ends. Raises LeaseLost if the fence is not the current one."""
    _bound(conn, fence.seconds)
    if conn.execute(select(lease.c.fence).where(_is_of(fence)).with_for_update()).first() is None:
        raise LeaseLost(fence.holder, fence.number)


def fenced(engine: Engine, fence: Fence) -> Engine:
    """The same database, whose every writing transaction is guarded by `fence`."""
    return _Fenced(engine, fence)


class _Fenced(Engine):
    """What `engine.begin()` of a use case is while a leader runs it: no writer can forget the fence."""

    def __init__(self, engine: Engine, fence: Fence) -> None:
        super().__init__(engine.pool, engine.dialect, engine.url)
        self._engine = engine
        self._fence = fence

    def connect(self) -> Connection:
        """A connection to read with."""
        return self._engine.connect()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction. Raises LeaseLost."""
        with self._engine.begin() as conn:
            guarded(conn, self._fence)
            yield conn


def _is_of(fence: Fence) -> ColumnElement[bool]:
    return (lease.c.name == _NAME) & (lease.c.holder == fence.holder) & (lease.c.fence == fence.number)


def _bound(conn: Connection, seconds: float) -> None:
    """Let PostgreSQL end this transaction when its process falls silent: a stopped leader would hold the row
    that its successor needs. SQLite has no such limit."""
    if conn.dialect.name == "postgresql":
        limit = f"{max(1, round(seconds * 1000))}ms"
        conn.execute(select(func.set_config("idle_in_transaction_session_timeout", limit, True)))
