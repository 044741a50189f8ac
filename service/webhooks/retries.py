"""When to try again, and when to stop trying. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

#: Delay after the first failed attempt, the second ...; after one more failure it is given up.
DELAYS: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.2
LONGEST_WAIT = timedelta(hours=24)
#: Nothing but failures for so long disables an endpoint.
PATIENCE = timedelta(days=5)


def next_delay(failures: int, message_id: str, wished: timedelta | None = None) -> timedelta | None:
    """How long to wait after the failure with that number (from 1); None: give up.

    The jitter is drawn from the message and the number, so that whoever repeats the question gets the same
    answer. wished: what the receiver asked for, honoured between the delay of the table and LONGEST_WAIT.
    """
    if failures > len(DELAYS):
        return None
    drawn = hashlib.sha256(f"{message_id}.{failures}".encode()).digest()
    share = int.from_bytes(drawn[:8], "big") / 2**64
    scheduled = DELAYS[failures - 1] * (1 - JITTER + 2 * JITTER * share)
    return scheduled if wished is None else max(scheduled, min(wished, LONGEST_WAIT))


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for: seconds or an HTTP date; None for neither.

    now: by the clock on the wall, which is what the sender of a date went by.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), 10**9))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else max(at - now, timedelta(0))
