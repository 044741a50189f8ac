"""Entry of the worker process: `python -m service.worker`, or `ytterby worker`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from service import logs
from service.context import open_context
from service.settings import read_settings
from service.worker.jobs import JOBS, Job

#: Set by a parent that holds the other end of our standard input: when it goes, so do we.
TIED = "YTTERBY_WORKER_TIED"
#: Fits take what requests leave, where both share a machine. Processes that fit inherit it.
_NICENESS = 10


class Stopped(BaseException):
    """Raised in the main thread by SIGTERM, so that even a long fit ends at once."""


def main(jobs: Sequence[Job] = JOBS) -> int:
    """Work until told to stop. A run in hand goes back to the queue. Returns the exit code."""
    from service.worker.courier import Courier
    from service.worker.loop import work
    from service.worker.scheduler import Scheduler

    os.nice(_NICENESS)
    settings = read_settings()
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    stop = threading.Event()
    context = open_context(settings)
    schedule = Scheduler(context, jobs)
    schedule.start()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():  # a second one changes nothing: it is ending
            stop.set()
            raise Stopped

    signal.signal(signal.SIGTERM, on_signal)
    # The terminal sends Ctrl-C to the whole group; a tied worker leaves it to its parent to say stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN if TIED in os.environ else on_signal)
    if TIED in os.environ:
        threading.Thread(target=_die_with_parent, daemon=True).start()
    courier = Courier(context, stop)
    with contextlib.suppress(Stopped):
        try:
            courier.start()
            work(context, stop)
        finally:
            schedule.stop()
    courier.join()
    return int(courier.failed or schedule.broken)


def _die_with_parent() -> None:
    """Block until the parent's end of the pipe closes, which happens however the parent ends."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
