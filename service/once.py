"""Use case: what a request asks for is done once, however often the request is sent.

The answer is kept in the transaction that did the work. A crash leaves both or neither, so that sending the
request again is right in either case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from data.store import idempotency
from data.store.engine import joining
from data.store.idempotency import Asked, Given
from service.context import Context
from service.refusals import NotYet, Refusal

KEPT = timedelta(hours=24)
FIELD = "Idempotency-Key"


def once(
    context: Context, asked: Asked, work: Callable[[Context], tuple[Given, Given]]
) -> tuple[Given, bool]:
    """The answer to a request, and whether it was given before. `work` is done with a context whose
    transactions are all part of one; it returns the answer, and the answer to be kept (without secrets).

    Raises Refusal for a key that another body came with in the last 24 hours, NotYet while the first request
    with it is at work. What `work` raises undoes everything: that key may be sent again.
    """
    now = context.clock.now()
    with context.engine.begin() as conn:
        if not idempotency.claim(conn, asked):
            raise NotYet(FIELD, asked.key, "the same again in a moment: the first request is being worked on")
        idempotency.forget(conn, now - KEPT)
        found = idempotency.find(conn, asked)
        if found is not None:
            digest, given = found
            if digest != asked.digest:
                raise Refusal(
                    FIELD, asked.key, "a new key: this one came with another body in the last 24 hours"
                )
            return given, True
        answer, kept = work(replace(context, engine=joining(conn)))
        idempotency.keep(conn, asked, kept, now)
        return answer, False
