"""The worker's loop: take a queued training run, fit, report, again. One run at a time."""

from __future__ import annotations

import threading
from datetime import timedelta

from data.store import runs
from service import fitting, logs
from service.context import Context
from service.heartbeat import worker_name


def work(context: Context, stop: threading.Event, *, until_idle: bool = False) -> int:
    """Serve the queue until `stop` is set (or, with `until_idle`, until it is empty); count of runs taken.

    A run whose worker gave no sign of life for `stale_run_seconds` first goes back to the queue, or is given
    up.
    """
    log = logs.get("worker")
    me, taken = worker_name(), 0
    patience = timedelta(seconds=context.settings.stale_run_seconds)
    while not stop.is_set():
        now = context.clock.now()
        with context.engine.begin() as conn:
            released = runs.release_stale(conn, now, patience)
            run = runs.claim(conn, now=now, worker=me)
        if released:
            log.warning("a run lost its worker: queued again, or given up", runs=released)
        if run is None:
            if until_idle:
                break
            stop.wait(context.settings.worker_poll_seconds)
            continue
        taken += 1
        log.info("training", run=run.run_id, reason=run.reason)
        finished = fitting.perform(context, run)
        log.info("training ended", run=run.run_id, state=finished.state, error=finished.error)
    return taken
