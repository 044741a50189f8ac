"""What a leader does with slots: make those due that the time has reached, run them, record what came of it.

Plain calls without a thread, under a context whose engine is fenced: whatever they write is taken back when
another process leads by now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from data.errors import LeaseLost
from data.store import jobs as store
from data.store import runs, slots
from data.store.jobs import RETRAIN
from data.store.leases import Fence
from data.store.slots import Slot
from forecast.errors import ForecastError
from service import logs
from service.context import Context
from service.jobs import ripe_at
from service.refusals import Refusal
from service.schedule import between, parse
from service.worker.jobs import Job

#: Most missed slots of one job that are recorded one by one; of more only the newest.
MOST_MISSED = 100


def take_over(context: Context, jobs: Sequence[Job]) -> None:
    """Begin to lead: put right what the last leader left, catch up, and say which jobs there are.

    What was missed is reckoned by the schedule that was in force, and only then replaced by the present one.
    """
    now, settings = context.clock.now(), context.settings
    with context.engine.begin() as conn:
        left = slots.abandon(conn, None, repeatable=_repeatable(jobs), now=now)
        known = [job.name for job in store.list_jobs(conn)]
    _say_left(left)
    for name in known:
        try:
            open_due(context, name)
        except Refusal as refusal:  # by a version with other schedules, or a machine with other time zones
            logs.get("worker").warning("a stored schedule cannot be read", job=name, why=str(refusal))
    with context.engine.begin() as conn:
        for job in jobs:
            store.register(
                conn,
                job.name,
                about=job.about,
                schedule=job.schedule(settings),
                zone=settings.time_zone,
                reckoned_at=now,
            )
        store.forget(conn, [job.name for job in jobs])


def open_due(context: Context, name: str) -> None:
    """Make the newest slot due that the time has reached, and skip older ones. Raises Refusal for a stored
    schedule that cannot be read."""
    with context.engine.connect() as conn:
        known = store.get_job(conn, name)
    if known is None:
        return
    now = context.clock.now()
    passed = deque(between(parse(known.schedule, known.zone), known.reckoned_at, now), maxlen=MOST_MISSED)
    if passed:
        with context.engine.begin() as conn:
            store.reckon(conn, known, tuple(passed), now)


def open_wanted(context: Context) -> None:
    """Make retraining due for changes noted long enough ago, unless a run is queued or running."""
    with context.engine.connect() as conn:
        note, known = store.wanted(conn, RETRAIN), store.get_job(conn, RETRAIN)
        if note is None or known is None or known.paused_at is not None or runs.pending(conn):
            return
    at = ripe_at(context, note)
    if at <= context.clock.now():
        more = f" (and {note.changes - 1} more changes)" if note.changes > 1 else ""
        with context.engine.begin() as conn:
            slots.add(conn, RETRAIN, at, kind="wanted", reason=note.reason + more)
            store.answered(conn, RETRAIN)


def run_due(context: Context, fence: Fence, job: Job) -> Slot | None:
    """Run the oldest due slot of a job, if there is one, and record how it ended.

    Raises LeaseLost when another process leads by now, which then records it.
    """
    now = context.clock.now()
    with context.engine.begin() as conn:
        # One thread runs a job, so a slot of it that still runs is one whose end could not be recorded.
        left = slots.abandon(conn, job.name, repeatable=_repeatable([job]), now=now)
        slot = slots.claim(conn, job.name, worker=fence.holder, fence=fence.number, now=now)
    _say_left(left)
    if slot is None:
        return None
    result, error = None, None
    try:
        result = job.act(context, slot)
    except LeaseLost:
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it was, the slot must end with its reason
        expected = isinstance(failure, ForecastError)
        if not expected:
            logs.get("worker").exception("a job failed unexpectedly", job=job.name, slot=slot.slot_id)
        error = str(failure) if expected else f"{type(failure).__name__}: the worker's log says more"
    with context.engine.begin() as conn:
        slots.finish(conn, slot, finished_at=context.clock.now(), result=result, error=error)
    return slot


def _repeatable(jobs: Sequence[Job]) -> set[str]:
    return {job.name for job in jobs if job.repeatable}


def _say_left(left: Sequence[Slot]) -> None:
    for slot in left:
        logs.get("worker").warning("a slot lost its worker", job=slot.job, slot=slot.slot_id, by=slot.worker)
