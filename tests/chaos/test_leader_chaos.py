"""Workers on one database whose leader is killed and stopped at random: every slot is kept and succeeds at
most once, and a leader that wakes up when another leads writes nothing.

YTTERBY_CHAOS_KILLS says how often: 3 unless it is set, 200 in `make chaos`. On SQLite four workers share one
host; on PostgreSQL two hosts, that is process groups, have two each, and every third kill takes a whole host.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from data.store import leases, slots
from data.store.engine import make_engine
from data.store.leases import Lease
from data.store.migrate import migrate
from data.store.slots import MOST_ATTEMPTS, Slot
from tests.chaos.leader_jobs import JOBS, effect

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("YTTERBY_CHAOS_KILLS", "3"))
LEASE_SECONDS = 1.0
PATIENCE = 60.0
EVERY = timedelta(seconds=1)


def wait_for(check: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    assert wait(check, seconds), f"waited {seconds:.0f} s for {what}"


def wait(check: Callable[[], bool], seconds: float) -> bool:
    """Did it come true in time?"""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Hosts:
    """Process groups with workers on one database, and what the database says of them."""

    def __init__(self, url: str, folder: Path, *, hosts: int, workers: int) -> None:
        self.engine: Engine = make_engine(url)
        self._url = url
        self._workers = workers
        self._log = folder / "workers.log"
        self._hosts = [self._start() for _ in range(hosts)]

    def _start(self) -> subprocess.Popen[bytes]:
        env = os.environ | {
            "YTTERBY_DATABASE_URL": self._url,
            "YTTERBY_LEASE_SECONDS": str(LEASE_SECONDS),
            "YTTERBY_PROCESSES": "1",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "tests.chaos.leader_host", str(self._workers)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*command, "tests.chaos.leader_jobs:JOBS"],
                env=env,
                stdin=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def lease(self) -> Lease:
        """The lease as it stands."""
        with self.engine.connect() as conn:
            return leases.read(conn)

    def leader(self) -> tuple[int, int]:
        """Process and fence of a leader that has done a slot."""
        found: list[tuple[int, int]] = []

        def at_work() -> bool:
            lease = self.lease()
            if lease.holder is None:
                return False
            assert lease.holder.startswith(socket.gethostname())
            with self.engine.connect() as conn:
                done = [slots.last_run(conn, job.name) for job in JOBS]
            if any(slot is not None and slot.fence == lease.fence for slot in done):
                found.append((int(lease.holder.rpartition(":")[2]), lease.fence))
            return bool(found)

        wait_for(at_work, "a leader to do a slot")
        return found[-1]

    def kill(self, pid: int, *, whole_host: bool) -> None:
        """Kill a worker; with `whole_host`, where there are several, all of its host, which starts anew."""
        if not whole_host or len(self._hosts) == 1:
            os.kill(pid, signal.SIGKILL)
            return
        group = os.getpgid(pid)
        (at,) = [k for k, host in enumerate(self._hosts) if host.pid == group]
        end(self._hosts[at])
        self._hosts[at] = self._start()

    def said(self, text: str) -> bool:
        """Did a worker log this?"""
        return text in self._log.read_text()

    def are_kept_out(self) -> bool:
        """On SQLite: does a process hold the lock that every writer needs, for longer than a write takes?"""
        path = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or path is None:
            return False
        with contextlib.closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as own:
            try:
                own.execute("BEGIN IMMEDIATE")
                own.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return True
        return False

    def history(self, name: str) -> list[Slot]:
        """Slots of a job, oldest first."""
        with self.engine.connect() as conn:
            return list(reversed(slots.history(conn, name)))

    def stop(self) -> None:
        """Ask all workers to end, and see that they do."""
        for host in self._hosts:
            host.terminate()
        for host in self._hosts:
            assert host.wait(PATIENCE) in (0, -signal.SIGTERM)  # the latter while it is starting

    def end(self) -> None:
        """Leave nothing running."""
        for host in self._hosts:
            end(host)
        self.engine.dispose()


def end(host: subprocess.Popen[bytes]) -> None:
    """Kill a host and all its workers."""
    with host:  # closes the pipe, which must not be found open later
        if host.poll() is None:
            os.killpg(host.pid, signal.SIGKILL)


@pytest.fixture
def hosts(database_url: str, tmp_path: Path) -> Iterator[Hosts]:
    engine = make_engine(database_url)
    migrate(engine)
    effect.create(engine)
    engine.dispose()
    shape = {"hosts": 1, "workers": 4} if database_url.startswith("sqlite") else {"hosts": 2, "workers": 2}
    made = Hosts(database_url, tmp_path, **shape)
    yield made
    made.end()


def kill(hosts: Hosts, number: int, chance: random.Random) -> float:
    """Kill the leader at a random moment; seconds until another leads."""
    pid, fence = hosts.leader()
    time.sleep(chance.uniform(0, LEASE_SECONDS))
    killed_at = time.monotonic()
    hosts.kill(pid, whole_host=number % 3 == 2)
    wait_for(lambda: hosts.lease().fence > fence, "another worker to lead")
    return time.monotonic() - killed_at


def stop_in_the_middle(hosts: Hosts) -> None:
    """Stop the leader while it works on a slot; let another lead; wake it up; see that it is refused."""
    for _ in range(10):
        if stopped(hosts, *hosts.leader()):
            return
    raise AssertionError("no leader could be stopped in the middle of a slot")


def stopped(hosts: Hosts, pid: int, fence: int) -> bool:
    """Was it stopped where another can lead, and refused when it woke up? Else it was not at work, or on
    SQLite in the middle of a write, which keeps everybody out for as long as it is stopped."""

    def at_work() -> bool:
        with hosts.engine.connect() as conn:
            slot = slots.running(conn, "slow")
        return slot is not None and slot.fence == fence

    if not wait(at_work, 5):
        return False
    os.kill(pid, signal.SIGSTOP)
    try:
        if hosts.are_kept_out():
            return False
        wait_for(lambda: hosts.lease().fence > fence, "another worker to lead")
        hosts.leader()
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: hosts.said(f":{pid} no longer leads under fence {fence}"), "it to be refused")
    return True


def test_the_leader_is_killed_and_stopped(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(KILLS)
    seconds = [kill(hosts, number, chance) for number in range(KILLS)]
    stop_in_the_middle(hosts)
    hosts.leader()
    hosts.stop()
    counts = Counter(slot.state for job in JOBS for slot in hosts.history(job.name))
    with capsys.disabled():
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s" if seconds else "-"
        print(f"\n{hosts.engine.dialect.name}: {KILLS} kills, takeover {spread}, slots {dict(counts)}")
    assert hosts.lease().holder is None, "who is told to stop leaves the lease"
    check_slots(hosts)
    check_effects(hosts)


def check_slots(hosts: Hosts) -> None:
    """Every slot from the first to the last is there, and ended as the rules say."""
    for job in JOBS:
        found = hosts.history(job.name)
        assert len(found) > KILLS
        assert {b.scheduled_for - a.scheduled_for for a, b in pairwise(found)} == {EVERY}
        kept = {slot.scheduled_for.isoformat(): slot for slot in found}
        for slot in found:
            match slot.state:
                case "skipped":
                    by = kept[(slot.error or "").removeprefix("overtaken by the slot of ")]
                    assert by.scheduled_for > slot.scheduled_for
                case "failed":
                    assert "did not record an end" in (slot.error or "")
                    assert not job.repeatable or slot.attempts == MOST_ATTEMPTS
                case "due" | "running":  # what the end of the test cut short
                    assert slot in found[-3:]
                case state:
                    assert state == "done"


def check_effects(hosts: Hosts) -> None:
    """A slot that was done had its effect once, none had it twice, and no fence wrote after a newer one."""
    with hosts.engine.connect() as conn:
        rows = conn.execute(select(effect).order_by(effect.c.effect_id)).all()
    assert all(earlier.fence <= later.fence for earlier, later in pairwise(rows))
    times = Counter((row.job, row.scheduled_for) for row in rows)
    assert set(times.values()) == {1}
    for job in JOBS:
        for slot in hosts.history(job.name):
            had = times[(job.name, slot.scheduled_for)]
            assert had == 1 if slot.state == "done" else had <= 1
            assert slot.state != "skipped" or not had or slot.attempts
