"""How long the schedule stands still when the leader dies, and how much a training run slows the API down.

    python -m tests.benchmarks.takeover           # both, about five minutes
    python -m tests.benchmarks.takeover api       # one: lease or api

The lease is that of the default settings. The leader of two workers is killed at random moments; what counts
is the time until a slot of the schedule has been done under another. The API is asked for one thing after the
other on one connection, at most a hundred times a second, on the reference data: first with nothing else to
do, then while a run trains.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from data.store import leases, slots
from data.store.engine import make_engine
from data.store.migrate import migrate
from service.settings import Settings
from tests.benchmarks.start import free_port
from tests.chaos.leader_jobs import effect

ROOT = Path(__file__).resolve().parents[2]
KILLS, TAKEOVER_LIMIT, SLOWER_LIMIT = 5, 20.0, 1.5
IDLE_SECONDS, EVERY_SECONDS, PATIENCE = 30.0, 0.01, 600.0
PATHS = ("/v1/series/dy-oxide-cn/forecast", "/v1/forecasts", "/v1/series")


@contextmanager
def started(*words: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours in a group of its own, killed at the end."""
    env = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", *words],
        env=env,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def takeover(folder: Path) -> list[float]:
    """Seconds from the death of each leader to the next slot that was done."""
    url = f"sqlite:///{folder / 'takeover.db'}"
    engine = make_engine(url)
    migrate(engine)
    effect.create(engine)
    chance, found = random.Random(1), []
    workers = ("tests.chaos.leader_host", "2", "tests.chaos.leader_jobs:JOBS")
    with started(*workers, YTTERBY_DATABASE_URL=url):
        fence = 0
        for _ in range(KILLS):
            pid, fence = next_leader(engine, fence)
            time.sleep(chance.uniform(0, 3))
            os.kill(pid, signal.SIGKILL)
            killed_at = time.perf_counter()
            next_leader(engine, fence)
            found.append(time.perf_counter() - killed_at)
    engine.dispose()
    return found


def next_leader(engine: Engine, after: int) -> tuple[int, int]:
    """Process and fence of a leader after fence `after`, once it has done a slot."""
    give_up = time.perf_counter() + PATIENCE
    while time.perf_counter() < give_up:
        with engine.connect() as conn:
            lease, slot = leases.read(conn), slots.last_run(conn, "once")
        if lease.holder is not None and slot is not None and slot.fence == lease.fence > after:
            return int(lease.holder.rpartition(":")[2]), lease.fence
        time.sleep(0.02)
    raise RuntimeError("no worker leads")


class Caller:
    """One connection to the API."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def newest_run(self) -> dict[str, object]:
        """The newest training run."""
        found: dict[str, object] = json.loads(self.get("/v1/training-runs?limit=1")[1])["runs"][0]
        return found

    def timed(self, until: float) -> list[float]:
        """Seconds of each answer, a call every hundredth of a second, for a while."""
        found = []
        while (begun := time.perf_counter()) < until:
            status, _ = self.get(PATHS[len(found) % len(PATHS)])
            found.append(time.perf_counter() - begun)
            if status != 200:
                raise RuntimeError(f"status {status}")
            time.sleep(max(0.0, EVERY_SECONDS - found[-1]))
        return found


def api(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of each answer while nothing else happens, and while a run trains."""
    port, url = free_port(), f"sqlite:///{folder / 'api.db'}"
    serve = ("service.cli", "serve", "--port", str(port))
    with started(*serve, YTTERBY_DATABASE_URL=url, YTTERBY_JOB_RETRAIN="off"):
        caller = wait_for_forecast(port)
        caller.timed(time.perf_counter() + 3)  # the first calls fill caches
        idle = caller.timed(time.perf_counter() + IDLE_SECONDS)
        trained = caller.newest_run()["run_id"]
        subprocess.run(
            [sys.executable, "-m", "service.cli", "jobs", "run", "retrain"],
            env=os.environ | {"YTTERBY_DATABASE_URL": url, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
            check=True,
        )
        busy: list[float] = []
        while True:
            run = caller.newest_run()
            if run["run_id"] != trained and run["state"] == "done":
                return idle, busy
            if run["run_id"] != trained and run["state"] == "running":
                busy += caller.timed(time.perf_counter() + 1)


def wait_for_forecast(port: int) -> Caller:
    """A connection, once the first run has ended."""
    give_up = time.perf_counter() + PATIENCE
    while time.perf_counter() < give_up:
        with contextlib.suppress(ConnectionRefusedError):
            caller = Caller(port)
            if caller.get(PATHS[0])[0] == 200:
                return caller
        time.sleep(0.5)
    raise RuntimeError("no forecast was served")


def p99(seconds: list[float]) -> float:
    """The 99 % quantile, in milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=100)[-1]


def described(name: str, seconds: list[float]) -> str:
    """One line about answers."""
    middle = 1000 * statistics.median(seconds)
    return f"API {name:<9} {len(seconds):6} calls, median {middle:6.1f} ms, p99 {p99(seconds):6.1f} ms"


def main() -> int:
    wanted = sys.argv[1:] or ["lease", "api"]
    with tempfile.TemporaryDirectory(prefix="ytterby-takeover-") as folder:
        if "lease" in wanted:
            found = takeover(Path(folder))
            print(
                f"takeover, lease {Settings().lease_seconds:g} s, {KILLS} kills: {min(found):.1f} to "
                f"{max(found):.1f} s (at most {TAKEOVER_LIMIT:g} s)"
            )
        if "api" in wanted:
            idle, busy = api(Path(folder))
            print("\n".join(described(*pair) for pair in (("idle", idle), ("training", busy))))
            print(f"p99 while training over idle: {p99(busy) / p99(idle):.2f} (at most {SLOWER_LIMIT:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
