"""One delivery through its steps: claim (a transaction), attempt (the network), record (a transaction)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from data.store import deliveries, endpoints
from data.store.deliveries import Attempt, Claimed, Ended
from service import logs
from service.clock import Clock
from service.context import Context
from service.outgoing import Answer, Limits, Outgoing, Unanswered
from service.webhooks import outbox, sign
from service.webhooks.formats import Message
from service.webhooks.retries import PATIENCE, next_delay, retry_after
from service.webhooks.secrets import SecretUnreadable, Vault

#: Longer than any attempt takes. What it exceeds the deadline by is how far the clocks of two machines may
#: be apart before one takes over what the other is still sending.
LEASE = timedelta(seconds=60)
_SHOWN = 500
_GONE = 410


def claim(context: Context, delivery_ids: Sequence[int]) -> tuple[Claimed, ...]:
    """Take deliveries for this process; those that others were quicker with are missing."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        return deliveries.claim(conn, delivery_ids, now=now, leased_until=now + LEASE)


def attempt(claimed: Claimed, outgoing: Outgoing, vault: Vault, clock: Clock, limits: Limits) -> Ended:
    """Sign and POST, once. No transaction is open, and nothing is raised for what the other side does."""
    started_at, began = clock.now(), time.perf_counter()
    answer, words, sent = None, None, False
    try:
        secret = vault.open(claimed.secret)
        answer = outgoing.request(
            "POST",
            secret.url or claimed.url,
            headers={"Content-Type": "application/json"}
            | sign.headers(secret.in_force(started_at), claimed.message_id,
                           int(clock.wall().timestamp()), claimed.body),
            body=claimed.body,
            limits=limits,
        )  # fmt: skip
        words = _objection(answer)
        sent = 200 <= answer.status < 300  # and if words object: it may have taken the message
    except Unanswered as error:
        words, sent = str(error), error.sent
    except SecretUnreadable as error:
        words = str(error)
    made = Attempt(
        number=claimed.claims,
        started_at=started_at,
        milliseconds=round(1000 * (time.perf_counter() - began), 1),
        outcome=_outcome(words, sent),
        status=None if answer is None else answer.status,
        error=words and readable(words),
        answer=readable(answer.body.decode("utf-8", "replace")) if answer else None,
    )
    header = None if answer is None else answer.headers.get("retry-after")
    return ended(claimed, made, clock.now(), retry_after(header, clock.wall()))


def ended(claimed: Claimed, made: Attempt, now: datetime, wished: timedelta | None = None) -> Ended:
    """The attempt and what follows from it."""
    failures = claimed.failures + 1
    delay = None
    if made.outcome != deliveries.DELIVERED and made.status != _GONE:
        delay = next_delay(failures, claimed.message_id, wished)
    return Ended(
        delivery_id=claimed.delivery_id,
        endpoint_id=claimed.endpoint_id,
        claims=claimed.claims,
        attempt=made,
        due_at=None if delay is None else now + delay,
        reason=made.error and f"given up after {failures} failed attempts: {made.error}",
    )


def record(context: Context, results: Sequence[Ended]) -> None:
    """Write down what came of attempts, in one transaction; an endpoint that is gone, or answered nothing but
    failures for PATIENCE, is disabled in it, and every other one is told."""
    now = context.clock.now()
    log = logs.get("webhooks")
    disabled = []
    with context.engine.begin() as conn:
        reasons = _note(conn, results, now)
        deliveries.record(conn, results, now)
        for endpoint_id, reason in reasons.items():
            found = endpoints.disable(conn, endpoint_id, reason=reason, now=now)
            if found is not None:
                kept = deliveries.give_up(conn, endpoint_id, reason=outbox.DISABLED, now=now)
                outbox.enqueue(conn, _told(found, kept, now), now=now)
                disabled.append((found.name, reason, kept))
    for one in results:
        if not _arrived(one):
            log.warning("not delivered", delivery=one.delivery_id, endpoint=one.endpoint_id,
                        attempt=one.claims, outcome=one.attempt.outcome, error=one.attempt.error,
                        again_at=one.due_at and one.due_at.isoformat())  # fmt: skip
    for name, reason, kept in disabled:
        log.error("endpoint disabled", endpoint=name, reason=reason, deliveries_kept=kept)


def _note(conn: Connection, results: Sequence[Ended], now: datetime) -> dict[int, str]:
    """Note how endpoints answered; those to be disabled, with the reason."""
    reasons: dict[int, str] = {}
    outcomes = {
        state: {one.endpoint_id for one in results if _arrived(one) == state} for state in (True, False)
    }
    changing = endpoints.lock(conn, arrived=outcomes[True], failed=outcomes[False])
    by_endpoint = sorted(
        (one for one in results if one.endpoint_id in changing), key=lambda one: one.endpoint_id
    )
    for (endpoint_id, arrived), some in groupby(by_endpoint, lambda one: (one.endpoint_id, _arrived(one))):
        if arrived:
            endpoints.note_success(conn, endpoint_id, now)
            continue
        since = endpoints.note_failure(conn, endpoint_id, now, forget_before=now - PATIENCE)
        if any(one.attempt.status == _GONE for one in some):
            reasons[endpoint_id] = "it answered 410: gone"
        elif now - since >= PATIENCE:
            reasons[endpoint_id] = f"nothing but failures since {since:%Y-%m-%d %H:%M} UTC"
    return reasons


def _arrived(one: Ended) -> bool:
    return one.attempt.outcome == deliveries.DELIVERED


def _told(endpoint: endpoints.Endpoint, kept: int, now: datetime) -> Message:
    how = f"Once it answers again: ytterby endpoints enable {endpoint.endpoint_id}, then recover."
    return Message(
        type="endpoint.disabled",
        at=now,
        title=f"Webhook endpoint {endpoint.name!r} is disabled",
        text=f"Why: {endpoint.reason}. Deliveries kept for it: {kept}. {how}",
        data={
            "endpoint_id": endpoint.endpoint_id,
            "name": endpoint.name,
            "reason": endpoint.reason,
            "failing_since": endpoint.failing_since,
            "deliveries_kept": kept,
        },
    )


def _outcome(words: str | None, sent: bool) -> str:
    if words is None:
        return deliveries.DELIVERED
    return deliveries.AMBIGUOUS if sent else deliveries.FAILED


def _objection(answer: Answer) -> str | None:
    """Why this answer is no success; None when it is."""
    if 300 <= answer.status < 400:
        return f"status {answer.status}: redirects are not followed"
    if not 200 <= answer.status < 300:
        return f"status {answer.status}"
    return None if answer.cut is None else f"status {answer.status}, but not the whole answer: {answer.cut}"


def readable(text: str) -> str:
    """The beginning of a text from outside, without control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in text[: 4 * _SHOWN]).strip()[:_SHOWN]
