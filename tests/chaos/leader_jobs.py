"""Tiny jobs for workers under chaos. Each leaves a row that says which slot it ran, and under which fence."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select

from data.store.columns import Instant
from data.store.slots import Slot
from service.context import Context
from service.worker.jobs import Job, Result

effect = Table(
    "chaos_effect",
    MetaData(),
    Column("effect_id", Integer, primary_key=True),
    Column("job", String, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("fence", Integer, nullable=False),
    sqlite_autoincrement=True,
)
#: How long the slow job works between its start and its write.
WORK_SECONDS = 0.3


def _write(context: Context, slot: Slot, *, again: bool) -> Result:
    row = {"job": slot.job, "scheduled_for": slot.scheduled_for, "fence": slot.fence}
    with context.engine.begin() as conn:
        mine = (effect.c.job == slot.job) & (effect.c.scheduled_for == slot.scheduled_for)
        if again and conn.execute(select(effect.c.effect_id).where(mine)).first():
            return {"written": "before"}
        conn.execute(insert(effect).values(row))
    return {"written": "now"}


def _once(context: Context, slot: Slot) -> Result:
    return _write(context, slot, again=False)


def _repeatable(context: Context, slot: Slot) -> Result:
    return _write(context, slot, again=True)


def _slow(context: Context, slot: Slot) -> Result:
    threading.Event().wait(WORK_SECONDS)
    return _write(context, slot, again=True)


def _job(name: str, act: Callable[[Context, Slot], Result], *, repeatable: bool) -> Job:
    return Job(name=name, about="chaos", schedule=lambda _: "every: 1s", act=act, repeatable=repeatable)


JOBS = (
    _job("once", _once, repeatable=False),
    _job("repeatable", _repeatable, repeatable=True),
    _job("slow", _slow, repeatable=True),
)
