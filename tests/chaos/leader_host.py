"""A host of worker processes: `python -m tests.chaos.leader_host COUNT MODULE:JOBS`, in a session of its own.

Each worker is the real one, with other jobs. One that dies is started again, as a supervisor would. Workers
are forked, so that only the host waits for the imports. The whole host ends with whoever holds the other end
of its standard input.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
from types import FrameType

from service.worker import __main__ as worker
from service.worker import loop, scheduler

#: Imported here once, for every worker.
PRELOADED = (loop, scheduler)
_LOOK_SECONDS = 0.05


def main() -> int:
    """Keep COUNT workers running until told to stop."""
    count, where = int(sys.argv[1]), sys.argv[2]
    module, _, name = where.partition(":")
    jobs = getattr(importlib.import_module(module), name)
    children: set[int] = set()
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # every child is told, or none is made
        while len(children) < count and not stopping:
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                os._exit(worker.main(jobs))
            children.add(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if not children:
            return 0
        if select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            os.killpg(0, signal.SIGKILL)
        ended, _status = os.waitpid(-1, os.WNOHANG)
        children.discard(ended)


if __name__ == "__main__":
    sys.exit(main())
