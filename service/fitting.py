"""Use case: perform a training run. Reads what is known, fits with no transaction open, stores in one.

Imported by the worker and by `ytterby train` only: it brings every modelling library with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection

from data.reference.load import has_reference
from data.store import prices, runs, signals
from data.store.runs import Run
from forecast.errors import ForecastError, InputError
from forecast.evaluation.exceedance import Exceedance
from forecast.models import CANDIDATES
from forecast.models.base import Candidate
from forecast.pipeline import PanelRun, train_panel
from forecast.types import Progress, Step
from service import inputs as given
from service import logs, promotion, scoring
from service.context import Context
from service.fit_process import Limits
from service.heartbeat import Heartbeat, worker_name
from service.inputs import Inputs
from service.pace import Pace
from service.pool import fitting_pool
from service.refusals import Refusal
from service.results import results, save
from service.startup import Watcher, watch
from service.training import get_run, request
from service.trial import Trial, trial
from service.version import library_versions, machine

FREQ = "MS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a run made. scores: long frame of scoring.COLUMNS. trial: None where nothing could be scored."""

    panel: PanelRun
    exceedances: tuple[Exceedance, ...]
    scores: pd.DataFrame
    cutoffs: tuple[date, ...]
    seconds: float
    trial: Trial | None = None


def run_here(context: Context, reason: str, watcher: Watcher) -> Run:
    """Ask for a run and do it in this process, unless a worker takes it first: then wait for that one."""
    asked = request(context, reason)
    while True:
        with context.engine.begin() as conn:
            run = runs.claim(conn, now=context.clock.now(), worker=worker_name())
        if run is None:
            return watch(context, asked.run_id, watcher)
        ended = perform(context, run, watcher)
        if run.run_id == asked.run_id:
            return ended


def perform(
    context: Context, run: Run, watcher: Watcher | None = None, *, models: Sequence[Candidate] = CANDIDATES
) -> Run:
    """Do a claimed run to its end and return it as it then stands: done, failed with the reason, or
    cancelled.

    Ctrl-C fails it. If this process is told to stop otherwise, the run goes back to the queue. Either way the
    interruption goes on to the caller.
    """
    try:
        with context.engine.connect() as conn:
            newest = runs.newest_done(conn)
        pace = Pace((newest.summary or {}).get("stages") if newest else None)
        with Heartbeat(context, run, pace) as beat:

            def report(step: Step) -> None:
                progress = beat.report(step)
                if watcher is not None:
                    watcher(progress)

            read_at = context.clock.now()
            with context.engine.connect() as conn:
                known = given.load(conn, context.clock.today())
            fitted = fit(known, context, report, check=beat.check, models=models)
            stages = pace.seconds(time.perf_counter())
            _store(context, run, known, fitted, read_at, stages)
    except Exception as error:  # noqa: BLE001 - whatever it was, the run must end with its reason
        expected = isinstance(error, ForecastError)
        if not expected:
            logs.get("worker").exception("a training run failed unexpectedly", run=run.run_id)
        why = str(error) if expected else f"{type(error).__name__}: the worker's log says more"
        with context.engine.begin() as conn:  # changes nothing if it was cancelled, or is another worker's
            runs.fail(conn, run, finished_at=context.clock.now(), error=why)
    except KeyboardInterrupt:
        with context.engine.begin() as conn:
            runs.fail(conn, run, finished_at=context.clock.now(), error="stopped by hand")
        raise
    except BaseException:
        with context.engine.begin() as conn:
            runs.release(conn, run)
        raise
    return get_run(context, run.run_id)


def fit(
    known: Inputs,
    context: Context,
    report: Progress,
    *,
    check: Callable[[], None] = lambda: None,
    models: Sequence[Candidate] = CANDIDATES,
) -> Fitted:
    """Forecast and backtest. No database here. check: as in fitting_pool."""
    if known.history.empty:
        raise InputError(
            "prices", "none available", "at least one series: ytterby import, or data load-reference"
        )
    started = time.perf_counter()
    settings = context.settings
    lag = scoring.lags(known.history, known.known_at)
    folds = scoring.cutoffs(known.history, lag, settings.cutoffs)
    limits = Limits(seconds=settings.fit_seconds, megabytes=settings.fit_memory_mb)
    with fitting_pool(settings.processes, settings.executor, limits=limits, check=check) as executor:
        panel, backtest = train_panel(
            known.history,
            horizon=settings.horizon,
            freq=FREQ,
            cutoffs=folds,
            events=known.events,
            relations=known.relations,
            fx=known.fx,
            known_at=known.known_at,
            lag=lag,
            executor=executor,
            seed=settings.seed,
            models=models,
            progress=report,
            recipes=True,
        )
    report(Step(stage="scores", done=0, total=1))
    elements = {s.series_id: s.element for s in known.series}
    scores = scoring.score(backtest.rows, known.history, {r.target for r in known.relations})
    return Fitted(
        panel=panel,
        exceedances=backtest.exceedances,
        scores=scores,
        trial=trial(backtest.rows, known.history, known.events, elements),
        cutoffs=tuple(folds),
        seconds=time.perf_counter() - started,
    )


def _store(
    context: Context,
    run: Run,
    known: Inputs,
    fitted: Fitted,
    read_at: datetime,
    stages: Mapping[str, float],
) -> None:
    """Forecasts, exchange-rate paths, figures, who is champion, and the end of the run: all or nothing.

    Raises Refusal when the demonstration prices were removed since `read_at`: what stands on them must not
    come back. Raises RunNotRunning when the run was cancelled, or is another worker's.
    """
    now = context.clock.now()
    stamp = {
        "fingerprint": known.fingerprint,
        "versions": library_versions(),
        "seed": fitted.panel.seed,
        "read_at": read_at.isoformat(),
    }
    summary = {
        "forecasts": len(fitted.panel.forecasts),
        "failures": [list(pair) for pair in fitted.panel.failures],
        "left_out": [
            [f.key.unique_id, r.model, r.why]
            for f in fitted.panel.forecasts
            for r in f.reports
            if r.status != "ok"
        ],
        "lost": [
            [lost.series or None, lost.model, lost.day.isoformat(), lost.why] for lost in fitted.panel.lost
        ],
        "known_at": known.known_at.isoformat(),
        "cutoffs": [day.isoformat() for day in fitted.cutoffs],
        "machine": machine(),
        "seconds": round(fitted.seconds, 1),
        "stages": dict(stages),
        **stamp,
    }
    made = results(fitted.panel, fitted.exceedances, fitted.scores, known, run.run_id, now, stamp)
    with context.engine.begin() as conn:
        _still_there(conn, known)
        decided = promotion.decide_run(
            conn, run, fitted.trial, origins=made.origins, withheld=made.withheld, now=now
        )
        save(conn, run.run_id, made.served(decided, replay=context.clock.shifted))
        for name in sorted({one.series_id for one in made.forecasts}):
            signals.add(conn, kind="forecast", subject=name, detail={"run_id": run.run_id}, at=now)
        runs.finish(conn, run, finished_at=now, summary=summary)


def _still_there(conn: Connection, known: Inputs) -> None:
    # A removal changes catalogue rows first. Holding them, it is either over by now or waits for our end and
    # then takes these forecasts away too. SQLite has one writer anyway.
    prices.lock(conn)
    if known.demonstration and not has_reference(conn):
        raise Refusal(
            "prices",
            "demonstration data that were removed while the run was fitting",
            "prices that stay until a run ends; nothing was stored, ask for another run",
        )
