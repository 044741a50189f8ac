"""The transactional outbox: a message becomes rows in the transaction of what it tells of."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from data.store import deliveries
from data.store import endpoints as endpoint_store
from service.webhooks.formats import Message, render

__all__ = ["DISABLED", "Message", "enqueue"]

DISABLED = "the endpoint is disabled"


def enqueue(
    conn: Connection,
    message: Message,
    *,
    endpoints: Collection[int] = (),
    alerts: Collection[int] = (),
    now: datetime,
) -> int:
    """Put a message into the outbox of each endpoint, of every active one when none is named; how many wait
    to be sent.

    Call it in the transaction that changes what the message tells of. The bytes are made here, once, with an
    id of their own. alerts: what it tells of; deliveries of one alert reach an endpoint in their order. For a
    named endpoint that is disabled the message is kept but not sent: to recover the endpoint sends it.
    """
    bodies: dict[str, bytes] = {}
    waiting = 0
    for one in endpoint_store.list_(conn):
        active = one.state == endpoint_store.ACTIVE
        if not (one.endpoint_id in endpoints if endpoints else active):
            continue
        if one.format not in bodies:
            bodies[one.format] = render(one.format, message)
        deliveries.add(
            conn,
            endpoint_id=one.endpoint_id,
            message_id=f"msg_{secrets.token_hex(16)}",
            type=message.type,
            title=message.title,
            body=bodies[one.format],
            alerts=alerts,
            now=now,
            failed=None if active else DISABLED,
        )
        waiting += active
    return waiting
