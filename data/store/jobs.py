"""Scheduled jobs: which there are, when they run, and notes that one is wanted because something changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from data.store import slots
from data.store.slots import Slot
from data.store.tables import job, job_wanted

RETRAIN = "retrain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the leader runs it. reckoned_at: every slot of the schedule up to here is stored."""

    name: str
    about: str
    schedule: str
    zone: str
    reckoned_at: datetime
    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A note that a job should run because something changed. reason: of the newest of `changes`."""

    job: str
    reason: str
    changes: int
    first_at: datetime
    last_at: datetime


_JOB = [job.c[f.name] for f in fields(Job)]
_WANTED = [job_wanted.c[f.name] for f in fields(Wanted)]


def list_jobs(conn: Connection) -> tuple[Job, ...]:
    """Every job by name."""
    return tuple(Job(**row._mapping) for row in conn.execute(select(*_JOB).order_by(job.c.name)))


def get_job(conn: Connection, name: str) -> Job | None:
    """One job, or None."""
    row = conn.execute(select(*_JOB).where(job.c.name == name)).first()
    return None if row is None else Job(**row._mapping)


def register(
    conn: Connection, name: str, *, about: str, schedule: str, zone: str, reckoned_at: datetime
) -> None:
    """Say what a job does and when. Slots of a new job or a new schedule count from `reckoned_at`."""
    known, when = job.c.name == name, {"schedule": schedule, "zone": zone}
    if conn.execute(update(job).where(known).values(about=about)).rowcount == 0:
        conn.execute(insert(job).values(name=name, about=about, reckoned_at=reckoned_at, **when))
        return
    other = (job.c.schedule != schedule) | (job.c.zone != zone)
    conn.execute(update(job).where(known, other).values(reckoned_at=reckoned_at, **when))


def forget(conn: Connection, names: Collection[str]) -> None:
    """Remove every job but those of these names. Their slots stay."""
    conn.execute(delete(job).where(job.c.name.not_in(names)))


def pause(conn: Connection, name: str, *, at: datetime, by: str) -> None:
    """Let no slot of the schedule begin until `resume`. What is asked for by hand still runs."""
    conn.execute(update(job).where(job.c.name == name).values(paused_at=at, paused_by=by))
    slots.skip_due(conn, name, before=None, why=f"paused by {by}", now=at)


def resume(conn: Connection, name: str) -> None:
    """End a pause. Slots that passed meanwhile stay skipped."""
    conn.execute(update(job).where(job.c.name == name).values(paused_at=None, paused_by=None))


def reckon(conn: Connection, known: Job, passed: Sequence[datetime], now: datetime) -> None:
    """Store the slots of the schedule that `passed` since `known.reckoned_at`, oldest first.

    The newest is due, the others are skipped, and so is an older one that is still due. While the job is
    paused all are skipped.
    """
    newest = passed[-1]
    overtaken = f"overtaken by the slot of {newest.isoformat()}"
    slots.skip_due(conn, known.name, before=newest, why=overtaken, now=now)
    for slot in passed[:-1]:
        slots.add_skipped(conn, known.name, slot, why=overtaken, now=now)
    if known.paused_at is None:
        slots.add(conn, known.name, newest, kind="schedule", reason=slots.ON_SCHEDULE)
    else:
        slots.add_skipped(conn, known.name, newest, why=f"paused by {known.paused_by}", now=now)
    conn.execute(update(job).where(job.c.name == known.name).values(reckoned_at=newest))


def ask(conn: Connection, name: str, *, reason: str, now: datetime) -> Slot:
    """The slot that runs a job as soon as the leader sees it: the one that is due already, or a new one."""
    return slots.first_due(conn, name) or slots.add(conn, name, now, kind="asked", reason=reason)


def want(conn: Connection, name: str, reason: str, at: datetime) -> None:
    """Note that a job should run because of a change. To be called in the transaction of the change."""
    insert_or = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    first = insert_or(job_wanted).values(job=name, reason=reason, changes=1, first_at=at, last_at=at)
    newer = {"reason": reason, "last_at": at, "changes": job_wanted.c.changes + 1}
    conn.execute(first.on_conflict_do_update(index_elements=["job"], set_=newer))


def wanted(conn: Connection, name: str) -> Wanted | None:
    """The note, or None."""
    row = conn.execute(select(*_WANTED).where(job_wanted.c.job == name)).first()
    return None if row is None else Wanted(**row._mapping)


def answered(conn: Connection, name: str) -> None:
    """Remove the note: what begins now sees every change so far."""
    conn.execute(delete(job_wanted).where(job_wanted.c.job == name))
