"""The schedule at work in a worker process: one thread that leads or waits to, one for each job.

APScheduler is the clock: at the times of a job's slots it wakes the job's thread, and does nothing else. What
is due stands in the database, so a wake-up too many changes nothing, and one too few is made good at the next
beat of the leading thread. That thread waits by the monotonic clock alone: a wall clock that is set back must
not stop the renewals of the lease.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy.exc import DBAPIError

from data.errors import LeaseLost
from data.store import leases
from data.store import slots as store
from data.store.leases import Fence
from service import logs
from service.clock import Clock
from service.context import Context
from service.heartbeat import worker_name
from service.schedule import Schedule, parse, parse_zone
from service.worker import slots
from service.worker.jobs import Job
from service.worker.lease import Lease

_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A turn at leading. context: with an engine that is fenced."""

    fence: Fence
    context: Context


class Scheduler:
    """Runs `jobs` on their schedules while this process leads. `start` once, `stop` once."""

    def __init__(self, context: Context, jobs: Sequence[Job]) -> None:
        settings = context.settings
        self._context = context
        self._jobs = tuple(jobs)
        self._wake = {job.name: threading.Event() for job in jobs}
        self._stop = threading.Event()
        self._turn: _Turn | None = None
        self._lease = Lease(
            context.engine, context.clock, holder=worker_name(), seconds=settings.lease_seconds
        )
        zone = parse_zone(settings.time_zone)
        self._clock = BackgroundScheduler(
            timezone=zone, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        for job in jobs:
            trigger = _At(parse(job.schedule(settings), settings.time_zone), context.clock)
            self._clock.add_job(self._wake[job.name].set, trigger, id=job.name)
        self._leading = self._thread(self._lead, "lease")
        self._working = [self._thread(partial(self._serve, job), job.name) for job in jobs]
        self.broken = False

    def start(self) -> None:
        """Begin to watch the lease."""
        self._clock.start()
        for thread in (self._leading, *self._working):
            thread.start()

    def stop(self) -> None:
        """Give the jobs in hand a moment, then leave the lease to others, who record what is cut short."""
        self._stop.set()
        self._clock.shutdown(wait=False)
        for wake in self._wake.values():
            wake.set()
        last = time.perf_counter() + _GRACE_SECONDS
        for thread in (self._leading, *self._working):
            thread.join(max(0.0, last - time.perf_counter()))
        if self._leading.is_alive():  # the database keeps it waiting, and would keep us
            return
        try:
            self._lease.leave()
        except DBAPIError as error:
            _log_database("the lease was not left; others wait for it to lapse", error)

    def _lead(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat()
            except LeaseLost as lost:
                self._turn = None
                logs.get("worker").warning("lease lost", why=str(lost))
            except DBAPIError as error:  # busy or away for a moment: the next beat tries again
                _log_database("the lease could not be kept or looked at", error)
            self._stop.wait(self._lease.pause)

    def _beat(self) -> None:
        fence = self._lease.beat()
        if fence is None:
            self._turn = None
            return
        if self._turn is None or self._turn.fence != fence:
            guarded = replace(self._context, engine=leases.fenced(self._context.engine, fence))
            slots.take_over(guarded, self._jobs)
            logs.get("worker").info("this worker leads", fence=fence.number)
            self._turn = _Turn(fence=fence, context=guarded)
        self._clock.wakeup()  # its own waiting does not count the time that a machine was asleep
        slots.open_wanted(self._turn.context)
        with self._context.engine.connect() as conn:
            unfinished = store.open_jobs(conn)
        for name in self._wake.keys() & set(unfinished):
            self._wake[name].set()

    def _serve(self, job: Job) -> None:
        wake = self._wake[job.name]
        while not self._stop.is_set():
            wake.wait()
            wake.clear()
            turn = self._turn
            if turn is None:
                continue
            try:
                slots.open_due(turn.context, job.name)
                while not self._stop.is_set() and slots.run_due(turn.context, turn.fence, job):
                    pass
            except LeaseLost as lost:
                logs.get("worker").warning("a job was cut short", job=job.name, why=str(lost))
            except DBAPIError as error:
                _log_database("a job could not be recorded", error)

    def _thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 - a worker without its clock must not look healthy
                logs.get("worker").exception("a thread of the schedule failed; this worker ends", thread=name)
                self.broken = True
                os.kill(os.getpid(), signal.SIGTERM)

        return threading.Thread(target=run, name=f"schedule-{name}", daemon=True)


class _At(BaseTrigger):  # type: ignore[misc]
    """Tells APScheduler when a schedule's next slot is, on a clock that may be set to another day."""

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self._schedule = schedule
        self._shift = clock.shift

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        """The next slot, in the time of the machine."""
        slot = self._schedule.next_after(now.astimezone(UTC) + self._shift)
        return None if slot is None else slot - self._shift


def _log_database(what: str, error: DBAPIError) -> None:
    logs.get("worker").warning(what, error=type(error.orig).__name__)
