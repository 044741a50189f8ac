"""Fits on a Dask cluster. Imported only where one is asked for: it brings the optional package distributed.

What is sent: a function of `forecast` by name, its arguments and its result as pickles. So the scheduler and
the workers are trusted with this process and it with them; docs/scale.md says how to keep others out.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from distributed import Client, Security, get_worker

from forecast.errors import ForecastError
from service.refusals import Refusal
from service.version import library_versions

SETTING = "YTTERBY_EXECUTOR"
#: How long a scheduler may take to answer, and then to show a worker.
PATIENCE_SECONDS = 15.0
#: Fits of one process take turns, as in a pool of processes: some libraries draw from one global stream.
_TURN = threading.Lock()


class ClusterExecutor(Executor):
    """The part of an executor that fitting uses: `map` and `submit`, in the order given.

    A worker that dies costs time: the scheduler gives its tasks to another.
    """

    def __init__(self, client: Client) -> None:
        self._executor = client.get_executor(pure=False)
        self._versions = library_versions()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return self._executor.submit(partial(_do, fn, self._versions), *args, **kwargs)

    def map(self, fn: Callable[..., Any], *iterables: Any, **kwargs: Any) -> Iterator[Any]:
        return iter(self._executor.map(partial(_do, fn, self._versions), *iterables, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)


@contextmanager
def cluster_pool(address: str) -> Iterator[Executor]:
    """An executor on the cluster at `address`: dask://host:port, or dask+tls:// with Dask's own TLS set-up.

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
        executor = ClusterExecutor(client)
        try:
            yield executor
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


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


def _do(fn: Callable[..., Any], wanted: Mapping[str, str], *args: Any, **kwargs: Any) -> Any:
    """On a worker: one fit at a time, with temporary files where Dask removes them with the worker."""
    difference = _difference(wanted)
    if difference:  # it joined later than the others were looked at
        raise ForecastError(f"a Dask worker computes with {difference}")
    with _TURN:
        own = Path(get_worker().local_directory, "ytterby")
        own.mkdir(exist_ok=True)
        tempfile.tempdir = str(own)
        return fn(*args, **kwargs)
