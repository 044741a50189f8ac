"""Work for the workers of a cluster, by name where they can import it."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

_under_way = threading.Lock()


def die_once(task: tuple[str, float]) -> float:
    """Twice the number; but the first time that anybody is here, the process is killed."""
    flag, number = task
    try:
        Path(flag).touch(exist_ok=False)
    except FileExistsError:
        return 2 * number
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def alone(_: int) -> bool:
    """Was nobody else in this process at work meanwhile?"""
    if not _under_way.acquire(blocking=False):
        return False
    try:
        time.sleep(0.05)
        return True
    finally:
        _under_way.release()


def surroundings(_: int) -> tuple[str, str | None]:
    """Folder for temporary files, and the BLAS threads this process was started with."""
    time.sleep(0.05)
    return tempfile.gettempdir(), os.environ.get("OMP_NUM_THREADS")
