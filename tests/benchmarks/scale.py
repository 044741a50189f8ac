"""Time and memory from 100 to 1,000 series of 200 months, and the speed-up on a Dask cluster of two workers.

    python -m tests.benchmarks.scale            all of it, and the plot var/bench/scale.png
    python -m tests.benchmarks.scale 100 250    these numbers of series

Each size is a process of its own, so that its peak memory is its own: forecast.pipeline.run_panel on made-up
prices, with the pool that training runs in (two processes). The cluster's turn comes last, where the package
distributed is installed, with one worker and with two.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pandas as pd

from forecast.dealing import Dealer
from forecast.pipeline import run_panel
from service.pool import fitting_pool
from tests.benchmarks import bench

SIZES = (100, 250, 500, 1000)
POINTS, HORIZON, PROCESSES = 200, 12, 2
CLUSTER_SERIES, WORKERS = 100, (1, 2)
EFFICIENCY = 0.7
#: What counts as linear and as flat on a machine that does other things too.
LINEAR, FLAT = 1.1, 1.15
PLOT = bench.OUT / "scale.png"


def made_up(count: int) -> pd.DataFrame:
    """Random walks in logs whose volatility wanders, monthly: unique_id, ds, y."""
    rng = np.random.default_rng(count)
    spread = 0.05 * np.exp(0.2 * rng.normal(size=(count, POINTS)).cumsum(axis=1) / np.sqrt(12))
    logs = (spread * rng.normal(size=(count, POINTS))).cumsum(axis=1)
    names = np.repeat([f"s{i:04}" for i in range(count)], POINTS)
    months = np.tile(pd.date_range("2008-01-01", periods=POINTS, freq="MS"), count)
    return pd.DataFrame({"unique_id": names, "ds": months, "y": 100 * np.exp(logs.ravel())})


def peak(_: int = 0) -> tuple[int, float]:
    """Process id and the most memory this process ever held, MB."""
    time.sleep(0.05)  # so that one worker cannot answer for all
    return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(count: int, executor: Dealer) -> float:
    """Wall seconds of one run over `count` series."""
    history = made_up(count)
    started = time.perf_counter()
    run = run_panel(history, horizon=HORIZON, freq="MS", executor=executor)
    assert len(run.forecasts) == count
    return time.perf_counter() - started


def one(count: int) -> dict[str, float]:
    """One size: seconds, and peak memory of this process and of its largest worker."""
    with fitting_pool(PROCESSES) as executor:
        seconds = timed(count, executor)
        workers = dict(executor.deal(peak, range(4 * PROCESSES)))
    return {"series": count, "seconds": seconds, "parent": peak()[1], "worker": max(workers.values())}


def measure(count: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", "--one", str(count)]
    said = subprocess.run(command, cwd=bench.ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


@contextmanager
def cluster(workers: int) -> Iterator[Dealer]:
    """Our executor on a cluster of so many processes of this machine."""
    from distributed import LocalCluster

    settings = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=workers, **settings) as made:
        address = made.scheduler_address.replace("tcp://", "dask://")
        with fitting_pool(1, address) as executor:
            yield executor


def print_cluster() -> None:
    """Wall seconds with one worker and with two, after a first run that imports everything."""
    seconds = {}
    for workers in WORKERS:
        with cluster(workers) as executor:
            timed(4 * workers, executor)
            seconds[workers] = timed(CLUSTER_SERIES, executor)
    speedup = seconds[WORKERS[0]] / seconds[WORKERS[-1]]
    wanted = EFFICIENCY * WORKERS[-1]
    spent = ", ".join(f"{workers} worker(s) {value:.1f} s" for workers, value in seconds.items())
    print(f"\nDask, {CLUSTER_SERIES} series: {spent}; speed-up {speedup:.2f}")
    print(f"Speed-up at least {wanted:.1f} with {WORKERS[-1]}: {'holds' if speedup >= wanted else 'FAILS'}")


def print_growth(rows: list[dict[str, float]]) -> None:
    """Exponent of the time, and whether the memory of a worker depends on the number of series."""
    n, seconds = (np.array([row[name] for row in rows]) for name in ("series", "seconds"))
    exponent = float(np.polyfit(np.log(n), np.log(seconds), 1)[0])
    growth = rows[-1]["worker"] / rows[0]["worker"]
    per_series = (rows[-1]["parent"] - rows[0]["parent"]) / (n[-1] - n[0])
    print(
        f"Seconds grow as series to the power of {exponent:.2f}; memory here by {per_series:.2f} MB a series"
    )
    print(f"Linear (power at most {LINEAR}): {'holds' if exponent <= LINEAR else 'FAILS'}")
    print(
        f"Flat (a worker's memory grows by at most {FLAT - 1:.0%}): {'holds' if growth <= FLAT else 'FAILS'}"
    )


def draw(rows: list[dict[str, float]]) -> None:
    """Seconds and memory over the number of series."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    n = [row["series"] for row in rows]
    left.plot(n, [row["seconds"] for row in rows], "o-", color="#1f4e79")
    left.set(xlabel="series", ylabel="seconds, two processes")
    for name, colour in (("parent", "#1f4e79"), ("worker", "#b3541e")):
        right.plot(n, [row[name] for row in rows], "o-", color=colour, label=name)
    right.set(xlabel="series", ylabel="peak memory, MB")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)
    print(f"drawn: {PLOT.relative_to(bench.ROOT)}")


def main(words: list[str]) -> int:
    if words[:1] == ["--one"]:
        print(json.dumps(one(int(words[1]))))
        return 0
    rows = []
    print(f"{'series':>7} {'seconds':>8} {'parent MB':>10} {'worker MB':>10}", flush=True)
    for count in [int(word) for word in words] or SIZES:
        rows.append(measure(count))
        print("{series:>7.0f} {seconds:>8.1f} {parent:>10.0f} {worker:>10.0f}".format(**rows[-1]), flush=True)
    if len(rows) > 1:
        print_growth(rows)
        draw(rows)
    if find_spec("distributed") is None:
        print("Dask was left out: install requirements/dask.lock, docs/scale.md says how.")
    else:
        print_cluster()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
