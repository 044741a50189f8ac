"""The bench beside the checkout, in ../shared/bench: panels, runner and peers, run where it lies.

Nothing of it is copied here; results are kept in var/bench. A forecaster runs in a process of its own, ours
in this environment and those of statsforecast in `.venv-bench`, as they do not run beside pandas 3.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.benchmarks.coverage import Result

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
BENCH = SHARED / "bench"
OUT = Path(os.environ.get("BENCH_OUT", ROOT / "var" / "bench"))
PANELS = ("dev_m", "dev_w", "ree_m", "ree_w")


def is_there() -> bool:
    """Does the folder lie beside this checkout?"""
    return (BENCH / "harness.py").exists()


def stored(panel: str, method: str) -> Path:
    """Where the forecasts of a method are kept."""
    return OUT / panel / f"{method}.npz"


def run(panel: str, *arguments: str, python: Path | str = sys.executable) -> None:
    """One run of the bench's own runner in a child process."""
    environment = dict(os.environ, BENCH_OUT=str(OUT), PYTHONDONTWRITEBYTECODE="1")
    command = [str(python), str(BENCH / "harness.py"), "--panel", panel, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def peer_python() -> Path:
    """The interpreter of `.venv-bench`, which is made when it is first needed."""
    subprocess.run([sys.executable, str(ROOT / "tools" / "ensure_env.py"), "bench"], check=True)
    return ROOT / ".venv-bench" / "bin" / "python"


@cache
def harness() -> ModuleType:
    """The bench's runner as a module: its panels and its split are the truth about what was forecast."""
    spec = importlib.util.spec_from_file_location("bench_harness", BENCH / "harness.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(BENCH / "harness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def described(panel: str) -> dict[str, Any]:
    """A panel as the bench describes it: df, h, cutoffs, freq and others."""
    found: dict[str, Any] = harness().panel(panel)
    return found


@cache
def outcomes(panel: str) -> dict[tuple[str, str], tuple[np.ndarray, float]]:
    """(series, cutoff) -> the prices that followed, and the mean absolute one-step change before."""
    found = {}
    for cutoff in described(panel)["cutoffs"]:
        before, later = harness().split(described(panel), cutoff)
        scales = before.groupby("unique_id")["y"].agg(lambda y: np.abs(np.diff(y)).mean())
        for uid, rows in later.groupby("unique_id"):
            found[(uid, cutoff.strftime("%Y-%m-%d"))] = (rows["y"].to_numpy(float), float(scales[uid]))
    return found


def load(panel: str, method: str) -> Result:
    """A stored result beside the prices that followed each cutoff."""
    with np.load(stored(panel, method), allow_pickle=False) as kept:
        uid, cut, q = kept["uid"], kept["cut"], kept["q"]
    rows = [outcomes(panel)[pair] for pair in zip(uid, cut, strict=True)]
    return Result(
        uid=uid,
        cut=cut,
        q=q,
        actual=np.array([prices for prices, _ in rows]),
        scale=np.array([scale for _, scale in rows]),
    )


def info(panel: str, method: str) -> dict[str, Any]:
    """What the runner measured: wall and cpu seconds, fits, memory."""
    with np.load(stored(panel, method), allow_pickle=False) as kept:
        found: dict[str, Any] = json.loads(str(kept["info"]))
    return found


def overlap(panel: str) -> int:
    """Cutoffs that one fan reaches over: the length of a bootstrap block."""
    cutoffs, steps = described(panel)["cutoffs"], described(panel)["h"]
    days = {"MS": 30.44, "W-FRI": 7.0}[described(panel)["freq"]]
    return max(1, round(steps * days / (cutoffs[1] - cutoffs[0]).days))
