"""Series whose price crosses a threshold with each quote: every quote is one thing to be told."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import event, func, select

from data.store import prices
from data.store.migrate import migrate
from data.store.tables import alert_signal, alert_transition, delivery
from data.types import Quote
from service.alerts.evaluate import evaluate
from service.context import Context, open_context
from service.settings import Settings
from service.webhooks import endpoints
from service.webhooks.secrets import new_key
from tests.support.alerting import arm, post
from tests.support.receiver import Receiver
from tests.support.service_world import TODAY, catalogue

FIRST = date(2024, 1, 1)
HIGH, LOW = 120.0, 80.0


def settings(database_url: str, threads: int) -> Settings:
    """On one database, with loopback as the operator's own network. threads: in flight a worker."""
    return Settings(
        database_url=database_url,
        today=TODAY,
        secret_key=new_key(),
        allowed_networks="127.0.0.0/8",
        delivery_threads=threads,
    )


def environment(chosen: Settings) -> dict[str, str]:
    """The same for a process of its own."""
    assert chosen.secret_key is not None
    return os.environ | {
        "YTTERBY_DATABASE_URL": chosen.database_url,
        "YTTERBY_TODAY": TODAY.isoformat(),
        "YTTERBY_SECRET_KEY": chosen.secret_key.get_secret_value(),
        "YTTERBY_ALLOWED_NETWORKS": chosen.allowed_networks,
        "YTTERBY_DELIVERY_THREADS": str(chosen.delivery_threads),
    }


def opened(chosen: Settings) -> Context:
    """A context that does not wait for a disk: what a killed process wrote, the kernel keeps."""
    context = open_context(chosen)
    if context.engine.dialect.name == "sqlite":

        @event.listens_for(context.engine, "connect")
        def _prepare(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")

    return context


@contextmanager
def world(chosen: Settings, receiver: Receiver, series: int, paths: Sequence[str]) -> Iterator[Context]:
    """Armed: one endpoint a path, a rule a series that tells the first and one of the others, prices low."""
    context = opened(chosen)
    try:
        _arm(context, receiver, series, paths)
        yield context
    finally:
        context.engine.dispose()


def _arm(context: Context, receiver: Receiver, series: int, paths: Sequence[str]) -> None:
    migrate(context.engine)
    base = catalogue()[0]
    with context.engine.begin() as conn:
        for k in range(series):
            prices.add_series(conn, replace(base, series_id=name(k), frequency="dated"))
            first = Quote(series_id=name(k), ds=FIRST, value=LOW, available_on=FIRST,
                          recorded_at=context.clock.now(), source="made up", kind="point")  # fmt: skip
            prices.append(conn, [first])
    ids = [
        endpoints.create(context, {"name": path, "url": receiver.url + path}, "chaos")[0].endpoint_id
        for path in paths
    ]
    for k in range(series):
        told = [ids[0], ids[1 + k % (len(ids) - 1)]]
        arm(context, series_id=name(k), threshold=100.0, stale_after_days=3660, endpoints=told)
    evaluate(context)


def name(k: int) -> str:
    return f"made-{k:02d}"


def happen(context: Context, k: int, series: int) -> None:
    """The k-th thing to be told: the next quote of a series, on the other side of the threshold."""
    round_, which = divmod(k, series)
    post(context, name(which), (FIRST + timedelta(days=round_ + 1), LOW if round_ % 2 else HIGH))


def unfinished(context: Context) -> int:
    """Signals and deliveries that wait."""
    with context.engine.connect() as conn:
        waiting = conn.execute(select(func.count()).select_from(alert_signal)).scalar_one()
        queued = select(func.count()).select_from(delivery).where(delivery.c.state == "queued")
        return int(waiting) + int(conn.execute(queued).scalar_one())


def end_state(context: Context) -> dict[str, list[tuple[object, ...]]]:
    """What must be the same whatever died on the way: histories, and what was told to whom in which order."""
    with context.engine.connect() as conn:
        t = alert_transition.c
        lines = [
            tuple(row)
            for row in conn.execute(
                select(t.alert_id, t.before, t.after, t.reason, t.observation).order_by(
                    t.alert_id, t.transition_id
                )
            )
        ]
        rows = conn.execute(
            select(delivery.c.endpoint_id, delivery.c.state, delivery.c.body).order_by(delivery.c.delivery_id)
        ).all()
    told: dict[tuple[object, ...], list[tuple[object, ...]]] = defaultdict(list)
    for row in rows:
        for alert_id, kind in told_in(row.body):
            told[row.endpoint_id, alert_id].append((row.state, kind))
    return {"lines": lines, "told": [(*key, *what) for key, what in sorted(told.items())]}


def told_in(body: bytes) -> list[tuple[int, str]]:
    """(alert, type) of each thing that a message tells."""
    data = json.loads(body)["data"]
    return [(one["alert_id"], one["type"]) for one in data.get("alerts", [data])]
