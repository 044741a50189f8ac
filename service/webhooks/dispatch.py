"""Many deliveries at a time: who is next, and threads that make the attempts.

Threads only talk to the network. Whoever calls turn() does all that concerns the database, so that results
that come in together are recorded together; a process that is killed has at most as many deliveries
unrecorded as it has threads.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence

from data.store import deliveries
from data.store.deliveries import Attempt, Claimed, Due, Ended
from service.context import Context
from service.outgoing import Limits, Outgoing
from service.webhooks import deliver
from service.webhooks.secrets import Vault

#: Attempts at a time to an endpoint whose last one succeeded; to any other it is one.
EACH = 8
#: More than one at a time only while fewer than this share of the threads are at work: were many endpoints to
#: fall silent at once, each holds one of the others, and there are some left for those that answer.
_SECOND_SHARE = 2
#: Endpoints that fail now may take this share of the threads together.
_FAILING_SHARE = 4


class Dispatch:
    """Attempts in flight. turn() again and again; wait() between; close() once."""

    def __init__(
        self, context: Context, outgoing: Outgoing, vault: Vault, limits: Limits | None = None
    ) -> None:
        self._context, self._outgoing, self._vault = context, outgoing, vault
        self._limits = limits or Limits()
        self._threads = context.settings.delivery_threads
        self._flying: dict[int, tuple[Due, Claimed]] = {}
        self._crew: list[threading.Thread] = []
        self._asked: queue.SimpleQueue[Claimed | None] = queue.SimpleQueue()
        self._arrived: queue.SimpleQueue[tuple[Claimed, Ended | None]] = queue.SimpleQueue()
        self._landed: list[tuple[Claimed, Ended | None]] = []

    @property
    def flying(self) -> int:
        """Attempts whose result is not recorded yet."""
        return len(self._flying)

    def turn(self) -> int:
        """Record what ended, begin what is due; how many of both."""
        return self._record() + self._begin()

    def wait(self, seconds: float) -> None:
        """Until an attempt ends, or so long."""
        try:
            self._landed.append(self._arrived.get(timeout=seconds))
        except queue.Empty:
            return

    def close(self, seconds: float) -> None:
        """Begin nothing more; record what ends within so long. The rest waits until its lease runs out."""
        until = time.perf_counter() + seconds
        while self._flying and (left := until - time.perf_counter()) > 0:
            self.wait(left)
            self._record()
        for _ in self._crew:
            self._asked.put(None)

    def _begin(self) -> int:
        flying = Counter(due.endpoint_id for due in self._dues)
        busy = [endpoint_id for endpoint_id, count in flying.items() if count >= EACH]
        with self._context.engine.connect() as conn:
            found = deliveries.due(conn, self._context.clock.now(), each=EACH, busy=busy)
        new = [due for due in found if due.delivery_id not in self._flying]
        chosen = {due.delivery_id: due for due in choose(new, self._dues, self._threads)}
        if not chosen:
            return 0
        claimed = deliver.claim(self._context, list(chosen))
        for one in claimed:
            self._flying[one.delivery_id] = (chosen[one.delivery_id], one)
        self._crew = [one for one in self._crew if one.is_alive()]
        while len(self._crew) < len(self._flying):
            self._crew.append(threading.Thread(target=self._work, name="delivery", daemon=True))
            self._crew[-1].start()
        for one in claimed:
            self._asked.put(one)
        return len(claimed)

    @property
    def _dues(self) -> Collection[Due]:
        """What is in flight, as it was when it began."""
        return [due for due, _ in self._flying.values()]

    def _work(self) -> None:
        """One attempt after the other, in a thread of its own."""
        while (claimed := self._asked.get()) is not None:
            ended = None
            try:
                ended = deliver.attempt(
                    claimed, self._outgoing, self._vault, self._context.clock, self._limits
                )
            finally:  # a fault of ours ends this thread, is printed by it, and recorded as a failure
                self._arrived.put((claimed, ended))

    def _record(self) -> int:
        while True:
            try:
                self._landed.append(self._arrived.get_nowait())
            except queue.Empty:
                break
        if not self._landed:
            return 0
        results = [ended or self._fault(claimed) for claimed, ended in self._landed]
        deliver.record(self._context, results)  # if the database is away they stay, for the next turn
        for claimed, _ in self._landed:
            del self._flying[claimed.delivery_id]
        self._landed.clear()
        return len(results)

    def _fault(self, claimed: Claimed) -> Ended:
        now = self._context.clock.now()
        words = "a fault of this service; its log says which"
        made = Attempt(number=claimed.claims, started_at=now, milliseconds=None,
                       outcome=deliveries.AMBIGUOUS, status=None, error=words, answer=None)  # fmt: skip
        return deliver.ended(claimed, made, now)


def choose(found: Sequence[Due], flying: Collection[Due], threads: int) -> list[Due]:
    """Which of the deliveries that are due begin now, longest due first.

    Endpoints that fail now have one attempt at a time each, and a share of the threads together; the others
    have more than one only while there are threads in plenty. So however many endpoints die, and however long
    each takes to say nothing, those that live have threads left.
    """
    each = Counter(due.endpoint_id for due in flying)
    failing = sum(due.failing for due in flying)
    room = threads - len(flying)
    chosen: list[Due] = []
    for due in found:
        if len(chosen) >= room:
            break
        plenty = len(flying) + len(chosen) < threads // _SECOND_SHARE
        if each[due.endpoint_id] >= (EACH if due.reached and plenty else 1):
            continue
        if due.failing and failing >= max(1, threads // _FAILING_SHARE):
            continue
        each[due.endpoint_id] += 1
        failing += due.failing
        chosen.append(due)
    return chosen
