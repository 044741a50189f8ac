"""Where fits run: in processes of this machine, each under a limit, or on a Dask cluster.

A process that is killed, crashes, hangs or takes too much memory loses the one item that it had in hand; a
new one goes on with the others. Why this is ours: docs/adr/0014-a-pool-that-outlives-its-processes.md.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.context import ForkServerContext
from queue import SimpleQueue
from typing import Any

from forecast.dealing import Dealer, Lost, batch_size
from forecast.errors import ForecastError
from service.fit_process import CHECK_SECONDS, Answer, FitProcess, Gone, Limits
from service.refusals import Refusal

#: How often limits are looked at; and what counts of a longer time without a look, for then this process was
#: stopped itself, and most likely all of them.
WATCH_SECONDS, LONGEST_SECONDS = 0.05, 1.0
#: Processes that end before they are up, one after the other, before it is said that none can be had.
STARTS = 3
#: Times that an item may be in hand of a process that dies: the first may have been no fault of it.
DEATHS = 2


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wanted() -> None:
    """Nobody calls it off."""


@contextmanager
def fitting_pool(
    processes: int, address: str = "", *, limits: Limits | None = None, check: Callable[[], None] = _wanted
) -> Iterator[Dealer]:
    """Who does the fits: `processes` of this machine (0: as many as there are processors), or, with the
    `address` of a Dask scheduler, dask://host:port, its workers.

    The numbers do not depend on it. check: called again and again by the thread that waits for results; what
    it raises ends the wait. Whatever leaves the block early, every process ends at once. Raises Refusal when
    the cluster cannot be used.
    """
    if address:
        if find_spec("distributed") is None:
            raise Refusal(
                "YTTERBY_EXECUTOR", address, "a cluster when distributed is installed: ytterby[dask]"
            )
        from service.cluster import cluster_pool

        with cluster_pool(address, limits=limits or Limits(), check=check) as cluster:
            yield cluster
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["forecast.pipeline"])  # imported once, for all of them
    with tempfile.TemporaryDirectory(prefix="ytterby-", ignore_cleanup_errors=True) as folder:
        pool = Pool(processes or processors(), context, folder, limits or Limits(), check)
        try:
            yield pool
        except BaseException:
            pool.close(at_once=True)
            raise
        pool.close()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items sent together, and where their results go. left: those without one, in order."""

    function: Callable[[Any], Any]
    seconds: float
    left: deque[tuple[Any, Future[Any]]]

    def answer(self, answer: Answer) -> None:
        _, future = self.left.popleft()
        if answer.error is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.error)

    def fail(self, error: BaseException) -> None:
        while self.left:
            self.left.popleft()[1].set_exception(error)


class Pool:
    """A thread for each process gives it batches and takes its answers; one more watches the limits."""

    def __init__(
        self, count: int, context: ForkServerContext, folder: str, limits: Limits, check: Callable[[], None]
    ) -> None:
        self._context, self._folder, self._limits, self._check = context, folder, limits, check
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._running: set[FitProcess] = set()
        self._closing, self._closed = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in (*self._threads, threading.Thread(target=self._watch, daemon=True)):
            thread.start()

    def deal(
        self, function: Callable[[Any], Any], items: Sequence[Any], *, patience: int = 1
    ) -> Iterator[Any | Lost]:
        """As forecast.dealing.Deal says. Raises what the function raised, and what `check` raises."""
        futures: deque[Future[Any]] = deque(Future() for _ in items)
        paired = list(zip(items, futures, strict=True))
        size = batch_size(len(items))
        for first in range(0, len(items), size):
            left = deque(paired[first : first + size])
            self._queue.put(_Batch(function, self._limits.seconds * patience, left))
        return self._results(futures)

    def close(self, *, at_once: bool = False) -> None:
        """End every process: when it has done what it was given, or at once."""
        if at_once:
            self._closing.set()
            for process in tuple(self._running):
                process.kill()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._closed.set()

    def _results(self, futures: deque[Future[Any]]) -> Iterator[Any | Lost]:
        while futures:
            future = futures.popleft()
            while not future.done():
                self._check()
                wait([future], timeout=CHECK_SECONDS)
            yield future.result()

    def _watch(self) -> None:
        last = time.perf_counter()
        while not self._closed.wait(WATCH_SECONDS):
            now = time.perf_counter()
            for process in tuple(self._running):
                process.watch(min(now - last, LONGEST_SECONDS))
            last = now

    def _work(self) -> None:
        process: FitProcess | None = None
        while (batch := self._queue.get()) is not None:
            try:
                process = self._do(batch, process)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the results must learn of it
                batch.fail(error)
                process = None
        if process is not None:
            self._end(process)

    def _do(self, batch: _Batch, process: FitProcess | None) -> FitProcess | None:
        """Every item of a batch, by as many processes as it takes; the one that is left, if any."""
        deaths = 0  # with the first of those that are left in hand
        while batch.left:
            if process is not None and not process.is_alive:  # killed while it waited for work
                self._end(process)
                process = None
            if process is None:
                process = self._start()
            try:
                process.give(batch.function, [item for item, _ in batch.left], batch.seconds)
                while batch.left and (answer := process.take()) is not None:
                    batch.answer(answer)
                    deaths = 0
            except BaseException:
                process.kill()  # it may have more to say, which nobody waits for
                self._end(process)
                raise
            if batch.left:
                gone, process = self._end(process), None
                deaths += gone is not None
                if gone is not None and (gone.slow or deaths == DEATHS):
                    batch.answer(Answer(value=Lost(gone.why)))
                    deaths = 0
        return process

    def _start(self) -> FitProcess:
        """A new process that is up. Raises ForecastError when none can be had."""
        gone: Gone | None = None
        for _ in range(STARTS):
            process = FitProcess(self._context, self._folder, self._limits)
            self._running.add(process)
            if self._closing.is_set():  # only now: either it is killed by close(), or it is seen here
                process.kill()
                self._end(process)
                raise CancelledError
            if process.is_ready():
                return process
            gone = self._end(process)
        raise ForecastError(
            f"no process for fits could be started: {gone.why if gone else 'all were killed'}"
        )

    def _end(self, process: FitProcess) -> Gone | None:
        self._running.discard(process)
        return process.end()
