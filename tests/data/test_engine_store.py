"""Opening a database, and its schema."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from data.errors import BadStoredValue
from data.store import prices, runs
from data.store.engine import journal_mode, make_engine
from data.store.migrate import downgrade, migrate, schema_state, upgrade
from data.store.tables import metadata
from data.types import Series
from forecast.errors import InputError


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 6, 23), "WAL"),
        ((3, 7, 0), "DELETE"),
        ((3, 40, 1), "DELETE"),
        ((3, 44, 5), "DELETE"),
        ((3, 44, 6), "WAL"),
        ((3, 44, 9), "WAL"),
        ((3, 45, 0), "DELETE"),
        ((3, 50, 6), "DELETE"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 0), "DELETE"),
        ((3, 51, 2), "DELETE"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
        ((4, 0, 0), "WAL"),
    ],
)
def test_wal_only_where_it_is_whole(version: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(version) == mode


@pytest.mark.parametrize("version", [(3, 51, 2), (3, 51, 3)])
def test_sqlite_is_set_up_for_its_version(
    tmp_path: Path, version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar_one().upper() == journal_mode(version)
        assert conn.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert conn.execute(text("PRAGMA busy_timeout")).scalar_one() >= 5000
    engine.dispose()


def test_a_wal_file_goes_back_to_the_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    for version, mode in (((3, 51, 3), "wal"), ((3, 51, 2), "delete")):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        engine = make_engine(url)
        migrate(engine)
        with engine.connect() as conn:
            assert conn.execute(text("PRAGMA journal_mode")).scalar_one() == mode
        engine.dispose()


@pytest.mark.parametrize("url", ["mysql://a:secret@host/b", "nonsense secret", "postgresql+asyncpg://h/d"])
def test_other_databases_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(InputError) as caught:
        make_engine(url)
    assert "secret" not in str(caught.value)


def test_a_postgresql_url_needs_no_driver_name() -> None:
    assert make_engine("postgresql://user@host/name").url.drivername == "postgresql+psycopg"


def test_migrating_from_nothing_and_again(database_url: str) -> None:
    engine = make_engine(database_url)
    before = schema_state(engine)
    assert before.revision is None
    assert not before.current
    migrate(engine)
    assert schema_state(engine).current
    tables = inspect(engine).get_table_names()
    migrate(engine)
    assert schema_state(engine).current
    assert inspect(engine).get_table_names() == tables
    engine.dispose()


def test_going_back_to_nothing_and_up_again(engine: Engine) -> None:
    with engine.begin() as conn:
        downgrade(conn, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    assert schema_state(engine).current


def test_runs_and_what_hangs_on_them_outlive_a_change_of_their_table(database_url: str) -> None:
    """On SQLite the table is built anew, below rows that refer to it."""
    engine = make_engine(database_url)
    with engine.begin() as conn:
        upgrade(conn, "0002")
        old = "(state, reason, requested_at, done, total, note, beats, seen_beats)"
        values = "VALUES ('running', 'old', '2026-01-01 00:00:00', 3, 9, 'models', 7, 7)"
        conn.execute(text(f"INSERT INTO run {old} {values}"))
        score = "(run_id, series_id, model, metric, n) VALUES (1, 'a', 'rw', 'pinball', 5)"
        conn.execute(text(f"INSERT INTO backtest_score {score}"))
    migrate(engine)
    with engine.begin() as conn:
        (found,) = runs.list_runs(conn)
        assert (found.run_id, found.state, found.reason) == (1, "running", "old")
        assert (found.progress, found.claims) == (None, 0)
        assert runs.cancel(conn, 1, finished_at=found.requested_at)
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(text("UPDATE backtest_score SET run_id = 2"))
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_expects(engine: Engine) -> None:
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_two_processes_may_migrate_at_once(database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate, engines))
    assert all(schema_state(e).current for e in engines)
    for mine in engines:
        mine.dispose()


def test_a_broken_reference_stops_a_migration(tmp_path: Path) -> None:
    """Foreign keys are off while it runs, so it looks for itself before it commits."""
    raw = sqlite3.connect(tmp_path / "a.db")
    raw.executescript("CREATE TABLE a (i INTEGER PRIMARY KEY); CREATE TABLE b (i REFERENCES a (i))")
    raw.execute("INSERT INTO b VALUES (7)")
    raw.commit()
    raw.close()
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(BadStoredValue, match="a row of b"):
        migrate(engine)
    assert schema_state(engine).revision is None
    assert sorted(inspect(engine).get_table_names()) == ["a", "b"]
    engine.dispose()


def test_foreign_keys_hold_after_a_migration(engine: Engine) -> None:
    insert = text(
        "INSERT INTO event_version (event_id, content, recorded_at, author) VALUES ('x', '{}', :t, '')"
    )
    with pytest.raises(IntegrityError), engine.begin() as conn:
        conn.execute(insert, {"t": "2026-01-01 00:00:00"})


def test_nothing_is_kept_of_a_transaction_that_fails(engine: Engine, nd_series: Series) -> None:
    def interrupted() -> None:
        with engine.begin() as conn:
            prices.add_series(conn, nd_series)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    with engine.connect() as conn:
        assert prices.list_series(conn) == ()


def test_read_then_write_never_loses_against_another_writer(engine: Engine, now: datetime) -> None:
    """Every thread reads first and writes then: deferred transactions would fail on SQLite."""

    def work(reason: str) -> None:
        for _ in range(10):
            with engine.begin() as conn:
                runs.list_runs(conn)
                runs.request(conn, requested_at=now, reason=reason)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    with engine.connect() as conn:
        assert len(runs.list_runs(conn)) == 40


def test_readers_do_not_wait_for_an_open_write(tmp_path: Path, nd_series: Series) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    with engine.begin() as writing:
        prices.add_series(writing, nd_series)
        with engine.connect() as reading:
            assert prices.list_series(reading) == ()
    with engine.connect() as reading:
        assert prices.list_series(reading) == (nd_series,)
    engine.dispose()


def test_a_statement_that_does_not_compile_leaves_no_trace(tmp_path: Path) -> None:
    """The write lock is taken by the next `begin` although a reading statement broke before it began."""
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    with engine.connect() as conn, pytest.raises(Exception, match="required"):
        conn.execute(text("SELECT :a"), {})
    with engine.begin():
        other = sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    engine.dispose()
