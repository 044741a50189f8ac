"""Time what a newcomer waits for: `make serve` from nothing to the first forecast, then a warm start.

    python -m tests.benchmarks.start

Works in a temporary clone of the committed tree with an empty home directory, on a free port of this
machine, and removes both. Only the download speed of the packages is not ours.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERIES = "dy-oxide-cn"
COLD_LIMIT, WARM_LIMIT, TRAINING_LIMIT = 180.0, 5.0, 60.0
#: When to stop waiting: well past the limits, so that a slow start is still measured.
PATIENCE = 900.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> dict[str, object] | None:
    """The JSON at a path, or None while it cannot be had."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            found = json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
    return found if isinstance(found, dict) else None


@contextmanager
def serving(folder: Path, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make serve` in a process group of its own, stopped as Ctrl-C would stop it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "serve"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def seconds_to_forecast(folder: Path, environment: dict[str, str], log: Path) -> tuple[float, float | None]:
    """Seconds from `make serve` to the first answered forecast, and those of the newest training run."""
    port = int(environment["YTTERBY_PORT"])
    started = time.perf_counter()
    with serving(folder, environment, log) as process:
        while get(port, f"/v1/series/{SERIES}/forecast") is None:
            if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise RuntimeError(f"no forecast was served; the log ends:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        return time.perf_counter() - started, training_seconds(port)


def training_seconds(port: int) -> float | None:
    """Duration of the newest finished training run, None when there is none."""
    answer = get(port, "/v1/training-runs?limit=10") or {}
    runs = answer.get("runs")
    for run in runs if isinstance(runs, list) else []:
        if run["state"] == "done":
            begun, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
            return (ended - begun).total_seconds()
    return None


def line(what: str, seconds: float | None, limit: float) -> str:
    if seconds is None:
        return f"{what:<44} not found"
    return (
        f"{what:<44} {seconds:7.1f} s   (at most {limit:.0f} s){'' if seconds <= limit else '  <- too slow'}"
    )


def main() -> int:
    dirty = subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT, text=True).strip()
    if dirty:
        print("Note: what is timed is the last commit; the working tree has changes that are not in it.")
    with tempfile.TemporaryDirectory(prefix="ytterby-start-") as scratch:
        folder, home = Path(scratch, "clone"), Path(scratch, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("YTTERBY_", "MAKE", "MFLAGS"))
        }
        environment = kept | {"HOME": str(home), "YTTERBY_PORT": str(free_port())}
        cold, training = seconds_to_forecast(folder, environment, Path(scratch, "cold.log"))
        warm, _ = seconds_to_forecast(folder, environment, Path(scratch, "warm.log"))
    print(line("make serve from nothing to a first forecast", cold, COLD_LIMIT))
    print(line("  of which training", training, TRAINING_LIMIT))
    print(line("make serve again, to a forecast", warm, WARM_LIMIT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
