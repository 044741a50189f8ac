"""Jobs and their slots: due once, run once, skipped with a reason; notes that a run is wanted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from data.store import jobs, runs, slots
from data.store.jobs import RETRAIN, Job
from data.store.slots import MOST_ATTEMPTS, Slot

HOUR = timedelta(hours=1)


@pytest.fixture
def job(engine: Engine, now: datetime) -> Job:
    """A job known since `now`."""
    with engine.begin() as conn:
        jobs.register(conn, "a", about="a test", schedule="every: 1h", zone="UTC", reckoned_at=now)
        found = jobs.get_job(conn, "a")
    assert found is not None
    return found


def history(engine: Engine, name: str = "a") -> list[tuple[str, str | None]]:
    """State and remark of each slot, oldest first."""
    with engine.connect() as conn:
        return [(slot.state, slot.error) for slot in reversed(slots.history(conn, name))]


def claim(engine: Engine, now: datetime, fence: int = 1) -> Slot | None:
    with engine.begin() as conn:
        return slots.claim(conn, "a", worker="w", fence=fence, now=now)


def test_registering_again_changes_words_and_keeps_the_rest(engine: Engine, now: datetime, job: Job) -> None:
    with engine.begin() as conn:
        jobs.pause(conn, "a", at=now, by="desk")
        jobs.register(conn, "a", about="new", schedule="off", zone="Asia/Tokyo", reckoned_at=now + HOUR)
        jobs.register(conn, "b", about="other", schedule="off", zone="UTC", reckoned_at=now)
        first, _second = jobs.list_jobs(conn)
        assert (first.about, first.schedule, first.zone) == ("new", "off", "Asia/Tokyo")
        assert (first.reckoned_at, first.paused_at, first.paused_by) == (now + HOUR, now, "desk")
        jobs.register(conn, "a", about="newer", schedule="off", zone="Asia/Tokyo", reckoned_at=now + 2 * HOUR)
        assert jobs.get_job(conn, "a").reckoned_at == now + HOUR, "the same schedule goes on"  # type: ignore[union-attr]
        jobs.forget(conn, ["b"])
        assert [found.name for found in jobs.list_jobs(conn)] == ["b"]


def test_of_missed_slots_the_newest_is_due(engine: Engine, now: datetime, job: Job) -> None:
    passed = [now + k * HOUR for k in (1, 2, 3)]
    with engine.begin() as conn:
        jobs.reckon(conn, job, passed, passed[-1])
    why = f"overtaken by the slot of {passed[-1].isoformat()}"
    assert history(engine) == [("skipped", why), ("skipped", why), ("due", None)]
    with engine.connect() as conn:
        assert jobs.get_job(conn, "a").reckoned_at == passed[-1]  # type: ignore[union-attr]
        assert slots.open_jobs(conn) == ("a",)


def test_reckoning_twice_changes_nothing(engine: Engine, now: datetime, job: Job) -> None:
    passed = [now + HOUR, now + 2 * HOUR]
    for _ in range(2):
        with engine.begin() as conn:
            jobs.reckon(conn, job, passed, now)
    assert [state for state, _ in history(engine)] == ["skipped", "due"]


def test_a_newer_slot_overtakes_one_that_waits_but_not_one_that_was_asked_for(
    engine: Engine, now: datetime, job: Job
) -> None:
    with engine.begin() as conn:
        slots.add(conn, "a", now, kind="asked", reason="by hand")
        jobs.reckon(conn, job, [now + HOUR], now)
        jobs.reckon(conn, job, [now + 2 * HOUR], now)
    assert [state for state, _ in history(engine)] == ["due", "skipped", "due"]


def test_a_slot_from_claim_to_end(engine: Engine, now: datetime, job: Job) -> None:
    with engine.begin() as conn:
        jobs.reckon(conn, job, [now + HOUR], now)
    slot = claim(engine, now)
    assert slot is not None
    assert (slot.state, slot.worker, slot.fence, slot.attempts) == ("running", "w", 1, 1)
    assert claim(engine, now) is None
    with engine.begin() as conn:
        assert slots.finish(conn, slot, finished_at=now + HOUR, result={"rows": 3}) is True
        assert slots.finish(conn, slot, finished_at=now, error="late") is False
        assert slots.running(conn, "a") is None
        last = slots.last_run(conn, "a")
    assert last is not None
    assert (last.state, last.result, last.error, last.finished_at) == ("done", {"rows": 3}, None, now + HOUR)


def test_the_oldest_due_slot_first_and_each_once(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        for k in range(12):
            slots.add(conn, "a", now + k * HOUR, kind="asked", reason="many")
    with ThreadPoolExecutor(3) as pool:
        taken = [slot for slot in pool.map(lambda _: claim(engine, now), range(20)) if slot is not None]
    assert sorted(slot.scheduled_for for slot in taken) == [now + k * HOUR for k in range(12)]


def test_slots_that_lost_their_worker(engine: Engine, now: datetime) -> None:
    for name in ("a", "b"):
        with engine.begin() as conn:
            slots.add(conn, name, now, kind="asked", reason="test")
            slots.claim(conn, name, worker="w", fence=1, now=now)
    with engine.begin() as conn:
        left = slots.abandon(conn, None, repeatable={"a"}, now=now)
    assert [(slot.job, slot.state) for slot in left] == [("a", "running"), ("b", "running")]
    assert history(engine) == [("due", None)]
    assert history(engine, "b") == [("failed", "its worker w did not record an end, attempt 1")]
    for attempt in range(2, MOST_ATTEMPTS + 1):
        again = claim(engine, now, fence=attempt)
        assert again is not None
        assert again.attempts == attempt
        with engine.begin() as conn:
            slots.abandon(conn, "a", repeatable={"a"}, now=now)
    assert history(engine) == [("failed", f"its worker w did not record an end, attempt {MOST_ATTEMPTS}")]


def test_a_slot_taken_up_again_is_not_ended_by_the_worker_that_lost_it(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        slots.add(conn, "a", now, kind="asked", reason="test")
    first = claim(engine, now, fence=1)
    assert first is not None
    with engine.begin() as conn:
        slots.abandon(conn, "a", repeatable={"a"}, now=now)
    second = claim(engine, now, fence=2)
    assert second is not None
    with engine.begin() as conn:
        assert slots.finish(conn, first, finished_at=now, result={}) is False
        assert slots.finish(conn, second, finished_at=now, result={}) is True


def test_a_pause_skips_what_waits_and_what_comes_and_lets_through_what_is_asked_for(
    engine: Engine, now: datetime, job: Job
) -> None:
    with engine.begin() as conn:
        jobs.reckon(conn, job, [now + HOUR], now)
        jobs.pause(conn, "a", at=now, by="desk")
        paused = jobs.get_job(conn, "a")
        assert paused is not None
        jobs.reckon(conn, paused, [now + 2 * HOUR], now)
        asked = jobs.ask(conn, "a", reason="by hand", now=now + 3 * HOUR)
        assert jobs.ask(conn, "a", reason="twice", now=now + 4 * HOUR) == asked
        jobs.resume(conn, "a")
        resumed = jobs.get_job(conn, "a")
        assert resumed is not None
        jobs.reckon(conn, resumed, [now + 5 * HOUR], now)
    skipped = ("skipped", "paused by desk")
    assert history(engine) == [skipped, skipped, ("due", None), ("due", None)]


def test_old_slots_are_pruned_and_open_ones_kept(engine: Engine, now: datetime, job: Job) -> None:
    with engine.begin() as conn:
        jobs.reckon(conn, job, [now + k * HOUR for k in range(1, 5)], now)
        assert slots.prune(conn, now + 3 * HOUR) == 2
        assert slots.prune(conn, now + 9 * HOUR) == 1
    assert history(engine) == [("due", None)]


def test_changes_are_noted_together_until_a_run_begins(engine: Engine, now: datetime) -> None:
    for k in range(3):
        with engine.begin() as conn:
            jobs.want(conn, RETRAIN, f"change {k}", now + k * HOUR)
    with engine.begin() as conn:
        note = jobs.wanted(conn, RETRAIN)
        assert note is not None
        assert (note.reason, note.changes) == ("change 2", 3)
        assert (note.first_at, note.last_at) == (now, now + 2 * HOUR)
        assert runs.claim(conn, now=now, worker="w") is None
        assert jobs.wanted(conn, RETRAIN) == note, "no run began"
        runs.request(conn, requested_at=now, reason="test")
        assert runs.claim(conn, now=now, worker="w") is not None
        assert jobs.wanted(conn, RETRAIN) is None


def test_changes_at_one_moment_are_all_counted(engine: Engine, now: datetime) -> None:
    def change(k: int) -> None:
        with engine.begin() as conn:
            jobs.want(conn, RETRAIN, f"change {k}", now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(8)))
    with engine.connect() as conn:
        note = jobs.wanted(conn, RETRAIN)
    assert note is not None
    assert note.changes == 8


def test_a_run_that_has_not_begun_is_joined(engine: Engine, now: datetime) -> None:
    def ask(k: int) -> int:
        with engine.begin() as conn:
            return runs.join(conn, requested_at=now, reason=f"ask {k}")

    with ThreadPoolExecutor(4) as pool:
        first = set(pool.map(ask, range(8)))
    assert len(first) == 1
    with engine.begin() as conn:
        assert runs.pending(conn) is True
        run = runs.claim(conn, now=now, worker="w")
    assert run is not None
    assert ask(9) not in first, "a running one read what was known when it began"
