"""One process that fits: started, given items, watched from outside, ended with all that it started.

A fit may start programs of its own (Prophet starts Stan), so each process leads a group and ends as one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

#: How long a process may take to start, on a machine however busy; and to end once it is asked to.
START_SECONDS, END_SECONDS = 120.0, 5.0
#: How often one who waits for results is asked whether the run is still wanted.
CHECK_SECONDS = 0.25
#: The kernel that runs out of memory ends these first, and not the process that has the run, or the database.
_FIRST_TO_GO = "500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one item: seconds of the clock, and megabytes resident in its process and what that started."""

    seconds: float = 120.0
    megabytes: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a function gave, or the error that it raised."""

    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A process that ended with an item in hand. slow: because that took too long."""

    why: str
    slow: bool = False


class FitProcess:
    """The end of it that asks. One thread gives and takes; another may `watch` meanwhile."""

    def __init__(self, context: ForkServerContext, folder: str, limits: Limits) -> None:
        self._limits = limits
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        self._lock = threading.Lock()
        self._left = 0  # items given whose answers were not taken
        self._seconds = self._taken = 0.0  # what the one in hand may take, and has
        self._killed: tuple[int, Gone] | None = None  # with how many left

    def is_ready(self) -> bool:
        """Wait until it is up; False if it ended instead, or took too long."""
        return self._connection.poll(START_SECONDS) and self.take() is not None

    @property
    def is_alive(self) -> bool:
        """Is it running still?"""
        return self._process.is_alive()

    def give(self, function: Callable[[Any], Any], items: Sequence[Any], seconds: float) -> None:
        """Ask for the function of each item, each in so many seconds; `take` as many answers."""
        with self._lock:
            self._left, self._seconds, self._taken = len(items), seconds, 0.0
        with contextlib.suppress(OSError):  # it is gone: take() will say so
            self._connection.send((function, items, seconds))

    def take(self) -> Answer | None:
        """The next answer; None when the process is gone."""
        try:
            answer: Answer = self._connection.recv()
        except (EOFError, OSError):
            return None
        with self._lock:
            self._left, self._taken = self._left - 1, 0.0
        return answer

    def watch(self, passed: float) -> None:
        """So many seconds passed: kill it if the item in hand takes longer, or more, than it may."""
        with self._lock:
            if self._left <= 0 or self._killed is not None:
                return
            self._taken += passed
            if self._taken > self._seconds:
                self._killed = self._left, Gone(why=f"killed after {self._seconds:,g} s", slow=True)
            elif resident_megabytes(self._process.pid) > self._limits.megabytes:
                self._killed = self._left, Gone(why=f"killed at more than {self._limits.megabytes:,} MB")
            else:
                return
        self.kill()

    def kill(self) -> None:
        """End it at once, with everything that it started."""
        if self._process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def end(self) -> Gone | None:
        """Once it is gone or no longer wanted: clear up, and say how the item in hand was lost. None where it
        was not: the process was killed for it just as its answer came."""
        self._connection.close()  # if it waits for work, it ends by itself
        self._process.join(END_SECONDS)
        self.kill()
        self._process.join(END_SECONDS)
        if self._killed is not None:
            left, gone = self._killed
            return gone if left == self._left else None
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Gone(why=f"its process died ({how})")


def resident_megabytes(pid: int | None) -> float:
    """Memory of a process and of those that its main thread started, 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0.0
    own = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return own + sum(resident_megabytes(int(child)) for child in started)


def _serve(connection: Connection, folder: str) -> None:
    """The process itself: says that it is up, then answers until nobody asks."""
    _settle(folder)
    connection.send(Answer())
    while True:
        try:
            function, items, seconds = connection.recv()
        except (EOFError, OSError):
            return
        # Should the parent die while a fit hangs, no thread of Python's may ever run again: this one is C's.
        faulthandler.dump_traceback_later(seconds * len(items) + END_SECONDS, exit=True, file=2)
        for item in items:
            answer = _answer(function, item)
            try:
                connection.send(answer)
            except (AttributeError, TypeError, ValueError) as error:  # what cannot be sent
                connection.send(Answer(error=TypeError(f"an answer that cannot be sent: {error}")))
        faulthandler.cancel_dump_traceback_later()


def _settle(folder: str) -> None:
    """First thing in the process: a group and a temporary folder of its own, and an end with its parent's."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    own = Path(folder, str(os.getpid()))
    own.mkdir()
    tempfile.tempdir = str(own)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def _answer(function: Callable[[Any], Any], item: Any) -> Answer:
    try:
        return Answer(value=function(item))
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is taken
        error.add_note(traceback.format_exc())
        return Answer(error=error)
