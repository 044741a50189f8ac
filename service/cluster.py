"""Fits on a Dask cluster. Imported only where one is asked for: it brings the optional package distributed.

What is sent: a function of `forecast` by name, its arguments and its result as pickles. So the scheduler and
the workers are trusted with this process and it with them; docs/scale.md says how to keep others out.
"""

from __future__ import annotations

import faulthandler
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from distributed import Client, Security, get_worker, wait
from distributed.scheduler import KilledWorker

from forecast.dealing import Lost, batch_size
from forecast.errors import ForecastError
from service.fit_process import CHECK_SECONDS, Limits
from service.refusals import Refusal
from service.version import library_versions

SETTING = "YTTERBY_EXECUTOR"
#: How long a scheduler may take to answer, and then to show a worker.
PATIENCE_SECONDS = 15.0
#: Fits of one process take turns, as in a pool of processes: some libraries draw from one global stream.
_TURN = threading.Lock()


class Cluster:
    """Batches go to workers, results come back in the order of the items.

    A worker that dies costs time: the scheduler gives its batches to another. A batch that saw several
    workers die is taken apart once all the others are done, and its items are tried alone.
    """

    def __init__(self, client: Client, limits: Limits, check: Callable[[], None]) -> None:
        self._client, self._limits, self._check = client, limits, check
        self._versions = library_versions()

    def deal(
        self, function: Callable[[Any], Any], items: Sequence[Any], *, patience: int = 1
    ) -> Iterator[Any | Lost]:
        """As forecast.dealing.Deal says. Raises what the function raised, and what `check` raises."""
        do = partial(_do, function, self._versions, self._limits.seconds * patience)
        size = batch_size(len(items))
        batches = [items[first : first + size] for first in range(0, len(items), size)]
        futures = deque(self._client.map(do, batches, pure=False))
        return self._results(do, batches, futures)

    def _results(
        self, do: Callable[[Any], list[Any]], batches: Sequence[Sequence[Any]], futures: deque[Any]
    ) -> Iterator[Any | Lost]:
        for batch in batches:
            future = futures.popleft()
            try:
                yield from self._answers(future)
            except KilledWorker:
                for other in futures:
                    self._wait(other)
                for item in batch:
                    yield self._alone(do, item)

    def _alone(self, do: Callable[[Any], list[Any]], item: Any) -> Any | Lost:
        try:
            return self._answers(self._client.submit(do, [item], pure=False))[0]
        except KilledWorker as error:
            limit = f"{self._limits.seconds:,g} s or more memory than a worker may take"
            return Lost(f"{error.allowed_failures + 1} workers died of it ({limit}, or a crash)")

    def _answers(self, future: Any) -> list[Any]:
        self._wait(future)
        found: list[Any] = future.result()
        return found

    def _wait(self, future: Any) -> None:
        while not future.done():
            self._check()
            with suppress(TimeoutError), self._client.as_current():
                wait([future], timeout=CHECK_SECONDS)


@contextmanager
def cluster_pool(address: str, *, limits: Limits, check: Callable[[], None]) -> Iterator[Cluster]:
    """The cluster at `address`: dask://host:port, or dask+tls:// with Dask's own TLS set-up.

    Raises Refusal when no scheduler answers in time, it has no worker, or a worker computes with other
    versions: its numbers might differ.
    """
    secure = address.startswith("dask+tls://")
    where = address.replace("dask+tls://", "tls://").replace("dask://", "tcp://")
    try:
        if secure and Security().get_connection_args("client").get("ssl_context") is None:
            raise Refusal(SETTING, f"{address} without a certificate", "what docs/scale.md says of TLS")
        client = Client(where, timeout=PATIENCE_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        found = f"{address} ({type(error).__name__})"
        raise Refusal(SETTING, found, "the address of a Dask scheduler that answers") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
        except TimeoutError:
            found = f"{address}, without a worker for {PATIENCE_SECONDS:.0f} s"
            raise Refusal(SETTING, found, "a cluster with a worker: dask worker") from None
        _check(client, address)
        yield Cluster(client, limits, check)  # what is not wanted any more goes with the client


def _check(client: Client, address: str) -> None:
    """Every worker that is there can import this version of Ytterby and computes with the same libraries."""
    said = client.run(_difference, library_versions(), on_error="return")
    for worker, difference in said.items():
        if isinstance(difference, Exception):
            allowed = "workers on which this version of Ytterby is installed"
            raise Refusal(SETTING, f"{address}, where {worker} said {difference}", allowed)
        if difference:
            raise Refusal(SETTING, f"{worker} with {difference}", "workers with the versions of this process")


@cache
def _own_versions() -> Mapping[str, str]:
    return library_versions()


def _difference(wanted: Mapping[str, str]) -> str:
    """What this process computes with that was not wanted, in words; empty when nothing differs."""
    own = _own_versions()
    return ", ".join(f"{name} {own.get(name)} for {version}" for name, version in wanted.items()
                     if own.get(name) != version)  # fmt: skip


def _do(
    function: Callable[[Any], Any], wanted: Mapping[str, str], seconds: float, items: Sequence[Any]
) -> list[Any]:
    """On a worker: one fit at a time, with temporary files where Dask removes them with the worker.

    A fit that takes too long ends the worker, which its nanny starts again: Dask can end no task otherwise.
    """
    difference = _difference(wanted)
    if difference:  # it joined later than the others were looked at
        raise ForecastError(f"a Dask worker computes with {difference}")
    worker = get_worker()
    with _TURN:
        own = Path(worker.local_directory, "ytterby")
        own.mkdir(exist_ok=True)
        tempfile.tempdir = str(own)
        found = []
        try:
            for item in items:
                if worker.nanny is not None:  # a thread of C's: one of Python's may never run again
                    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
                found.append(function(item))
        finally:
            faulthandler.cancel_dump_traceback_later()
        return found
