"""Endpoints over real receivers, and deliveries driven to rest: the words that tests of webhooks share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from data.store import delivery_log
from data.store.deliveries import Attempt
from data.store.delivery_log import Delivery
from data.store.migrate import migrate
from service.addresses import networks
from service.clock import Clock
from service.context import Context, open_context
from service.outgoing import Limits, Outgoing
from service.settings import Settings
from service.webhooks import endpoints, outbox
from service.webhooks.dispatch import Dispatch
from service.webhooks.formats import Message
from service.webhooks.secrets import needed_vault, new_key

KEY = new_key()
#: Loopback is allowed, as an operator would allow a network of his own.
ALLOWED = "127.0.0.0/8"
OUTGOING = Outgoing(allowed=networks(ALLOWED))
QUICK = Limits(connect_seconds=0.5, total_seconds=0.5)
PATIENCE = 60.0


def settings(database_url: str, **changes: Any) -> Settings:
    """Settings with a key for secrets."""
    values = {"secret_key": KEY, "allowed_networks": ALLOWED, "delivery_threads": 16} | changes
    return Settings(database_url=database_url, **values)


def desk(database_url: str) -> Context:
    """A migrated database of its own."""
    context = open_context(settings(database_url))
    migrate(context.engine)
    return context


def changed(context: Context, **changes: Any) -> Context:
    """The same database under other settings."""
    return replace(context, settings=settings(context.settings.database_url, **changes))


def later(context: Context, by: timedelta) -> Context:
    """The same at another time."""
    return replace(context, clock=Clock(shift=context.clock.shift + by))


def at(context: Context, instant: datetime) -> Context:
    """The same at that instant or a moment after it."""
    return later(context, instant - context.clock.now() + timedelta(milliseconds=1))


def add(context: Context, url: str, name: str = "desk", format: str = "standard") -> int:
    """An endpoint; its number."""
    made, _ = endpoints.create(context, {"name": name, "url": url, "format": format}, "test")
    return made.endpoint_id


def tell(context: Context, *alerts: int, to: tuple[int, ...] = (), title: str = "told", **data: Any) -> int:
    """A message in the outbox, of these alerts; how many endpoints it waits for."""
    now = context.clock.now()
    message = Message(type="alert.firing", at=now, title=title, text="made up", data={"title": title} | data)
    with context.engine.begin() as conn:
        return outbox.enqueue(conn, message, endpoints=to, alerts=alerts, now=now)


def dispatch(context: Context, limits: Limits = QUICK, outgoing: Outgoing = OUTGOING) -> Dispatch:
    """What sends."""
    return Dispatch(context, outgoing, needed_vault(context.settings), limits)


def drive(context: Context, limits: Limits = QUICK, outgoing: Outgoing = OUTGOING) -> None:
    """Send all that is due, until nothing is in flight."""
    sender = dispatch(context, limits, outgoing)
    until(lambda: not sender.turn() and not sender.flying, "deliveries to come to rest", sender)


def until(check: Callable[[], bool], what: str, sender: Dispatch) -> None:
    """Poll, letting attempts end meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        sender.wait(0.05)


def found(context: Context, endpoint_id: int | None = None) -> list[Delivery]:
    """Deliveries, oldest first."""
    with context.engine.connect() as conn:
        return list(reversed(delivery_log.list_(conn, endpoint_id=endpoint_id, limit=10_000)))


def tried(context: Context, delivery_id: int) -> list[Attempt]:
    """Attempts of a delivery, oldest first."""
    with context.engine.connect() as conn:
        return list(delivery_log.attempts(conn, delivery_id))
