"""What `serve` does before it listens: schema, reference data, first key, first forecast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from data.reference.load import load_reference
from data.store import forecasts, prices, runs
from data.store.migrate import migrate
from data.store.runs import Run, RunProgress
from service import auth
from service.context import Context
from service.refusals import NotKnown

#: Shown how far a run is.
Watcher = Callable[[RunProgress], None]
#: States that a run does not leave.
ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was done. `key` is the plain text of a key just made: show it once, keep it nowhere."""

    loaded_reference: bool
    key: str | None
    needs_training: bool


def prepare(context: Context, *, reference: bool = True) -> bool:
    """Bring the database to the schema of this version; fill one that was never used with the
    reference data, unless `reference` is False. Was it filled?"""
    migrate(context.engine)
    with context.engine.begin() as conn:
        fresh = reference and not prices.list_series(conn) and not runs.list_runs(conn)
        if fresh:
            load_reference(conn, context.clock.now())
    return fresh


def prepare_to_serve(context: Context, *, reference: bool = True) -> Prepared:
    """The same, and the first key; says whether training is needed before there is anything to show."""
    fresh = prepare(context, reference=reference)
    key = auth.first_key(context)
    with context.engine.connect() as conn:
        needed = bool(prices.list_series(conn)) and not forecasts.latest_issued_at(conn)
    return Prepared(loaded_reference=fresh, key=key, needs_training=needed)


def watch(context: Context, run_id: int, watcher: Watcher, *, every_seconds: float = 0.25) -> Run:
    """Block until a run has ended, showing its progress to `watcher`; the run as it ended. Raises
    NotKnown."""
    while True:
        with context.engine.connect() as conn:
            run = runs.get_run(conn, run_id)
        if run is None:
            raise NotKnown("run_id", run_id, "a number that ytterby runs list shows")
        if run.state in ENDED:
            return run
        watcher(run.progress or RunProgress(stage=run.state))
        time.sleep(every_seconds)
