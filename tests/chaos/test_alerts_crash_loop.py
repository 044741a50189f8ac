"""Things to be told go through workers that are killed at random, to a receiver that misbehaves.

Nothing may be lost; every copy of a message has the same id and bytes; and there are no more duplicates than
kills and acknowledgements that nobody could be sure of. A worker has one delivery in flight, so a kill can
double one at most. How much: YTTERBY_CHAOS_EVENTS, YTTERBY_CHAOS_KILLS.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from sqlalchemy import select

from data.store.deliveries import AMBIGUOUS, DELIVERED
from data.store.tables import alert_transition, attempt, delivery
from service.context import Context
from tests.chaos.alerting_world import environment, happen, settings, told_in, unfinished, world
from tests.support.receiver import FOLLOWED, Receiver, receiving

ROOT = Path(__file__).resolve().parents[2]
EVENTS = int(os.environ.get("YTTERBY_CHAOS_EVENTS", "200"))
KILLS = int(os.environ.get("YTTERBY_CHAOS_KILLS", "20"))
WORKERS, PATHS = 3, ("/all", "/own/a", "/own/b", "/own/c")
SERIES = max(40, EVENTS // 500)  # each has as many days as there are prices of it
PATIENCE_SECONDS = 300.0 + EVENTS / 5


class Workers:
    """Processes that are killed and started again."""

    def __init__(self, env: dict[str, str]) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker"],
            env=env | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running = [self._start() for _ in range(WORKERS)]

    def _start(self) -> int:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("another\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())

    def kill(self, which: int) -> None:
        """As the kernel does it, and another in its place."""
        os.kill(self._running[which], signal.SIGKILL)  # fails if it has ended by itself
        self._running[which] = self._start()

    def stop(self) -> None:
        """End them all."""
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        self._nursery.kill()
        self._nursery.communicate()


def test_nothing_is_lost_and_little_comes_twice(database_url: str) -> None:
    drawn = random.Random(1)
    chosen = settings(database_url, threads=1)
    with receiving(seed=1) as receiver, world(chosen, receiver, SERIES, PATHS) as context:
        receiver.longest_seconds = 0.05  # so that workers have something in flight most of the time
        workers = Workers(environment(chosen))
        try:
            kills = sorted(drawn.sample(range(EVENTS), min(KILLS, EVENTS)))
            for k in range(EVENTS):
                happen(context, k, SERIES)
                if kills and kills[0] == k:
                    kills.pop(0)
                    time.sleep(drawn.random() * 0.2)  # so that it is struck at any point of its work
                    if len(kills) % 2:  # and every second time in an attempt, rather
                        await_attempts(receiver)
                    workers.kill(drawn.randrange(WORKERS))
            deadline = time.perf_counter() + PATIENCE_SECONDS
            while unfinished(context):
                assert time.perf_counter() < deadline, f"{unfinished(context)} still wait"
                time.sleep(0.1)
        finally:
            workers.stop()
        check(context, receiver)


def await_attempts(receiver: Receiver) -> None:
    """Until most workers have one in flight, or a second."""
    deadline = time.perf_counter() + 1
    while receiver.thinking < WORKERS - 1 and time.perf_counter() < deadline:
        time.sleep(0.001)


def check(context: Context, receiver: Receiver) -> None:
    """What the receiver took, against what was decided, against what happened."""
    with context.engine.connect() as conn:
        t = alert_transition.c
        observed = conn.execute(select(t.alert_id, t.after).where(t.reason == "observed")).all()
        rows = conn.execute(select(delivery).order_by(delivery.c.delivery_id)).all()
        a = attempt.c
        tried = conn.execute(
            select(delivery.c.message_id, a.outcome, a.error.like("the worker ended%").label("died"))
            .join(delivery, delivery.c.delivery_id == a.delivery_id)
        ).all()  # fmt: skip
    assert len(observed) == EVENTS, "each thing that happened was judged once"
    assert {row.state for row in rows} == {"delivered"}
    copies = receiver.copies()
    assert {message for _, message in copies} == {row.message_id for row in rows}, "0 lost, 0 invented"
    by_id = {row.message_id: row for row in rows}
    for (_, message), same in copies.items():
        wanted = hashlib.sha256(by_id[message].body).hexdigest()
        assert {one.digest for one in same} == {wanted}, "every copy has the same bytes"
    duplicates = sum(len(same) - 1 for same in copies.values())
    cut = sum(not one.sure for one in receiver.taken)
    struck = sum(bool(one.died) for one in tried)
    doubtful = sum(one.outcome == AMBIGUOUS and not one.died for one in tried)
    overtaken = sum(one.outcome == DELIVERED for one in tried) - len(rows)
    late = max(0, doubtful - sum(receiver.happened[mood] for mood in ("cut", "hang", "drip", "reset")))
    print(f"{EVENTS} events, {KILLS} kills, {struck} of them in an attempt; {len(rows)} messages in"
          f" {len(tried)} attempts, {len(receiver.taken)} taken: {duplicates} duplicates,"
          f" {cut} acknowledgements cut, {late} late, {overtaken} leases outlived;"
          f" {dict(receiver.happened)}")  # fmt: skip
    assert struck <= KILLS, "one in flight a worker"
    assert struck or KILLS < 20, "the kills strike workers at work"
    assert duplicates <= KILLS + cut + late
    # and one by one: a copy that the log of attempts calls failed, or does not know, was not taken
    known = Counter(one.message_id for one in tried if one.outcome in (AMBIGUOUS, DELIVERED))
    assert all(len(same) <= known[message] for (_, message), same in copies.items())
    assert receiver.happened[FOLLOWED] == 0
    told: dict[tuple[str, int], list[str]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for one in receiver.taken:
        if (one.path, one.message_id) not in seen:
            seen.add((one.path, one.message_id))
            for alert_id, kind in told_in(one.body):
                told[one.path, alert_id].append(kind)
    assert sum(map(len, told.values())) == 2 * EVENTS, "both endpoints of a rule were told each thing once"
    for kinds in told.values():
        assert kinds == [("alert.firing", "alert.resolved")[k % 2] for k in range(len(kinds))], "in order"
