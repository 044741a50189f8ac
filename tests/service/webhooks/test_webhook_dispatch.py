"""Many deliveries at a time: who is next, and that no endpoint holds up another."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.store.deliveries import Due
from service.context import Context
from service.outgoing import Limits
from service.webhooks import deliver
from service.webhooks.dispatch import EACH, choose
from tests.support.posting import OUTGOING, add, changed, dispatch, drive, found, later, tell, tried, until
from tests.support.sockets import answering, listening

OK = answering("HTTP/1.1 204 No Content")
FAIL = answering("HTTP/1.1 500 No", "Content-Length: 0")
PATIENT = Limits(connect_seconds=60, total_seconds=60)

DUE = st.builds(
    lambda number, endpoint, state: Due(
        delivery_id=number, endpoint_id=endpoint, reached=state == "reached", failing=state == "failing"
    ),
    st.integers(1, 10**6),
    st.integers(1, 8),
    st.sampled_from(["reached", "failing", "new"]),
)


@given(
    st.lists(DUE, max_size=60, unique_by=lambda due: due.delivery_id),
    st.lists(DUE, max_size=20),
    st.integers(1, 40),
)
def test_nobody_gets_more_than_its_share(asked: list[Due], flying: list[Due], threads: int) -> None:
    chosen = choose(asked, flying, threads)
    assert len(chosen) <= max(0, threads - len(flying))
    before, after = Counter(d.endpoint_id for d in flying), Counter(d.endpoint_id for d in [*flying, *chosen])
    for due in chosen:
        assert after[due.endpoint_id] <= max(before[due.endpoint_id], EACH)
        if not due.reached:
            assert before[due.endpoint_id] < EACH
    counted = Counter(before)
    for number, due in enumerate(chosen, start=len(flying)):
        counted[due.endpoint_id] += 1
        assert counted[due.endpoint_id] == 1 or number < threads // 2
    new = sum(d.failing for d in chosen)
    assert new == 0 or new + sum(d.failing for d in flying) <= max(1, threads // 4)
    places = [asked.index(due) for due in chosen]
    assert places == sorted(places)


def test_what_fails_gets_one_at_a_time_and_a_quarter_together() -> None:
    failing = [Due(delivery_id=i, endpoint_id=i // 5, reached=False, failing=True) for i in range(100)]
    well = [Due(delivery_id=i, endpoint_id=i // 5, reached=True, failing=False) for i in range(100, 200)]
    chosen = choose([*failing, *well], [], 40)
    assert [d.endpoint_id for d in chosen if d.failing] == list(range(10))
    assert sum(d.reached for d in chosen) == 10 + 18  # half of the threads freely, then one each
    assert {d.endpoint_id for d in chosen if d.reached} == set(range(20, 40))


def test_many_that_fall_silent_at_once_leave_threads_to_those_that_answer() -> None:
    """50 endpoints that answered until now hold whatever they are given; another asks."""
    silent = [Due(delivery_id=100 * e + i, endpoint_id=e, reached=True, failing=False)
              for e in range(50) for i in range(20)]  # fmt: skip
    flying: list[Due] = []
    for _ in range(10):
        flying += choose([d for d in silent if d not in flying], flying, 256)
    assert {d.endpoint_id for d in flying} == set(range(50))
    assert len(flying) < 256
    (other,) = choose([Due(delivery_id=1, endpoint_id=99, reached=True, failing=False)], flying, 256)
    assert other.endpoint_id == 99


def test_dead_endpoints_do_not_delay_a_healthy_one(context: Context) -> None:
    """By the order of events: every message of the healthy one arrives while every dead one still hangs."""
    context = changed(context, delivery_threads=8)
    over, hanging = threading.Event(), threading.Semaphore(0)

    def hang(made: object) -> None:
        hanging.release()
        over.wait(120)

    with listening(FAIL) as dead, listening(OK) as well:
        for number in range(6):
            add(context, dead.url, f"dead {number}")
        healthy = add(context, well.url, "well")
        tell(context)
        drive(context)  # now it is known who fails
    with listening(hang, port=dead.port), listening(OK, port=well.port) as well:
        context = later(context, timedelta(minutes=1))
        sender = dispatch(context, PATIENT)
        for number in range(30):
            tell(context, number)

        def healthy_is_done() -> bool:
            sender.turn()
            return all(d.state == "delivered" for d in found(context, healthy))

        until(healthy_is_done, "the healthy endpoint to have everything", sender)
        assert hanging.acquire(timeout=60)
        waiting = {d.endpoint_id for d in found(context) if d.state == "queued"}
        assert len(waiting) == 6
        assert sender.flying == 2  # a quarter of the threads, all in dead endpoints
        assert len(well.seen) == 30
        over.set()
        sender.close(60)


def test_an_endpoint_that_was_never_reached_is_tried_once_before_it_is_trusted(context: Context) -> None:
    over, seen = threading.Event(), threading.Semaphore(0)

    def hang(made: object) -> None:
        seen.release()
        over.wait(120)

    with listening(hang) as one:
        add(context, one.url)
        for number in range(10):
            tell(context, number)
        sender = dispatch(context, PATIENT)
        for _ in range(3):
            sender.turn()
        assert seen.acquire(timeout=60)
        assert sender.flying == 1
        over.set()
        sender.close(60)


def test_workers_that_claim_at_once_never_take_the_same(context: Context) -> None:
    with listening(OK) as one:
        add(context, one.url)
        for number in range(60):
            tell(context, number)
    ids = [d.delivery_id for d in found(context)]
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: deliver.claim(context, ids), range(6)))
    claimed = [one.delivery_id for some in taken for one in some]
    assert sorted(claimed) == ids
    assert {d.claims for d in found(context)} == {1}


def test_many_workers_deliver_everything_once(context: Context) -> None:
    """Several dispatchers over one outbox, as several worker processes are."""
    with listening(OK) as one:
        add(context, one.url)
        for number in range(60):
            tell(context, number % 7, title=str(number))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: drive(context, PATIENT), range(3)))
        drive(context, PATIENT)
        assert len(one.seen) == 60
    assert {d.state for d in found(context)} == {"delivered"}


def test_a_fault_of_ours_is_recorded_and_not_repeated_at_once(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network breaks in a way that nobody thought of."""

    def broken(_host: str, _port: int) -> list[str]:
        return ["no address at all"]

    add(context, "http://name.example/")
    tell(context)
    faults: list[object] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    drive(context, outgoing=replace(OUTGOING, resolve=broken))
    assert len(faults) == 1
    (now,) = found(context)
    (attempt,) = tried(context, now.delivery_id)
    assert (attempt.outcome, now.state, now.failures) == ("ambiguous", "queued", 1)
    assert "a fault of this service" in (attempt.error or "")


def test_closing_records_what_ends_in_time_and_leaves_the_rest_to_its_lease(context: Context) -> None:
    over = threading.Event()

    def hang(made: object) -> None:
        over.wait(120)

    with listening(OK) as quick, listening(hang) as hanging:
        well, dead = add(context, quick.url, "well"), add(context, hanging.url, "dead")
        tell(context)
        sender = dispatch(context, PATIENT)
        sender.turn()
        until(lambda: len(quick.seen) == 1 and len(hanging.seen) == 1, "both to be asked", sender)
        sender.close(0.5)
        assert [d.state for d in found(context, well)] == ["delivered"]
        (left,) = found(context, dead)
        assert (left.state, left.leased_until is not None) == ("queued", True)
        over.set()
