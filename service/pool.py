"""Where fits run: in processes beside the one that asks, or on a Dask cluster.

Processes end with the one that asks, and leave no temporary files behind.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from service.refusals import Refusal


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def fitting_pool(processes: int, address: str = "") -> Iterator[Executor | None]:
    """An executor over `processes` (0: as many as there are processors), or None for one: fit right here.
    With the `address` of a Dask scheduler, dask://host:port, over its workers instead.

    The numbers do not depend on it. A run that is broken off does not wait for fits under way. Raises
    Refusal when the cluster cannot be used.
    """
    if address:
        if find_spec("distributed") is None:
            raise Refusal(
                "YTTERBY_EXECUTOR", address, "a cluster when distributed is installed: ytterby[dask]"
            )
        from service.cluster import cluster_pool

        with cluster_pool(address) as cluster:
            yield cluster
        return
    count = processes or processors()
    if count == 1:
        yield None
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["forecast.pipeline"])  # imported once, for all of them
    with tempfile.TemporaryDirectory(prefix="ytterby-", ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(
            count,
            mp_context=context,
            initializer=_begin,
            initargs=(folder,),
        )
        try:
            yield pool
        except BaseException:
            for child in multiprocessing.active_children():
                child.kill()
            pool.shutdown(cancel_futures=True)
            raise
        pool.shutdown()


def _begin(folder: str) -> None:
    """First thing in a process of the pool: its own temporary folder, and an end when its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    own = Path(folder, str(os.getpid()))
    own.mkdir()
    tempfile.tempdir = str(own)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
