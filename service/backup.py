"""Use cases: everything the database holds into one file, and back into an empty database.

The file is the same for SQLite and PostgreSQL, so it also moves an installation from one to the other.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from data.store import archive
from data.store.engine import make_engine
from data.store.migrate import alone, schema_state, upgrade
from service.context import Context
from service.refusals import NotYet, Refusal
from service.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What is in a file, or came out of it. revision: of the schema when it was written; rows: by table."""

    path: Path
    revision: str
    rows: dict[str, int]


def backup(context: Context, path: Path) -> Archived:
    """Write everything to `path`, readable by its owner only, while others go on reading and writing.

    The file appears when it is whole. Raises NotYet for a database without a schema, Refusal for a path that
    is taken or cannot be written.
    """
    state = schema_state(context.engine)
    if state.revision is None:
        raise NotYet("schema", "none", "a database in use: ytterby migrate makes an empty one")
    if path.exists():
        raise Refusal("path", str(path), "a file that does not exist yet: nothing is overwritten")
    stamp = {"made_at": context.clock.now().isoformat(), "version": VERSION}
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    except OSError as error:
        raise Refusal("path", str(path), f"a file in a folder to write to ({error.strerror})") from None
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            with _one_state(context) as conn:
                rows = archive.write(conn, file, state.revision, stamp)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # unlike a rename, it never replaces a file that came meanwhile
    except FileExistsError:
        raise Refusal("path", str(path), "a file that does not exist yet: nothing is overwritten") from None
    finally:
        partial.unlink()
    return Archived(path=path, revision=state.revision, rows=rows)


def restore(context: Context, path: Path) -> Archived:
    """Fill an empty database from a file, all or nothing, and bring it to the schema of this version.

    Raises InputError for a damaged file, a database in use, or an archive of a newer version.
    """
    manifest = archive.check(path)
    state = schema_state(context.engine)
    if state.revision is not None and state.revision != manifest["revision"]:
        allowed = f"one without a schema, or an empty one at {manifest['revision']}, as the archive"
        raise Refusal("database", f"a schema at {state.revision}", allowed)
    with alone(context.engine) as conn:
        if state.revision is None:
            try:
                upgrade(conn, manifest["revision"])
            except Exception as error:
                if type(error).__module__.startswith("alembic"):
                    found = f"schema {manifest['revision']} of version {manifest.get('version')}"
                    raise Refusal("archive", found, f"at most {state.head}, of version {VERSION}") from None
                raise
        rows = archive.read(conn, path, manifest)
        upgrade(conn)
    return Archived(path=path, revision=manifest["revision"], rows=rows)


@contextmanager
def _one_state(context: Context) -> Iterator[Connection]:
    """A connection that sees one state of the database throughout, and keeps nobody from writing for long."""
    path = context.settings.sqlite_path
    if path is None:
        with context.engine.connect() as conn:
            yield conn.execution_options(isolation_level="REPEATABLE READ")
        return
    # In a rollback journal a reader keeps writers out: the copy of the file takes a moment, its dump longer.
    with tempfile.TemporaryDirectory(prefix="ytterby-backup-", dir=path.parent) as folder:
        copy = Path(folder, "copy.db")
        source, target = sqlite3.connect(path, timeout=30), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        own = make_engine(f"sqlite:///{copy}")
        try:
            with own.connect() as conn:
                yield conn
        finally:
            own.dispose()
