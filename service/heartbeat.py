"""Signs of life of a training run: progress written to the store while models fit."""

from __future__ import annotations

import os
import socket
import threading
from types import TracebackType
from typing import Self

from sqlalchemy.exc import OperationalError

from data.store import runs
from service import logs
from service.context import Context

_SECONDS = 0.5


def worker_name() -> str:
    """Who claims: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heartbeat:
    """Writes the latest progress every half second in its own short transactions, from its own thread.

    The fitting thread only leaves a note here, so that a slow database never slows a fit.
    """

    def __init__(self, context: Context, run_id: int) -> None:
        self._context = context
        self._run_id = run_id
        self._state = ("reading", 0, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def report(self, note: str, done: int, total: int) -> None:
        """Leave the latest state: what is being done, steps done, steps there are."""
        self._state = (note, done, total)

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
            note, done, total = self._state
            try:
                with self._context.engine.begin() as conn:
                    runs.progress(conn, self._run_id, done, total, note)
            except OperationalError:  # busy or away for a moment: the next beat says the same
                logs.get("worker").warning("progress could not be written", run=self._run_id)
            self._stop.wait(_SECONDS)
