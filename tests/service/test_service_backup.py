"""Everything out of one database and into another, while others write, and never over anything."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import MetaData, Table, insert, select
from sqlalchemy.exc import SQLAlchemyError

from data.store import prices, runs
from data.store.migrate import migrate, schema_state, upgrade
from data.store.tables import metadata
from data.types import Quote
from forecast.errors import InputError
from service import auth
from service.backup import backup, restore
from service.context import Context, open_context
from service.refusals import Refusal
from service.settings import Settings
from tests.support.service_world import BASE, ISSUED, RECORDED, fill, month


def settings(url: str) -> Settings:
    return Settings(database_url=url)


@pytest.fixture
def world(database_url: str) -> Iterator[Context]:
    """The made-up world on each database in turn, with a key and a run that failed."""
    context = open_context(settings(database_url))
    fill(context)
    auth.make(context, "desk")
    with context.engine.begin() as conn:
        runs.request(conn, requested_at=ISSUED, reason="to fail")
        mine = runs.claim(conn, now=ISSUED, worker="test")
        assert mine is not None
        runs.fail(conn, mine, finished_at=ISSUED, error="made up")
    yield context
    context.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """An empty database of either kind to restore into."""
    if request.param == "sqlite":
        context = open_context(settings(f"sqlite:///{tmp_path}/restored.db"))
        yield context
        context.engine.dispose()
        return
    from tests.support import postgres

    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        context = open_context(settings(url.render_as_string(hide_password=False)))
        yield context
        context.engine.dispose()


def everything(context: Context) -> dict[str, list[tuple[Any, ...]]]:
    """What the service reads: every row of every table, arrays as lists."""

    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else value

    with context.engine.connect() as conn:
        return {
            t.name: sorted(
                (tuple(plain(v) for v in row) for row in conn.execute(select(t))), key=lambda r: repr(r[:3])
            )
            for t in metadata.sorted_tables
        }


def test_all_comes_back_in_either_database(world: Context, empty: Context, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    made = backup(world, file)
    found = restore(empty, file)
    assert found.rows == made.rows
    before = everything(world)
    assert everything(empty) == before
    assert sum(map(len, before.values())) == sum(made.rows.values())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.glob(".all.zip*")] == []
    # and it can be written to: ids go on after the newest
    with empty.engine.begin() as conn:
        assert runs.request(conn, requested_at=ISSUED, reason="after") == 3


def test_a_backup_under_load_holds_one_state_and_loses_no_write(world: Context, tmp_path: Path) -> None:
    def pair(k: int) -> list[Quote]:
        shared = {"series_id": BASE, "recorded_at": RECORDED, "source": f"load {k}", "kind": "point"}
        return [
            Quote(ds=month(30).replace(day=day), value=500.0 + k, available_on=month(31), **shared)  # type: ignore[arg-type]
            for day in (3, 4)
        ]

    stop, wrote, failed = threading.Event(), [], []

    def write() -> None:
        while not stop.is_set():
            try:
                with world.engine.begin() as conn:
                    prices.append(conn, pair(len(wrote)))
                wrote.append(len(wrote))
            except SQLAlchemyError as error:
                failed.append(error)
                return

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    for k in range(4):
        file = tmp_path / f"{k}.zip"
        backup(world, file)
        other = open_context(settings(f"sqlite:///{tmp_path}/{k}.db"))
        restore(other, file)
        with other.engine.connect() as conn:
            rows = [q for q in prices.history(conn, BASE) if q.source.startswith("load")]
        other.engine.dispose()
        assert len(rows) % 2 == 0, "a transaction is in it whole or not at all"
        seen.append(len(rows))
    stop.set()
    writer.join()
    assert not failed
    assert seen == sorted(seen)
    assert seen[-1] > seen[0] >= 0
    with world.engine.connect() as conn:
        kept = [q for q in prices.history(conn, BASE) if q.source.startswith("load")]
    assert len(kept) == 2 * len(wrote)


def test_an_older_archive_is_brought_up_to_date(tmp_path: Path, empty: Context) -> None:
    old = open_context(settings(f"sqlite:///{tmp_path}/old.db"))
    with old.engine.begin() as conn:
        upgrade(conn, "0001")
        run = Table("run", MetaData(), autoload_with=conn)  # as it was then
        conn.execute(
            insert(run).values(state="queued", reason="old", requested_at=ISSUED.replace(tzinfo=None),
                               done=0, total=0, beats=0, seen_beats=0)
        )  # fmt: skip
    backup(old, tmp_path / "old.zip")
    old.engine.dispose()
    assert restore(empty, tmp_path / "old.zip").revision == "0001"
    assert schema_state(empty.engine).current
    with empty.engine.connect() as conn:
        assert [run.reason for run in runs.list_runs(conn)] == ["old"]


def test_nothing_is_overwritten(world: Context, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    file.write_text("mine")
    with pytest.raises(Refusal, match=r"path: .*nothing is overwritten"):
        backup(world, file)
    assert file.read_text() == "mine"
    backup(world, tmp_path / "other.zip")
    before = everything(world)
    with pytest.raises(InputError, match=r"database: found 'rows in .*an empty database"):
        restore(world, tmp_path / "other.zip")
    assert everything(world) == before


@pytest.mark.parametrize("at", [0.02, 0.5, 0.97])
def test_a_damaged_file_changes_nothing(world: Context, tmp_path: Path, at: float) -> None:
    file = tmp_path / "all.zip"
    backup(world, file)
    whole = bytearray(file.read_bytes())
    place = int(len(whole) * at)
    whole[place : place + 8] = bytes(b ^ 0xFF for b in whole[place : place + 8])
    file.write_bytes(whole)
    target = open_context(settings(f"sqlite:///{tmp_path}/target.db"))
    with pytest.raises(InputError, match="archive"):
        restore(target, file)
    assert schema_state(target.engine).revision is None
    target.engine.dispose()


def test_half_a_file_and_a_newer_version_are_refused(world: Context, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    backup(world, file)
    half = tmp_path / "half.zip"
    half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    target = open_context(settings(f"sqlite:///{tmp_path}/target.db"))
    with pytest.raises(InputError, match="a whole file that ytterby backup wrote"):
        restore(target, half)
    migrate(target.engine)
    newer = open_context(settings(f"sqlite:///{tmp_path}/newer.db"))
    migrate(newer.engine)
    with newer.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    backup(newer, tmp_path / "newer.zip")
    newer.engine.dispose()
    with pytest.raises(Refusal, match="at 9999, as the archive"):
        restore(target, tmp_path / "newer.zip")
    target.engine.dispose()
    fresh = open_context(settings(f"sqlite:///{tmp_path}/fresh.db"))
    with pytest.raises(Refusal, match=r"schema 9999 .* at most"):
        restore(fresh, tmp_path / "newer.zip")
    assert schema_state(fresh.engine).revision is None
    fresh.engine.dispose()
