"""A worker dies at one border of its work, another goes on: the end is that of a run without a death.

A sample of the borders, or all of them with YTTERBY_CHAOS_ALL=1.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url, select

from data.store.tables import delivery
from service.settings import Settings
from tests.chaos.alerting_world import end_state, environment, happen, opened, settings, world
from tests.chaos.crash_points import KILLED
from tests.support import postgres
from tests.support.receiver import CALM, Receiver, receiving

ROOT = Path(__file__).resolve().parents[2]
STEP = 1 if os.environ.get("YTTERBY_CHAOS_ALL") else 7
SERIES, PATHS = 4, ("/all", "/own")
NEVER = 0


@dataclass
class Mortals:
    """Workers that die where they are told to."""

    nursery: subprocess.Popen[str]

    def run(self, url: str, at: int) -> tuple[int, int]:
        """Exit code and borders passed of a worker on a database."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps({"url": url, "at": at}) + "\n")
        self.nursery.stdin.flush()
        answer = json.loads(self.nursery.stdout.readline())
        return answer["status"], answer["passed"]


@contextmanager
def mortals(chosen: Settings) -> Iterator[Mortals]:
    """A process that forks them: it has one thread and nothing open."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.crash_points"],
        env=environment(chosen) | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        try:
            yield Mortals(nursery)
        finally:
            nursery.kill()


@contextmanager
def copy_of(url: str) -> Iterator[str]:
    """A database with the same content, that nobody else uses."""
    given = make_url(url)
    assert given.database is not None
    if given.drivername == "sqlite":
        path = Path(given.database).with_suffix(".copy")
        shutil.copyfile(given.database, path)
        yield given.set(database=str(path)).render_as_string()
        path.unlink()
        return
    with postgres.database(given.set(database="postgres"), template=given.database) as made:
        yield made.render_as_string(hide_password=False)


def test_the_end_is_the_same_wherever_a_worker_dies(database_url: str) -> None:
    chosen = settings(database_url, threads=1)
    with receiving(CALM) as receiver, mortals(chosen) as workers:
        with world(chosen, receiver, SERIES, PATHS) as context:
            for k in range(SERIES):
                happen(context, k, SERIES)
        wanted, last = end(workers, receiver, chosen, NEVER)
        assert len(wanted["told"]) == 2 * SERIES
        borders = range(1, last + 1, STEP)
        twice = 0
        for at in borders:
            found, copies = end(workers, receiver, chosen, at)
            assert found == wanted, f"died at border {at} of {last}"
            twice += copies
        print(f"{last} borders, died at {len(borders)}: {twice} messages came twice")
        assert 0 < twice < len(borders), "some deaths come between a message and its record, most do not"


def end(
    workers: Mortals, receiver: Receiver, chosen: Settings, at: int
) -> tuple[dict[str, list[tuple[object, ...]]], int]:
    """How it ends when a worker dies at a border, and how often a message came twice; for NEVER, borders."""
    receiver.taken.clear()
    receiver.plan["/own"] = ["fail"]
    with copy_of(chosen.database_url) as url:
        status, passed = workers.run(url, at)
        if at != NEVER:
            assert status == KILLED
            status, _ = workers.run(url, NEVER)
        assert status == 0
        context = opened(chosen.model_copy(update={"database_url": url}))
        with context.engine.connect() as conn:
            rows = conn.execute(select(delivery.c.message_id, delivery.c.body)).all()
        found = end_state(context)
        context.engine.dispose()
    stored = {row.message_id: hashlib.sha256(row.body).hexdigest() for row in rows}
    copies = receiver.copies()
    assert {message for _, message in copies} == set(stored), "0 lost, 0 invented"
    for (_, message), same in copies.items():
        assert {one.digest for one in same} == {stored[message]}, "every copy has the same bytes"
    twice = len(receiver.taken) - len(copies)
    assert twice <= (at != NEVER), "one death doubles one message at most"
    return found, passed if at == NEVER else twice
