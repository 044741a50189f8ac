"""Slots of jobs: one time at which a job was or is to run, and what became of it.

(job, scheduled_for) is unique. A slot is due until the leader takes it, then running, then done or failed;
one that a newer one overtook is skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from data.store.tables import job_slot

#: How often a slot is taken up whose worker died each time.
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """state: due, running, done, failed or skipped. kind: schedule, asked or wanted. fence: of the leader
    that took it. error: what went wrong, or why it was skipped."""

    slot_id: int
    job: str
    scheduled_for: datetime
    state: str
    kind: str
    reason: str
    attempts: int
    worker: str | None
    fence: int | None
    started_at: datetime | None
    finished_at: datetime | None
    result: Mapping[str, Any] | None
    error: str | None


_SLOT = [job_slot.c[f.name] for f in fields(Slot)]
#: Reason of every slot of a schedule.
ON_SCHEDULE = "on schedule"
_ENDED = ("done", "failed", "skipped")


def add(conn: Connection, name: str, scheduled_for: datetime, *, kind: str, reason: str) -> Slot:
    """A due slot; the stored one, as it is, where the job has one at that time."""
    return _add(conn, name, scheduled_for, kind=kind, reason=reason, state="due")


def add_skipped(conn: Connection, name: str, scheduled_for: datetime, *, why: str, now: datetime) -> None:
    """A slot of the schedule that does not run, so that the history explains it."""
    ended = {"state": "skipped", "error": why, "finished_at": now}
    _add(conn, name, scheduled_for, kind="schedule", reason=ON_SCHEDULE, **ended)


def skip_due(conn: Connection, name: str, *, before: datetime | None, why: str, now: datetime) -> None:
    """Skip slots of the schedule that are still due: those before an instant, or all of them."""
    which = _due(name) & (job_slot.c.kind == "schedule")
    if before is not None:
        which &= job_slot.c.scheduled_for < before
    conn.execute(update(job_slot).where(which).values(state="skipped", finished_at=now, error=why))


def first_due(conn: Connection, name: str) -> Slot | None:
    """The oldest due slot of a job, or None."""
    row = conn.execute(select(*_SLOT).where(_due(name)).order_by(job_slot.c.scheduled_for).limit(1)).first()
    return None if row is None else _slot(row)


def open_jobs(conn: Connection) -> tuple[str, ...]:
    """Names of the jobs that have a slot due or running."""
    rows = conn.execute(select(job_slot.c.job).where(job_slot.c.state.in_(("due", "running"))).distinct())
    return tuple(row.job for row in rows)


def claim(conn: Connection, name: str, *, worker: str, fence: int, now: datetime) -> Slot | None:
    """Take the oldest due slot of a job, or None."""
    oldest = (
        select(job_slot.c.slot_id)
        .where(_due(name))
        .order_by(job_slot.c.scheduled_for)
        .limit(1)
        .with_for_update(skip_locked=True)  # another's slot is passed over, not waited for
        .scalar_subquery()
    )
    taken = {"state": "running", "worker": worker, "fence": fence, "started_at": now}
    row = conn.execute(
        update(job_slot)
        .where(job_slot.c.slot_id == oldest, job_slot.c.state == "due")
        .values(attempts=job_slot.c.attempts + 1, **taken)
        .returning(*_SLOT)
    ).first()
    return None if row is None else _slot(row)


def finish(
    conn: Connection,
    slot: Slot,
    *,
    finished_at: datetime,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a running slot: failed with an `error`, else done. False (and no change) if it is not running
    under the fence it was taken with."""
    ended = conn.execute(
        update(job_slot)
        .where(
            job_slot.c.slot_id == slot.slot_id,
            job_slot.c.state == "running",
            job_slot.c.fence == slot.fence,
        )
        .values(
            state="done" if error is None else "failed",
            finished_at=finished_at,
            result=None if result is None else dict(result),
            error=error,
        )
    )
    return ended.rowcount > 0


def abandon(
    conn: Connection, name: str | None, *, repeatable: Collection[str], now: datetime
) -> tuple[Slot, ...]:
    """Give up the slots that are running, of a job or (None) of all: to be called when none can be in hand.

    They become due again where the job is `repeatable` and was not tried MOST_ATTEMPTS times, else failed.
    They are returned as they were.
    """
    running_ = job_slot.c.state == "running"
    which = running_ if name is None else running_ & (job_slot.c.job == name)
    found = [_slot(row) for row in conn.execute(select(*_SLOT).where(which).order_by(job_slot.c.slot_id))]
    for slot in found:
        values: dict[str, Any] = {"state": "due", "worker": None, "fence": None, "started_at": None}
        if slot.job not in repeatable or slot.attempts >= MOST_ATTEMPTS:
            why = f"its worker {slot.worker} did not record an end, attempt {slot.attempts}"
            values = {"state": "failed", "finished_at": now, "error": why}
        conn.execute(update(job_slot).where(job_slot.c.slot_id == slot.slot_id).values(values))
    return tuple(found)


def running(conn: Connection, name: str) -> Slot | None:
    """The slot of a job that is running, or None."""
    mine = (job_slot.c.job == name) & (job_slot.c.state == "running")
    row = conn.execute(select(*_SLOT).where(mine).order_by(job_slot.c.started_at.desc()).limit(1)).first()
    return None if row is None else _slot(row)


def last_run(conn: Connection, name: str) -> Slot | None:
    """The slot of a job that was done or failed last, or None."""
    mine = (job_slot.c.job == name) & job_slot.c.state.in_(("done", "failed"))
    row = conn.execute(select(*_SLOT).where(mine).order_by(job_slot.c.finished_at.desc()).limit(1)).first()
    return None if row is None else _slot(row)


def history(conn: Connection, name: str, *, limit: int | None = None) -> tuple[Slot, ...]:
    """Slots of a job, the latest time first, at most `limit`."""
    mine = select(*_SLOT).where(job_slot.c.job == name)
    rows = conn.execute(mine.order_by(job_slot.c.scheduled_for.desc()).limit(limit))
    return tuple(_slot(row) for row in rows)


def prune(conn: Connection, before: datetime) -> int:
    """Remove ended slots of a time before an instant; how many."""
    old = job_slot.c.state.in_(_ENDED) & (job_slot.c.scheduled_for < before)
    return conn.execute(delete(job_slot).where(old)).rowcount


def _add(conn: Connection, name: str, scheduled_for: datetime, **values: Any) -> Slot:
    same = (job_slot.c.job == name) & (job_slot.c.scheduled_for == scheduled_for)
    row = conn.execute(select(*_SLOT).where(same)).first()
    if row is None:
        made = insert(job_slot).values(job=name, scheduled_for=scheduled_for, **values)
        row = conn.execute(made.returning(*_SLOT)).one()
    return _slot(row)


def _due(name: str) -> ColumnElement[bool]:
    return (job_slot.c.job == name) & (job_slot.c.state == "due")


def _slot(row: Row[Any]) -> Slot:
    return Slot(**row._mapping)
