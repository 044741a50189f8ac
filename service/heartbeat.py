"""Signs of life of a training run: progress written to the store while models fit."""

from __future__ import annotations

import os
import socket
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy.exc import OperationalError

from data.errors import RunNotRunning
from data.store import runs
from data.store.runs import Run, RunProgress
from forecast.types import Step
from service import logs
from service.context import Context
from service.pace import Pace

_SECONDS = 0.5


def worker_name(pid: int | None = None) -> str:
    """Who claims: host and process, this one unless another is named."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


class Heartbeat:
    """Writes the latest progress every half second in its own short transactions, from its own thread.

    The fitting thread only leaves a note here, so that a slow database never slows a fit; and asks here
    whether the run is still wanted: a cancelled one is not, nor is one that another worker took.
    """

    def __init__(self, context: Context, mine: Run, pace: Pace) -> None:
        self._context, self._mine, self._pace = context, mine, pace
        self._progress = RunProgress(stage="reading")
        self._stop, self._unwanted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def report(self, step: Step) -> RunProgress:
        """Leave the latest step; the progress that it makes. Raises as `check`."""
        self.check()
        self._progress = self._pace.progress(step, time.perf_counter())
        return self._progress

    def check(self) -> None:
        """Raises RunNotRunning when a beat found that the run is no longer this worker's."""
        if self._unwanted.is_set():
            raise RunNotRunning(self._mine.run_id, "cancelled, or another worker's")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                with self._context.engine.begin() as conn:
                    if not runs.progress(conn, self._mine, self._progress):
                        self._unwanted.set()
                        return
            except OperationalError:  # busy or away for a moment: the next beat says the same
                logs.get("worker").warning("progress could not be written", run=self._mine.run_id)
            self._stop.wait(_SECONDS)
