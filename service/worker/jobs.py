"""The jobs that run on a schedule: one plain table, read top to bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from data.store import idempotency, jobs, prices, slots
from data.store.slots import Slot
from service import training
from service.context import Context
from service.settings import Settings

#: What a job did, as JSON.
Result = Mapping[str, Any]
_SLOTS_KEPT = timedelta(days=100)
#: Twice as long as a repeated request gets the first one's answer.
_REQUESTS_KEPT = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """act: does it, under a context whose every write is fenced; schedule: where its setting is; repeatable:
    may it be done again from the start when the worker that did it died in the middle?"""

    name: str
    about: str
    schedule: Callable[[Settings], str]
    act: Callable[[Context, Slot], Result]
    repeatable: bool = True


def _ingest(context: Context, _slot: Slot) -> Result:
    from service.sources.pull import pull_due

    return Counter(one.outcome for one in pull_due(context, now=context.clock.now()).results)


def _score(context: Context, _slot: Slot) -> Result:
    from service.record.score import score_due

    return asdict(score_due(context, now=context.clock.now()))


def _retrain(context: Context, slot: Slot) -> Result:
    with context.engine.connect() as conn:
        if not prices.list_series(conn):
            return {"run_id": None, "note": "there are no prices yet"}
    return {"run_id": training.request(context, slot.reason).run_id}


def _clean_up(context: Context, _slot: Slot) -> Result:
    now = context.clock.now()
    with context.engine.begin() as conn:
        idempotency.forget(conn, now - _REQUESTS_KEPT)
        return {"slots_removed": slots.prune(conn, now - _SLOTS_KEPT)}


JOBS: tuple[Job, ...] = (
    Job(
        name="ingest",
        about="pull the sources that are due, and take files from the watched folder",
        schedule=lambda settings: settings.job_ingest,
        act=_ingest,
    ),
    Job(
        name="score",
        about="score forecasts whose prices came, and judge each series",
        schedule=lambda settings: settings.job_score,
        act=_score,
    ),
    Job(
        name=jobs.RETRAIN,
        about="queue a training run; also some minutes after a change that asks for one",
        schedule=lambda settings: settings.job_retrain,
        act=_retrain,
    ),
    Job(
        name="clean-up",
        about="remove what is kept for a limited time",
        schedule=lambda settings: settings.job_clean_up,
        act=_clean_up,
    ),
)
