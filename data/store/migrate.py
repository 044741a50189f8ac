"""Bring a database to the schema of this version. The migrations travel inside the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from data.errors import BadStoredValue
from data.store.engine import WRITES

#: Any number will do, as long as every Ytterby on one PostgreSQL uses the same.
_LOCK = 7_902_023


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """revision: of the database, None before the first migration; head: what this version needs."""

    revision: str | None
    head: str

    @property
    def current(self) -> bool:
        """Is there nothing to do?"""
        return self.revision == self.head


def migrate(engine: Engine) -> SchemaState:
    """Upgrade to the newest revision in one transaction; the state after. Safe to repeat and to race."""
    before = schema_state(engine)
    if before.current:
        return before
    with alone(engine) as conn:
        upgrade(conn)
    return schema_state(engine)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A writing transaction that no other migration runs beside."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as conn:
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield conn
        return
    with engine.connect() as conn:
        # Batch mode rebuilds a table by dropping the old one, which foreign keys would forbid. The switch
        # has no effect inside a transaction, so it is thrown on the driver's connection before.
        driver = conn.connection.cursor()
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with conn.execution_options(**{WRITES: True}).begin():
                yield conn
                if (broken := conn.execute(text("PRAGMA foreign_key_check")).first()) is not None:
                    raise BadStoredValue(f"a row of {broken[0]}", f"it refers to no row of {broken[2]}")
        finally:
            driver.execute("PRAGMA foreign_keys = ON")
            driver.close()


def upgrade(conn: Connection, revision: str = "head") -> None:
    """Upgrade within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def downgrade(conn: Connection, revision: str) -> None:
    """Go back to a revision ("base": nothing left) within the caller's transaction."""
    config = _config()
    config.attributes["connection"] = conn
    command.downgrade(config, revision)


def schema_state(engine: Engine) -> SchemaState:
    """Where the database stands, and where it should."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("no migration is shipped with this package")
    with engine.connect() as conn:
        revision = MigrationContext.configure(conn).get_current_revision()
    return SchemaState(revision=revision, head=head)


def _config() -> Config:
    config = Config()
    # A per cent sign in the path would be read as interpolation.
    folder = str(Path(__file__).with_name("migrations")).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    return config
