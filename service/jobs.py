"""Use cases about scheduled jobs: what runs when, what came of it; to run, pause and resume one by hand.

The leading worker says which jobs there are and when they run, so every process of an installation answers
alike, whatever schedules its own settings name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from data.store import jobs, leases, slots
from data.store.jobs import Job, Wanted
from data.store.leases import Lease
from data.store.slots import Slot
from service.context import Context
from service.refusals import NotKnown, NotYet
from service.schedule import parse, upcoming
from service.settings import LONGEST_DEBOUNCE

#: Runs to come that are shown of each job.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRun:
    """A change that leads to a run. at: when, unless newer changes put it off or a run is under way."""

    reason: str
    changes: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job as it stands. next_runs: none while it is paused; last: the slot that was done or failed last."""

    name: str
    about: str
    schedule: str
    time_zone: str
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    next_runs: tuple[datetime, ...]
    running: Slot | None
    last: Slot | None
    wanted: WantedRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Who leads (holder None: nobody), and every job by name."""

    leader: Lease
    jobs: tuple[JobState, ...]


def list_jobs(context: Context) -> Board:
    """Every job; none before a worker has led for the first time."""
    with context.engine.connect() as conn:
        return Board(
            leader=leases.read(conn),
            jobs=tuple(_state(context, conn, job) for job in jobs.list_jobs(conn)),
        )


def history(context: Context, name: str, limit: int) -> Sequence[Slot]:
    """Slots of a job, the latest time first. Raises NotKnown, NotYet."""
    with context.engine.connect() as conn:
        _find(conn, name)
        return slots.history(conn, name, limit=limit)


def run(context: Context, name: str, *, by: str) -> Slot:
    """The slot that the leader runs next: one that is due already, or a new one. Raises NotKnown, NotYet."""
    with context.engine.begin() as conn:
        _find(conn, name)
        return jobs.ask(conn, name, reason=f"asked by {by}", now=context.clock.now())


def pause(context: Context, name: str, *, by: str) -> JobState:
    """Skip the slots of the schedule from now on; what is asked for still runs. Raises NotKnown, NotYet."""
    with context.engine.begin() as conn:
        if _find(conn, name).paused_at is None:
            jobs.pause(conn, name, at=context.clock.now(), by=by)
        return _state(context, conn, _find(conn, name))


def resume(context: Context, name: str) -> JobState:
    """Run on schedule again. Raises NotKnown, NotYet."""
    with context.engine.begin() as conn:
        _find(conn, name)
        jobs.resume(conn, name)
        return _state(context, conn, _find(conn, name))


def ripe_at(context: Context, note: Wanted) -> datetime:
    """When a noted change leads to a run: after a quiet time, which newer changes prolong up to a limit."""
    return min(note.last_at + context.settings.debounce, note.first_at + LONGEST_DEBOUNCE)


def _state(context: Context, conn: Connection, job: Job) -> JobState:
    schedule, note = parse(job.schedule, job.zone), jobs.wanted(conn, job.name)
    paused = job.paused_at is not None
    return JobState(
        name=job.name,
        about=job.about,
        schedule=job.schedule,
        time_zone=job.zone,
        paused=paused,
        paused_at=job.paused_at,
        paused_by=job.paused_by,
        next_runs=() if paused else upcoming(schedule, context.clock.now(), SHOWN),
        running=slots.running(conn, job.name),
        last=slots.last_run(conn, job.name),
        wanted=None
        if note is None
        else WantedRun(reason=note.reason, changes=note.changes, at=ripe_at(context, note)),
    )


def _find(conn: Connection, name: str) -> Job:
    found = jobs.get_job(conn, name)
    if found is not None:
        return found
    known = [job.name for job in jobs.list_jobs(conn)]
    if not known:
        raise NotYet("job", name, "one that a worker runs, and none has led yet: ytterby worker")
    raise NotKnown("job", name, "one of " + ", ".join(known))
