"""Work for other processes, by name where they can import it, and models that behave badly."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.models.base import Cost, FitInput, Origins, check_length
from forecast.models.naive import FittedDrift
from forecast.types import Array

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


def behave(item: tuple[str, float]) -> float:
    """Twice the number, after behaving as told; most of these never come to that."""
    how, number = item
    match how:
        case "well":
            pass
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leaves":
            os._exit(3)
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleeps":
            time.sleep(600)
        case "loops":
            while True:
                pass
        case "deaf":  # compiled code that keeps every other thread of the process waiting
            ctypes.PyDLL(None).sleep(600)
        case "eats":
            held = [np.ones(10_000_000) for _ in range(25)]  # 2 GB
            return float(held[0][0])
        case "raises":
            raise ValueError(f"no {number:g} here")
    return 2 * number


def start_and_wait(folder: str) -> None:
    """Leave the id of this process and that of a program that it started, and wait."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as program:
        Path(folder, "ids.part").write_text(f"{os.getpid()} {program.pid}")
        Path(folder, "ids.part").rename(Path(folder, "ids"))
        time.sleep(600)


@dataclass(frozen=True, slots=True)
class Unruly:
    """A model that does what `behave` says on series with that many quotes (None: any), else is a drift."""

    how: str
    quotes: int | None
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "cheap"

    @property
    def name(self) -> str:
        """It is as it is called."""
        return self.how

    def fit(self, data: FitInput) -> FittedDrift:
        check_length(self, data.y)
        if self.quotes in (None, int(np.isfinite(data.y).sum())):
            behave((self.how, 1.0))
        return FittedDrift(float(data.y[-1] - data.y[0]) / len(data.y))


@dataclass(frozen=True, slots=True)
class PanelKiller:
    """A model of the whole panel that kills its process."""

    name: str = "panel-killer"
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "costly"

    def fit_panel(self, data: Sequence[FitInput], steps: int) -> FittedDrift:
        return FittedDrift(behave(("killed", float(len(data) * steps))))


@dataclass(frozen=True, slots=True)
class DiesLater:
    """A model whose fits kill every process that uses them, but not the one that asks for the run."""

    name: str = "dies-later"
    min_observations: int = 24
    uses_events: bool = False
    cost: Cost = "costly"

    def fit(self, data: FitInput) -> FittedDeadly:
        check_length(self, data.y)
        return FittedDeadly(0.0)


class FittedDeadly(FittedDrift):
    """A drift that is not to be used."""

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        if multiprocessing.parent_process() is not None:
            behave(("killed", 0.0))
        return FittedDrift.paths(self, data, origins, steps)
