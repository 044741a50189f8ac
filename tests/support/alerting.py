"""Rules armed, prices posted, messages read: the words that tests of alerts share."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from sqlalchemy import select

from data.store import endpoints, rules, signals
from data.store.tables import delivery, delivery_alert
from service import ingest
from service.alerts.reading import given, read
from service.context import Context

NO_SECRET = "none"


def arm(context: Context, **content: Any) -> int:
    """A rule as the desk keeps it; its id."""
    asked = {"name": "made up", "kind": "price"} | content
    now = context.clock.now()
    with context.engine.begin() as conn:
        made = rules.add(conn, given(read(asked)), marks=(), author="test", now=now)
        signals.add(conn, kind="rule", subject=str(made.rule_id), at=now)
    return made.rule_id


def endpoint(context: Context, name: str, url: str = "https://example.com/hook", *, secret: str = NO_SECRET,
             format: str = "standard") -> int:  # fmt: skip
    """An active endpoint; its id."""
    with context.engine.begin() as conn:
        made = endpoints.add(
            conn, name=name, url=url, format=format, secret=secret, author="test", now=context.clock.now()
        )
    return made.endpoint_id


def post(context: Context, series_id: str, *priced: tuple[date, float], source: str = "test") -> None:
    """Quotes as they come in over HTTP; each has to be taken."""
    rows = [
        {
            "ds": day.isoformat(),
            "y": value,
            "kind": "point",
            "available_on": day.isoformat(),
            "source": source,
        }
        for day, value in priced
    ]
    content = ingest.Content(media_type=ingest.JSON, body=json.dumps({"rows": rows}).encode())
    taken = ingest.ingest(context, content, series_id=series_id, all_or_nothing=True)
    assert taken.added + taken.corrected == len(priced), taken


def sent(context: Context, endpoint_id: int | None = None) -> list[dict[str, Any]]:
    """Bodies in the outbox, oldest first."""
    chosen = select(delivery.c.body).order_by(delivery.c.delivery_id)
    if endpoint_id is not None:
        chosen = chosen.where(delivery.c.endpoint_id == endpoint_id)
    with context.engine.connect() as conn:
        return [json.loads(body) for body in conn.execute(chosen).scalars()]


def told(context: Context, endpoint_id: int | None = None) -> list[tuple[str, str]]:
    """(type, reason) of each thing told, digests taken apart."""
    found = []
    for body in sent(context, endpoint_id):
        data = body["data"]
        found += [(one["type"], one["reason"]) for one in data.get("alerts", [data])]
    return found


def linked(context: Context) -> set[tuple[int, int]]:
    """(delivery, alert) pairs that order is kept by."""
    with context.engine.connect() as conn:
        rows = conn.execute(select(delivery_alert.c.delivery_id, delivery_alert.c.alert_id))
        return {(row.delivery_id, row.alert_id) for row in rows}
