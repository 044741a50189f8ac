"""Training runs: asked for, claimed by one worker, ended once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from data.errors import RunNotRunning
from data.store import jobs
from data.store.tables import run

#: Workers that may die of one run before it is given up.
DEATHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a running run is. done, total: of its stage; series, model: in hand, None for all or none;
    share: of the whole run, 0 to 1; seconds_left: an estimate, None while there is nothing to go by."""

    stage: str
    done: int = 0
    total: int = 0
    series: str | None = None
    model: str | None = None
    share: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """state: "queued", "running", "done", "failed" or "cancelled". progress: while it is running. claims: how
    often a worker took it; what an earlier claim says is not heard."""

    run_id: int
    state: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    progress: RunProgress | None
    summary: Mapping[str, Any] | None
    error: str | None
    worker: str | None
    claims: int


#: Any number, other than that of data/store/migrate.py, that every Ytterby on one PostgreSQL shares.
_ASKING = 7_902_024
_COLUMNS = [run.c[f.name] for f in fields(Run)]
_UNCLAIMED = {
    "state": "queued",
    "started_at": None,
    "worker": None,
    "progress": None,
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
    taken = {"state": "running", "started_at": now, "worker": worker, "seen_at": now}
    row = conn.execute(
        update(run)
        .where(run.c.run_id == oldest, run.c.state == "queued")
        .values({**_UNCLAIMED, **taken, "claims": run.c.claims + 1})
        .returning(*_COLUMNS)
    ).first()
    if row is None:
        return None
    jobs.answered(conn, jobs.RETRAIN)
    return _run(row)


def progress(conn: Connection, mine: Run, told: RunProgress) -> bool:
    """Say how far a claimed run is, which is also its sign of life. False (and no change) if it was
    cancelled, or is another claim's by now."""
    heard = conn.execute(update(run).where(_held(mine)).values(progress=asdict(told), beats=run.c.beats + 1))
    return heard.rowcount > 0


def finish(conn: Connection, mine: Run, *, finished_at: datetime, summary: Mapping[str, Any]) -> None:
    """End a claimed run well. Raises RunNotRunning if it was cancelled, or is another claim's by now, so that
    no result is stored twice, or after all."""
    ended = conn.execute(
        update(run)
        .where(_held(mine))
        .values(state="done", finished_at=finished_at, summary=dict(summary), progress=None)
    )
    if ended.rowcount == 0:
        found = get_run(conn, mine.run_id)
        raise RunNotRunning(mine.run_id, "unknown" if found is None else found.state)


def fail(conn: Connection, mine: Run, *, finished_at: datetime, error: str) -> bool:
    """End a claimed run with its reason; False (and no change) if it is not this claim's."""
    ended = conn.execute(
        update(run)
        .where(_held(mine))
        .values(state="failed", finished_at=finished_at, error=error, progress=None)
    )
    return ended.rowcount > 0


def cancel(conn: Connection, run_id: int, *, finished_at: datetime) -> bool:
    """End a run that is queued or running: its worker will not be heard any more. False (and no change) if it
    has ended, or there is none."""
    ended = conn.execute(
        update(run)
        .where(run.c.run_id == run_id, run.c.state.in_(("queued", "running")))
        .values(state="cancelled", finished_at=finished_at, progress=None)
    )
    return ended.rowcount > 0


def release(conn: Connection, mine: Run) -> bool:
    """Put a claimed run back into the queue; False if it is not this claim's."""
    freed = conn.execute(update(run).where(_held(mine)).values(_UNCLAIMED))
    return freed.rowcount > 0


def release_of(conn: Connection, worker: str) -> int:
    """Put back into the queue what a worker holds that its parent has ended, so that it is surely gone; how
    many. It was told to stop, so this is no death of the run."""
    held = and_(run.c.worker == worker, run.c.state == "running")
    return conn.execute(update(run).where(held).values(_UNCLAIMED)).rowcount


def release_stale(conn: Connection, now: datetime, older_than: timedelta) -> int:
    """Take runs from workers that gave no sign of life for `older_than`; how many. They go back to the queue;
    one that DEATHS workers died of has failed.

    To be called again and again. Signs are counted, and a call that sees a new one notes its own `now`
    beside it: clocks of two machines are never compared.
    """
    running = run.c.state == "running"
    conn.execute(
        update(run)
        .where(running, run.c.beats != run.c.seen_beats)
        .values(seen_beats=run.c.beats, seen_at=now)
    )
    stale = and_(running, run.c.seen_at < now - older_than)
    deaths = run.c.deaths + 1
    why = f"its worker died, or gave no sign of life for {older_than.total_seconds():g} s, {DEATHS} times"
    given_up = conn.execute(
        update(run)
        .where(stale, deaths >= DEATHS)
        .values(state="failed", finished_at=now, error=why, progress=None, deaths=deaths)
    )
    freed = conn.execute(update(run).where(stale).values({**_UNCLAIMED, "deaths": deaths}))
    return given_up.rowcount + freed.rowcount


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


def _held(mine: Run) -> ColumnElement[bool]:
    """Is it still as `mine` was claimed?"""
    return and_(run.c.run_id == mine.run_id, run.c.state == "running", run.c.claims == mine.claims)


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    told = values.pop("progress")
    return Run(**values, progress=None if told is None else RunProgress(**told))
