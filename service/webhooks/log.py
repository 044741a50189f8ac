"""Use cases: what was sent, what came of it, and once more."""

from __future__ import annotations

from dataclasses import dataclass

from data.store import deliveries, delivery_log, endpoints
from data.store.deliveries import Attempt
from data.store.delivery_log import Delivery
from service.context import Context
from service.refusals import NotKnown, NotYet, Refusal

STATES = (deliveries.QUEUED, deliveries.DELIVERED, deliveries.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A delivery with every attempt, the alerts it tells of, and the text that is sent."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]
    alerts: tuple[int, ...]
    body: str


def list_deliveries(
    context: Context, *, endpoint_id: int | None = None, state: str | None = None, limit: int = 100
) -> tuple[Delivery, ...]:
    """The newest deliveries first, at most `limit`."""
    if state is not None and state not in STATES:
        raise Refusal("state", state, "one of " + ", ".join(STATES))
    if not 1 <= limit <= context.settings.max_rows:
        raise Refusal("limit", limit, f"1 to {context.settings.max_rows}")
    with context.engine.connect() as conn:
        return delivery_log.list_(conn, endpoint_id=endpoint_id, state=state, limit=limit)


def get_delivery(context: Context, delivery_id: int) -> Detail:
    """One delivery. Raises NotKnown."""
    with context.engine.connect() as conn:
        found = delivery_log.get(conn, delivery_id)
        if found is None:
            raise _unknown(delivery_id)
        return Detail(
            delivery=found,
            attempts=delivery_log.attempts(conn, delivery_id),
            alerts=delivery_log.alerts(conn, delivery_id),
            body=delivery_log.body(conn, delivery_id).decode(),
        )


def retry(context: Context, delivery_id: int) -> Delivery:
    """Try a delivery again now, with the whole table of delays ahead of it. Raises NotKnown; Refusal for one
    that arrived; NotYet for one that is being sent, or whose endpoint is not active."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        found = delivery_log.get(conn, delivery_id)
        if found is None:
            raise _unknown(delivery_id)
        if found.state == deliveries.DELIVERED:
            raise Refusal("delivery", f"{delivery_id}, which was delivered", "one that waits or failed")
        endpoint = endpoints.get(conn, found.endpoint_id)
        if endpoint is None or endpoint.state != endpoints.ACTIVE:
            raise NotYet("delivery", f"{delivery_id}, to an endpoint that is not active", "enable it first")
        if not deliveries.requeue(conn, now, delivery_id=delivery_id):
            raise NotYet("delivery", f"{delivery_id}, which is being sent", "one that nobody is sending")
        again = delivery_log.get(conn, delivery_id)
    return again or found


def _unknown(delivery_id: int) -> NotKnown:
    return NotKnown("delivery", delivery_id, "a number that the list of deliveries shows")
