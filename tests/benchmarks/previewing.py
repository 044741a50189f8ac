"""Time the preview of alert rules: ten years of weekly quotes, and the cutoffs of a stored backtest.

    python -m tests.benchmarks.previewing

522 Friday quotes in CNY, one in twenty corrected a week later; ten years of monthly exchange rates, most of
them corrected at the end; 24 cutoffs of a made-up backtest; all in an SQLite file. One rule of each kind is
previewed REPEATS times in the use case. CPU time is printed beside the clock: on a machine that others use,
it is the steadier of the two.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from service.alerts.preview import preview
from tests.support import preview_world as world

WEEKS, REPEATS, LIMIT = 522, 20, 300.0
START = date(2016, 11, 4)
WEEKLY: dict[str, Any] = {"series_id": world.WEEKLY, "name": "benchmark", "for": 2, "keep_firing": 2}
DOLLARS = {"currency": "USD", "tax": "ex-vat"}
RULES: dict[str, dict[str, Any]] = {
    "price": {**WEEKLY, "kind": "price", "threshold": 110, "recovery": 105},
    "price in dollars": {**WEEKLY, **DOLLARS, "kind": "price", "threshold": 14, "recovery": 13.5},
    "change over 90 days, in dollars": {
        **WEEKLY, **DOLLARS, "kind": "change", "threshold": 10, "window_days": 90,
    },
    "stale": {**WEEKLY, "kind": "stale", "threshold": 13},
    "p_cross_by": {
        "name": "benchmark", "kind": "p_cross_by", "series_id": world.MADE, "level": 120, "horizon": 2,
        "threshold": 0.3,
    },
}  # fmt: skip


def main() -> int:
    """Fill, ask, print."""
    with tempfile.TemporaryDirectory(prefix="ytterby-previewing-") as folder:
        context = world.open_world(f"sqlite:///{Path(folder) / 'previewing.db'}")
        world.with_backtest(context, world.comes)
        rng = np.random.default_rng(0)
        levels = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, WEEKS)))
        quotes = world.weekly((float(x) for x in levels), START)
        corrected = [
            replace(q, value=q.value * 1.02, available_on=q.available_on + timedelta(days=7))
            for q in quotes[::20]
        ]
        months = pd.period_range(START, periods=120, freq="M")
        known = world.rates({m: float(x) for m, x in zip(months, rng.normal(7, 0.1, 120), strict=True)})
        world.keep(context, quotes, known)
        world.keep(context, corrected)
        slowest = 0.0
        print(f"preview of {WEEKS} weekly quotes, and of {len(world.CUTOFFS)} cutoffs, milliseconds")
        for name, rule in RULES.items():
            found, clock, cpu = preview(context, rule), [], []
            for _ in range(REPEATS):
                began, began_cpu = time.perf_counter(), time.process_time()
                preview(context, rule)
                clock.append((time.perf_counter() - began) * 1e3)
                cpu.append((time.process_time() - began_cpu) * 1e3)
            p50, p95 = np.quantile(clock, [0.5, 0.95])
            slowest = max(slowest, p95)
            print(
                f"  {name:32} p50 {p50:6.1f}   p95 {p95:6.1f}   CPU {np.median(cpu):6.1f}"
                f"   {found.observations} observations, {found.firings} firings"
            )
        context.engine.dispose()
    print(f"At most {LIMIT:.0f} ms: {'holds' if slowest <= LIMIT else 'FAILS'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
