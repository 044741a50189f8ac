"""The lease: one leader at a time, and no write of a former one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.errors import LeaseLost
from data.store import jobs, leases
from data.store.engine import make_engine
from data.store.leases import Fence

SECONDS = 15.0


def take(engine: Engine, holder: str, now: datetime, seconds: float = SECONDS) -> Fence:
    """Take the lease as it stands, whoever has it."""
    with engine.begin() as conn:
        found = leases.take(conn, leases.read(conn), holder=holder, seconds=seconds, now=now)
    assert found is not None
    return found


def noted(engine: Engine) -> bool:
    with engine.connect() as conn:
        return jobs.wanted(conn, "a job") is not None


def test_nobody_leads_at_first_and_then_one_does(engine: Engine, now: datetime) -> None:
    with engine.connect() as conn:
        before = leases.read(conn)
    assert (before.holder, before.fence) == (None, 0)
    assert take(engine, "a", now) == Fence(holder="a", number=1, seconds=SECONDS)
    with engine.connect() as conn:
        after = leases.read(conn)
    assert (after.holder, after.fence, after.beats, after.taken_at) == ("a", 1, 0, now)


def test_of_many_that_saw_the_same_one_takes_it(engine: Engine, now: datetime) -> None:
    for turn in range(1, 4):
        with engine.connect() as conn:
            seen = leases.read(conn)

        def attempt(holder: str, seen: leases.Lease = seen) -> Fence | None:
            with engine.begin() as conn:
                return leases.take(conn, seen, holder=holder, seconds=SECONDS, now=now)

        with ThreadPoolExecutor(4) as pool:
            won = [fence for fence in pool.map(attempt, "abcd") if fence is not None]
        assert [fence.number for fence in won] == [turn]


def test_a_renewed_lease_is_not_taken_by_one_who_saw_it_before(engine: Engine, now: datetime) -> None:
    fence = take(engine, "a", now)
    with engine.connect() as conn:
        seen = leases.read(conn)
    with engine.begin() as conn:
        assert leases.renew(conn, fence) is True
    with engine.begin() as conn:
        assert leases.take(conn, seen, holder="b", seconds=SECONDS, now=now) is None
        assert leases.read(conn).holder == "a"


def test_who_lost_the_lease_can_neither_renew_nor_leave_nor_write(engine: Engine, now: datetime) -> None:
    old = take(engine, "a", now)
    new = take(engine, "b", now)
    with engine.begin() as conn:
        assert leases.renew(conn, old) is False
        leases.leave(conn, old)
        assert leases.read(conn).holder == "b"
    with pytest.raises(LeaseLost, match="a no longer leads under fence 1"), engine.begin() as conn:
        leases.guarded(conn, old)
    with pytest.raises(LeaseLost), leases.fenced(engine, old).begin() as conn:
        jobs.want(conn, "a job", "late", now)
    assert not noted(engine)
    with leases.fenced(engine, new).begin() as conn:
        jobs.want(conn, "a job", "in time", now)
    assert noted(engine)


def test_a_left_lease_is_free_at_once_and_its_fence_stays_behind(engine: Engine, now: datetime) -> None:
    fence = take(engine, "a", now)
    with engine.begin() as conn:
        leases.leave(conn, fence)
        assert leases.read(conn).holder is None
    with pytest.raises(LeaseLost), leases.fenced(engine, fence).begin():
        pass
    assert take(engine, "a", now).number == 2


def test_a_fenced_engine_reads_and_rolls_back_like_any(engine: Engine, now: datetime) -> None:
    fenced = leases.fenced(engine, take(engine, "a", now))

    def break_off() -> None:
        with fenced.begin() as conn:
            jobs.want(conn, "a job", "taken back", now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert not noted(fenced)


@pytest.mark.postgres
def test_a_leader_that_falls_silent_in_a_transaction_keeps_nobody_waiting(
    engine: Engine, now: datetime
) -> None:
    if engine.dialect.name == "sqlite":  # who holds its one write lock holds it until it ends
        return
    old = take(engine, "a", now, seconds=0.2)
    other = make_engine(engine.url.render_as_string(hide_password=False))

    def fall_silent() -> None:
        with leases.fenced(engine, old).begin() as conn:
            jobs.want(conn, "a job", "half written", now)
            assert take(other, "b", now).number == 2  # waits for the row, which the server sets free
            jobs.want(conn, "a job", "woken up", now)

    with pytest.raises(DBAPIError):
        fall_silent()
    assert not noted(other)
    other.dispose()
