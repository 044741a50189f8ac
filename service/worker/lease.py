"""This process's side of the lease: renew it while leading; else watch, and take it from a silent leader.

Silence is measured on this process's own monotonic clock: from the moment that it last saw a new renewal.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine

from data.store import leases
from data.store.leases import Fence
from data.store.leases import Lease as Stored
from service import logs
from service.clock import Clock

#: Renewals, and looks of those who wait, in the time after which a silent leader is replaced.
BEATS = 10


class Silence:
    """For how long has nothing new been seen? Pure but for what it has been shown."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def seconds(self, seen: Stored, at: float) -> float:
        """Seconds since the lease was first seen as it is now. at: monotonic seconds."""
        if (seen.fence, seen.beats) != self._seen:
            self._seen, self._since = (seen.fence, seen.beats), at
        return at - self._since


class Lease:
    """One process's claim to lead. `beat` every `pause` seconds, from one thread."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        holder: str,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._holder = holder
        self._seconds = seconds
        self._monotonic = monotonic
        self._silence = Silence()
        self._fence: Fence | None = None

    @property
    def pause(self) -> float:
        """Seconds between two beats."""
        return self._seconds / BEATS

    def beat(self) -> Fence | None:
        """Give or look for a sign of life; the fence while this process leads."""
        if self._fence is not None:
            with self._engine.begin() as conn:
                if leases.renew(conn, self._fence):
                    return self._fence
            logs.get("worker").warning("another worker leads by now", fence=self._fence.number)
            self._fence = None
        with self._engine.connect() as conn:
            seen = leases.read(conn)
        silent = self._silence.seconds(seen, self._monotonic())
        if seen.holder is None or silent >= self._seconds:
            with self._engine.begin() as conn:
                self._fence = leases.take(
                    conn, seen, holder=self._holder, seconds=self._seconds, now=self._clock.now()
                )
        return self._fence

    def leave(self) -> None:
        """Stop leading, so that another worker need not wait."""
        if self._fence is not None:
            with self._engine.begin() as conn:
                leases.leave(conn, self._fence)
            self._fence = None
