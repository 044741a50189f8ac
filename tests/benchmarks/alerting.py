"""How long 10,000 rules over 50 series take to judge: python -m tests.benchmarks.alerting

On SQLite and PostgreSQL: a price of every series comes in, which concerns the rules on prices, then a
forecast of every series, which concerns those on chances. What is printed is the time of one evaluation.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from data.store import forecasts, prices, rules, runs, signals
from data.types import Quote
from service.alerts.evaluate import evaluate
from service.alerts.reading import given, read
from service.context import Context, open_context
from service.settings import Settings
from tests.support import postgres
from tests.support.alerting import endpoint
from tests.support.service_world import (
    ISSUED,
    TODAY,
    answerable,
    catalogue,
    fill,
    forecast,
    quotes,
    save_answerable,
)

SERIES, RULES = 50, 10_000


def world(context: Context) -> list[str]:
    """50 series of 60 months with as many rules each on prices as on chances."""
    fill(context, with_forecast=False)
    base = catalogue()[0]
    names = [f"made-{k:02d}" for k in range(SERIES)]
    now = context.clock.now()
    with context.engine.begin() as conn:
        for name in names:
            prices.add_series(conn, replace(base, series_id=name))
            prices.append(
                conn, [replace(q, series_id=name) for q in quotes() if q.series_id == base.series_id]
            )
        for k in range(RULES):
            asked: dict[str, Any] = {"name": f"rule {k}", "series_id": names[k % SERIES]}
            if k < RULES // 2:
                currency = ("CNY", "USD", "EUR")[k % 3]
                asked |= {"kind": "price", "threshold": 500.0 + k / 10, "currency": currency,
                          "stale_after_days": 999}  # fmt: skip
            else:
                asked |= {"kind": "p_cross_by", "level": 450.0 + k / 50, "threshold": 0.3,
                          "horizon": 1 + k % 6}  # fmt: skip
            rules.add(conn, given(read(asked)), marks=(), author="bench", now=now)
    endpoint(context, "one")
    return names


def price(context: Context, names: list[str], value: float, day: int) -> None:
    """A new price of every series."""
    at = TODAY - timedelta(days=10 - day)
    with context.engine.begin() as conn:
        for name in names:
            new = Quote(series_id=name, ds=at, value=value, available_on=at,
                        recorded_at=context.clock.now(), source="bench", kind="point")  # fmt: skip
            prices.append(conn, [new])
            signals.add(conn, kind="prices", subject=name, at=context.clock.now())


def issue(context: Context, names: list[str], hour: int) -> None:
    """A forecast of every series."""
    at = ISSUED + timedelta(hours=hour)
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=at, reason="bench")
        mine = runs.claim(conn, now=at, worker="bench")
        assert mine is not None
        made = [forecast(name, run_id, issued_at=at, level=480.0 + 20 * hour) for name in names]
        for one in made:
            forecasts.save(conn, one)
            signals.add(conn, kind="forecast", subject=one.series_id, at=at)
        save_answerable(conn, run_id, [answerable(one, 0.0) for one in made])
        runs.finish(conn, mine, finished_at=at, summary={})


@contextmanager
def contexts() -> Iterator[list[tuple[str, Context]]]:
    """One of each database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.running() as server,
        postgres.database(server) as url,
    ):
        urls = (f"sqlite:///{Path(folder, 'bench.db')}", url.render_as_string(hide_password=False))
        made = [open_context(Settings(database_url=u, today=TODAY)) for u in urls]
        yield list(zip(("SQLite", "PostgreSQL"), made, strict=True))
        for context in made:
            context.engine.dispose()


def main() -> None:
    """Print a table."""
    print(f"{RULES:,} rules over {SERIES} series, half on prices in three currencies, half on chances")
    with contexts() as both:
        for name, context in both:
            names = world(context)
            for k in range(4):
                price(context, names, 700.0 + 200 * (k % 2), k)
                issue(context, names, k)
                began = time.perf_counter()
                found = evaluate(context)
                seconds = time.perf_counter() - began
                print(f"{name:10s}  evaluation {k + 1}: {seconds:5.2f} s, {found.signals} signals, "
                      f"{found.alerts:,} alerts judged, {found.told:,} told")  # fmt: skip


if __name__ == "__main__":
    main()
