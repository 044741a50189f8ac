"""Training runs: asked for, claimed by one worker, ended once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from data.errors import RunNotRunning
from data.store import jobs
from data.store.tables import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """state: "queued", "running", "done" or "failed". done, total: steps; note: what is being done."""

    run_id: int
    state: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    done: int
    total: int
    note: str | None
    summary: Mapping[str, Any] | None
    error: str | None
    worker: str | None


#: Any number, other than that of data/store/migrate.py, that every Ytterby on one PostgreSQL shares.
_ASKING = 7_902_024
_COLUMNS = [run.c[f.name] for f in fields(Run)]
_UNCLAIMED = {
    "state": "queued",
    "started_at": None,
    "worker": None,
    "done": 0,
    "total": 0,
    "note": None,
    "beats": 0,
    "seen_beats": 0,
    "seen_at": None,
}


def request(conn: Connection, *, requested_at: datetime, reason: str) -> int:
    """Queue a run; its number."""
    made = conn.execute(
        insert(run).values(state="queued", requested_at=requested_at, reason=reason).returning(run.c.run_id)
    )
    return int(made.scalar_one())


def join(conn: Connection, *, requested_at: datetime, reason: str) -> int:
    """The number of the run that is queued already, or of a new one.

    A run reads what is known when it begins, so one that has not begun will do all that a second one would.
    """
    if conn.dialect.name == "postgresql":  # those who ask at one moment take turns, as on SQLite anyway
        conn.execute(select(func.pg_advisory_xact_lock(_ASKING)))
    queued = conn.execute(select(run.c.run_id).where(run.c.state == "queued").order_by(run.c.run_id).limit(1))
    found = queued.scalar()
    return request(conn, requested_at=requested_at, reason=reason) if found is None else int(found)


def pending(conn: Connection) -> bool:
    """Is a run queued or running?"""
    open_ = select(run.c.run_id).where(run.c.state.in_(("queued", "running"))).limit(1)
    return conn.execute(open_).first() is not None


def claim(conn: Connection, *, now: datetime, worker: str) -> Run | None:
    """Take the oldest queued run, or None. No two workers get the same one.

    The note that a change wants a run goes: one that begins now sees every change so far.
    """
    # One statement. On PostgreSQL a row that another worker is taking is passed over, not waited for;
    # SQLite has one writer at a time and ignores the clause.
    oldest = (
        select(run.c.run_id)
        .where(run.c.state == "queued")
        .order_by(run.c.run_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = conn.execute(
        update(run)
        .where(run.c.run_id == oldest, run.c.state == "queued")
        .values({**_UNCLAIMED, "state": "running", "started_at": now, "worker": worker, "seen_at": now})
        .returning(*_COLUMNS)
    ).first()
    if row is None:
        return None
    jobs.answered(conn, jobs.RETRAIN)
    return _run(row)


def progress(conn: Connection, run_id: int, done: int, total: int, note: str) -> None:
    """Say how far a run is, which is also its sign of life. Nothing happens if it is not running."""
    conn.execute(
        update(run)
        .where(run.c.run_id == run_id, run.c.state == "running")
        .values(done=done, total=total, note=note, beats=run.c.beats + 1)
    )


def finish(conn: Connection, run_id: int, *, finished_at: datetime, summary: Mapping[str, Any]) -> None:
    """End a running run well. Raises RunNotRunning for any other, so that no result is stored twice."""
    ended = conn.execute(
        update(run)
        .where(run.c.run_id == run_id, run.c.state == "running")
        .values(state="done", finished_at=finished_at, summary=dict(summary), note=None)
    )
    if ended.rowcount == 0:
        found = get_run(conn, run_id)
        raise RunNotRunning(run_id, "unknown" if found is None else found.state)


def fail(conn: Connection, run_id: int, *, finished_at: datetime, error: str) -> bool:
    """End a running run with its reason; False (and no change) if it is not running."""
    ended = conn.execute(
        update(run)
        .where(run.c.run_id == run_id, run.c.state == "running")
        .values(state="failed", finished_at=finished_at, error=error)
    )
    return ended.rowcount > 0


def release(conn: Connection, run_id: int) -> bool:
    """Put a running run back into the queue; False if it is not running."""
    freed = conn.execute(
        update(run).where(run.c.run_id == run_id, run.c.state == "running").values(_UNCLAIMED)
    )
    return freed.rowcount > 0


def release_stale(conn: Connection, now: datetime, older_than: timedelta) -> int:
    """Put runs back into the queue whose worker gave no sign of life for `older_than`; how many.

    To be called again and again. Signs are counted, and a call that sees a new one notes its own `now`
    beside it: clocks of two machines are never compared.
    """
    running = run.c.state == "running"
    conn.execute(
        update(run)
        .where(running, run.c.beats != run.c.seen_beats)
        .values(seen_beats=run.c.beats, seen_at=now)
    )
    freed = conn.execute(update(run).where(running, run.c.seen_at < now - older_than).values(_UNCLAIMED))
    return freed.rowcount


def list_runs(conn: Connection, *, limit: int | None = None) -> tuple[Run, ...]:
    """The newest runs first, at most `limit`."""
    rows = conn.execute(select(*_COLUMNS).order_by(run.c.run_id.desc()).limit(limit))
    return tuple(_run(row) for row in rows)


def newest_done(conn: Connection, by: datetime | None = None) -> Run | None:
    """The run that ended well last, by that instant (ever, for None), or None."""
    chosen = select(*_COLUMNS).where(run.c.state == "done")
    if by is not None:
        chosen = chosen.where(run.c.finished_at <= by)
    row = conn.execute(chosen.order_by(run.c.finished_at.desc(), run.c.run_id.desc()).limit(1)).first()
    return None if row is None else _run(row)


def get_run(conn: Connection, run_id: int) -> Run | None:
    """One run, or None."""
    row = conn.execute(select(*_COLUMNS).where(run.c.run_id == run_id)).first()
    return None if row is None else _run(row)


def _run(row: Row[Any]) -> Run:
    return Run(**row._mapping)
