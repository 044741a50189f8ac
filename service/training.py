"""Use cases about training runs that cost nothing: ask, watch, read figures. Fitting is in fitting.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data.store import backtests, runs
from data.store.runs import Run
from service.context import Context
from service.refusals import Ended, NotKnown, NotYet

SCORE_COLUMNS = ("series_id", "model", "step", "metric", "value", "low", "high", "n")


def request(context: Context, reason: str) -> Run:
    """Queue a run and return it, or the one that is queued already: it will see all that this one would."""
    with context.engine.begin() as conn:
        run_id = runs.join(conn, requested_at=context.clock.now(), reason=reason)
        found = runs.get_run(conn, run_id)
    if found is None:
        raise LookupError(f"run {run_id} was queued and cannot be read back")
    return found


def list_runs(context: Context, limit: int) -> Sequence[Run]:
    """The newest runs first, at most `limit`."""
    with context.engine.connect() as conn:
        return runs.list_runs(conn, limit=limit)


def get_run(context: Context, run_id: int) -> Run:
    """One run. Raises NotKnown."""
    with context.engine.connect() as conn:
        found = runs.get_run(conn, run_id)
    if found is None:
        raise NotKnown("run_id", run_id, "a number that GET /v1/training-runs shows")
    return found


def newest(context: Context) -> Run:
    """The run that was asked for last. Raises NotYet before the first."""
    found = list_runs(context, 1)
    if not found:
        raise NotYet("run", "none", "one that was asked for: POST /v1/training-runs, or ytterby train")
    return found[0]


def cancel(context: Context, run_id: int) -> Run:
    """End a run that is queued or running; as it then stands. Its worker stops within about a second, and
    nothing of it is stored. Cancelling twice is cancelling once. Raises NotKnown, and Ended for one that is
    over."""
    with context.engine.begin() as conn:
        runs.cancel(conn, run_id, finished_at=context.clock.now())
    found = get_run(context, run_id)
    if found.state != "cancelled":
        raise Ended("run_id", f"{run_id}, which is {found.state}", "a run that is queued or running")
    return found


def scores(
    context: Context,
    run_id: int | None,
    *,
    series_id: str | None = None,
    model: str | None = None,
    metric: str | None = None,
) -> tuple[int, list[dict[str, Any]]]:
    """Backtest figures of a run (None: the newest finished one) as mappings of SCORE_COLUMNS.

    Raises NotYet before the first finished run, NotKnown for a filter that matches nothing.
    """
    with context.engine.connect() as conn:
        if run_id is None:
            done = runs.newest_done(conn)
            if done is None:
                raise NotYet("backtest", "none", "a finished run: POST /v1/training-runs, or ytterby train")
            run_id = done.run_id
        elif runs.get_run(conn, run_id) is None:
            raise NotKnown("run_id", run_id, "a number that GET /v1/training-runs shows")
        table = backtests.load(conn, run_id)
    for name, wanted in (("series_id", series_id), ("model", model), ("metric", metric)):
        if wanted is not None:
            known = sorted(set(table[name]))
            if wanted not in known:
                raise NotKnown(
                    name, wanted, "one of " + (", ".join(known) or "none: this run has no figures")
                )
            table = table[table[name] == wanted]
    table = table.astype(object).where(table.notna(), None)
    rows = table[list(SCORE_COLUMNS)].itertuples(index=False, name=None)
    return run_id, [dict(zip(SCORE_COLUMNS, row, strict=True)) for row in rows]
