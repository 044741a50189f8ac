"""The transactional outbox: a message becomes rows in the transaction of what it tells of."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from data.store import deliveries
from data.store import endpoints as endpoint_store
from data.store.endpoints import Endpoint
from service.webhooks.formats import Message, render

__all__ = ["DISABLED", "Message", "enqueue", "post"]

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
    known = endpoint_store.list_(conn)
    wanted = [one for one in known if (one.endpoint_id in endpoints if endpoints else _is_active(one))]
    for one in wanted:
        post(conn, one, message, alerts=alerts, now=now)
    return sum(map(_is_active, wanted))


def post(
    conn: Connection, endpoint: Endpoint, message: Message, *, alerts: Collection[int] = (), now: datetime
) -> int:
    """Put a message into the outbox of one endpoint; the number of the delivery."""
    return deliveries.add(
        conn,
        endpoint_id=endpoint.endpoint_id,
        message_id=f"msg_{secrets.token_hex(16)}",
        type=message.type,
        title=message.title,
        body=render(endpoint.format, message),
        alerts=alerts,
        now=now,
        failed=None if _is_active(endpoint) else DISABLED,
    )


def _is_active(endpoint: Endpoint) -> bool:
    return endpoint.state == endpoint_store.ACTIVE
