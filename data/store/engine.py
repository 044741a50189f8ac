"""The database connection. SQLite in a file by default, PostgreSQL by URL.

Reading transactions (`engine.connect()`) begin deferred. Writing ones (`engine.begin()`) take SQLite's
write lock at once: a transaction that reads first and then wants the lock fails immediately when another
writer is at work, however long the busy timeout is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.engine import URL

from forecast.errors import InputError

_BUSY_SECONDS = 30.0
_WRITES = "ytterby_writes"
_MEMORY = (None, "", ":memory:")


class SqliteEngine(Engine):
    """An engine whose `begin()` is a writing transaction from its first moment."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that holds the write lock; commits on leaving, rolls back on an error."""
        with self.connect() as conn:
            conn.execution_options(**{_WRITES: True})
            with conn.begin():
                yield conn


def make_engine(url: str) -> Engine:
    """Open (lazily) the database at a SQLAlchemy URL. Raises InputError for one that is not supported."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        case other:
            raise InputError("database URL", other, "sqlite:///path or postgresql+psycopg://user@host/name")


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Is this SQLite free of the bug that can corrupt a write-ahead log with several writers?

    The bug came with 3.7.0 and went with 3.51.3; 3.44.6 and 3.50.7 carry the repair as well.
    """
    if version < (3, 7, 0) or version >= (3, 51, 3):
        return True
    return any(version[:2] == fixed[:2] and version >= fixed for fixed in ((3, 44, 6), (3, 50, 7)))


def journal_mode() -> str:
    """Journal of the SQLite in this process: "wal", or "delete" where that is not safe."""
    return "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "delete"


def _sqlite(url: URL) -> Engine:
    in_memory = url.database in _MEMORY
    options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    made = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, **options)
    engine = SqliteEngine(made.pool, made.dialect, made.url)
    wanted = journal_mode()

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions on its own, deferred; the listener below does it instead.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if in_memory:
            return
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if wanted == 'wal' else 'FULL'}")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        writes = conn.get_execution_options().get(_WRITES, False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
