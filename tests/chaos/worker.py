"""Worker processes that evaluate and deliver until they are killed: python -m tests.chaos.worker

The settings are the environment's. Only time is another: failed attempts are repeated after milliseconds, an
attempt ends after a second, and what a killed worker held is free again six seconds later, which is
longer than a busy machine lets a living one wait.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import timedelta
from functools import partial

from service import logs
from service.alerts.evaluate import evaluate
from service.context import Context
from service.outgoing import Limits
from service.settings import read_settings
from service.webhooks import deliver, retries
from service.worker import courier
from service.worker.courier import Courier
from tests.chaos.alerting_world import opened

LIMITS = Limits(connect_seconds=0.8, total_seconds=1.0)


def hurry() -> None:
    """Make waiting short in this process."""
    # and judge a few things at a time, so that there are many messages and many moments to be killed in
    vars(courier)["evaluate"] = partial(evaluate, limit=3)
    vars(courier)["_PAUSE_SECONDS"] = 0.1
    retries.DELAYS = (timedelta(milliseconds=40),) * 60
    deliver.LEASE = timedelta(seconds=6)


def context() -> Context:
    """On the database that the environment names."""
    settings = read_settings()
    logs.configure(fmt="json", level="error")
    return opened(settings)


def work() -> None:
    """Evaluate and deliver until killed."""
    Courier(context(), threading.Event(), LIMITS).start()
    threading.Event().wait()


def main() -> None:
    """For each line of standard input start a worker and print its process number.

    Workers are forked: they start in milliseconds, with everything imported and nothing opened.
    """
    hurry()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            work()
            os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()
