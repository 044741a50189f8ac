"""The database connection. SQLite in a file by default, PostgreSQL by URL.

Reading transactions (`engine.connect()`) begin deferred. Writing ones (`engine.begin()`) take SQLite's
write lock at once: a transaction that reads first and then wants the lock fails immediately when another
writer is at work, however long the busy timeout is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from forecast.errors import InputError

_BUSY_SECONDS = 30.0
#: Execution option of a connection whose transactions take SQLite's write lock as they begin.
WRITES = "ytterby_writes"
_MEMORY = (None, "", ":memory:")


class SqliteEngine(Engine):
    """An engine whose `begin()` is a writing transaction from its first moment."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that holds the write lock; commits on leaving, rolls back on an error."""
        with self.connect() as conn:
            conn.execution_options(**{WRITES: True})
            with conn.begin():
                yield conn


class _Joined(Engine):
    """An engine of one connection, inside its transaction: to begin is to set a savepoint."""

    def __init__(self, conn: Connection) -> None:
        super().__init__(conn.engine.pool, conn.dialect, conn.engine.url)
        self._conn = conn

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A part of the transaction, undone alone on an error."""
        with self._conn.begin_nested():
            yield self._conn

    @contextmanager
    def connect(self) -> Iterator[Connection]:  # type: ignore[override]
        """The connection; it stays open."""
        yield self._conn


def joining(conn: Connection) -> Engine:
    """An engine for use cases whose transactions are all to be part of the one that `conn` is in."""
    return _Joined(conn)


def make_engine(url: str) -> Engine:
    """Open (lazily) the database at a SQLAlchemy URL. Raises InputError, without the URL's password, for one
    that is not supported."""
    allowed = "sqlite:///path or postgresql+psycopg://user:password@host/name"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("database URL", "text that is no URL", allowed) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgresql+psycopg":
            named = parsed.set(drivername="postgresql+psycopg")
            # A statement prepared on the server belongs to one connection there, and behind a pooler in
            # transaction mode the next transaction has another.
            return create_engine(
                named,
                json_serializer=to_json,
                pool_pre_ping=True,
                connect_args={"prepare_threshold": None},
            )
        case other:
            raise InputError("database URL", other, allowed)


def to_json(value: object) -> str:
    """JSON as it is stored. No NaN: PostgreSQL refuses it, and SQLite must not accept what it would not."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def journal_mode(version: tuple[int, ...]) -> str:
    """Journal for a version of SQLite: "WAL", or "DELETE" where a write-ahead log can be corrupted.

    The bug (several connections writing) came with 3.7.0 and went with 3.51.3; 3.44.6 and 3.50.7 carry
    the repair as well.
    """
    if version < (3, 7, 0) or version >= (3, 51, 3):
        return "WAL"
    repaired = any(version[:2] == fixed[:2] and version >= fixed for fixed in ((3, 44, 6), (3, 50, 7)))
    return "WAL" if repaired else "DELETE"


def _sqlite(url: URL) -> Engine:
    in_memory = url.database in _MEMORY
    options: dict[str, Any] = {"json_serializer": to_json} | ({"poolclass": StaticPool} if in_memory else {})
    made = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, **options)
    engine = SqliteEngine(made.pool, made.dialect, made.url)
    wanted = journal_mode(sqlite3.sqlite_version_info)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions on its own, deferred; the listener below does it instead.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if in_memory:
            return
        if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != wanted:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if wanted == 'WAL' else 'FULL'}")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        writes = conn.get_execution_options().get(WRITES, False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
