"""Runs: claimed once, ended once, given back when a worker dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from data.errors import RunNotRunning
from data.store import runs
from data.store.runs import Run, RunProgress

PATIENCE = timedelta(seconds=30)
FITTING = RunProgress(
    stage="models", done=3, total=9, series="dy-oxide-cn", model="ets", share=0.1, seconds_left=12.5
)


def claimed(engine: Engine, now: datetime, worker: str = "w1") -> Run:
    """The oldest queued run, as a worker has it."""
    with engine.begin() as conn:
        found = runs.claim(conn, now=now, worker=worker)
    assert found is not None
    return found


def started(engine: Engine, now: datetime) -> Run:
    """A run that is running."""
    with engine.begin() as conn:
        runs.request(conn, requested_at=now, reason="test")
    return claimed(engine, now)


def state(engine: Engine, run_id: int) -> Run:
    """The run as it stands."""
    with engine.connect() as conn:
        found = runs.get_run(conn, run_id)
    assert found is not None
    return found


def test_a_run_from_request_to_end(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        run_id = runs.request(conn, requested_at=now, reason="by hand")
    queued = state(engine, run_id)
    assert (queued.state, queued.reason, queued.requested_at) == ("queued", "by hand", now)
    assert (queued.started_at, queued.worker, queued.progress) == (None, None, None)
    mine = claimed(engine, now + PATIENCE)
    assert mine == state(engine, run_id)
    assert (mine.state, mine.started_at, mine.worker) == ("running", now + PATIENCE, "w1")
    with engine.begin() as conn:
        assert runs.progress(conn, mine, FITTING) is True
    assert state(engine, run_id).progress == FITTING
    with engine.begin() as conn:
        runs.finish(conn, mine, finished_at=now + 2 * PATIENCE, summary={"forecasts": 9, "left_out": []})
    done = state(engine, run_id)
    assert (done.state, done.finished_at, done.error) == ("done", now + 2 * PATIENCE, None)
    assert done.progress is None
    assert done.summary == {"forecasts": 9, "left_out": []}


def test_a_run_that_fails(engine: Engine, now: datetime) -> None:
    mine = started(engine, now)
    with engine.begin() as conn:
        assert runs.fail(conn, mine, finished_at=now, error="no prices") is True
    failed = state(engine, mine.run_id)
    assert (failed.state, failed.error) == ("failed", "no prices")


def test_an_ended_run_stays_as_it_ended(engine: Engine, now: datetime) -> None:
    mine = started(engine, now)
    with engine.begin() as conn:
        runs.finish(conn, mine, finished_at=now, summary={})
    ended = state(engine, mine.run_id)
    with engine.begin() as conn:
        assert runs.progress(conn, mine, FITTING) is False
        assert runs.fail(conn, mine, finished_at=now, error="late") is False
        assert runs.release(conn, mine) is False
        assert runs.cancel(conn, mine.run_id, finished_at=now) is False
        assert runs.release_stale(conn, now + 10 * PATIENCE, PATIENCE) == 0
        with pytest.raises(RunNotRunning, match="done"):
            runs.finish(conn, mine, finished_at=now, summary={"other": 1})
    assert state(engine, mine.run_id) == ended


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_run_is_over_for_its_worker_too(engine: Engine, now: datetime, running: bool) -> None:
    with engine.begin() as conn:
        run_id = runs.request(conn, requested_at=now, reason="test")
    mine = claimed(engine, now) if running else state(engine, run_id)
    with engine.begin() as conn:
        assert runs.cancel(conn, run_id, finished_at=now + PATIENCE) is True
        assert runs.cancel(conn, run_id, finished_at=now + 2 * PATIENCE) is False
        assert runs.cancel(conn, run_id + 1, finished_at=now) is False
    ended = state(engine, run_id)
    assert (ended.state, ended.finished_at, ended.progress) == ("cancelled", now + PATIENCE, None)
    with engine.begin() as conn:
        assert runs.claim(conn, now=now, worker="w2") is None
        assert runs.progress(conn, mine, FITTING) is False
        assert runs.fail(conn, mine, finished_at=now, error="late") is False
        with pytest.raises(RunNotRunning, match="cancelled"):
            runs.finish(conn, mine, finished_at=now, summary={})
    assert state(engine, run_id) == ended


def test_a_worker_that_woke_up_late_is_not_heard(engine: Engine, now: datetime) -> None:
    """It was stopped for so long that its run is another's; the other may even be itself, claiming again."""
    late = started(engine, now)
    with engine.begin() as conn:
        assert runs.release_stale(conn, now + 1.1 * PATIENCE, PATIENCE) == 1
    mine = claimed(engine, now + 2 * PATIENCE, worker="w1")
    assert (mine.run_id, mine.worker) == (late.run_id, late.worker)
    with engine.begin() as conn:
        assert runs.progress(conn, late, FITTING) is False
        assert runs.fail(conn, late, finished_at=now, error="late") is False
        assert runs.release(conn, late) is False
        with pytest.raises(RunNotRunning):
            runs.finish(conn, late, finished_at=now, summary={})
        assert runs.progress(conn, mine, FITTING) is True
        runs.finish(conn, mine, finished_at=now, summary={"mine": 1})
    assert state(engine, mine.run_id).summary == {"mine": 1}


def test_a_run_that_kills_its_workers_is_given_up(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now).run_id
    for death in range(1, runs.DEATHS + 1):
        with engine.begin() as conn:
            assert runs.release_stale(conn, now + 1.1 * PATIENCE, PATIENCE) == 1
        if death < runs.DEATHS:
            assert state(engine, run_id).state == "queued"
            mine = claimed(engine, now)
            with engine.begin() as conn:  # being told to stop is no death
                assert runs.release(conn, mine) is True
            claimed(engine, now)
    ended = state(engine, run_id)
    assert (ended.state, ended.finished_at) == ("failed", now + 1.1 * PATIENCE)
    assert ended.error == "its worker died, or gave no sign of life for 30 s, 3 times"
    with engine.begin() as conn:
        assert runs.claim(conn, now=now, worker="w2") is None


def test_oldest_first_and_newest_listed_first(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        first, second = (runs.request(conn, requested_at=now, reason=r) for r in "ab")
        taken = [runs.claim(conn, now=now, worker="w1") for _ in range(3)]
        assert [run.run_id if run else None for run in taken] == [first, second, None]
        assert [run.run_id for run in runs.list_runs(conn)] == [second, first]
        assert [run.run_id for run in runs.list_runs(conn, limit=1)] == [second]
        assert runs.newest_done(conn) is None


def test_no_run_is_claimed_twice(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        wanted = {runs.request(conn, requested_at=now, reason=str(k)) for k in range(20)}

    def work(name: str) -> list[tuple[str, int]]:
        taken: list[tuple[str, int]] = []
        while True:
            with engine.begin() as conn:
                run = runs.claim(conn, now=now, worker=name)
            if run is None:
                return taken
            taken.append((name, run.run_id))

    with ThreadPoolExecutor(2) as pool:
        taken = [pair for found in pool.map(work, ("w1", "w2")) for pair in found]
    assert sorted(run_id for _, run_id in taken) == sorted(wanted)
    with engine.connect() as conn:
        assert {(run.worker, run.run_id) for run in runs.list_runs(conn)} == set(taken)


@pytest.mark.postgres
def test_a_run_being_taken_is_passed_over_not_waited_for(engine: Engine, now: datetime) -> None:
    if engine.dialect.name == "sqlite":  # one writer at a time: there is nothing to pass over
        return
    with engine.begin() as conn:
        first, second = (runs.request(conn, requested_at=now, reason=r) for r in "ab")
    with engine.begin() as one, engine.begin() as two:
        mine, theirs = (runs.claim(conn, now=now, worker="w") for conn in (one, two))
    assert mine is not None
    assert theirs is not None
    assert (mine.run_id, theirs.run_id) == (first, second)


def test_a_dead_worker_loses_its_run(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now).run_id
    with engine.begin() as conn:
        assert runs.release_stale(conn, now + PATIENCE, PATIENCE) == 0
        assert runs.release_stale(conn, now + PATIENCE * 1.01, PATIENCE) == 1
    queued = state(engine, run_id)
    assert (queued.state, queued.worker, queued.started_at, queued.progress) == ("queued", None, None, None)
    with engine.begin() as conn:
        again = runs.claim(conn, now=now + 2 * PATIENCE, worker="w2")
    assert again is not None
    assert (again.run_id, again.worker) == (run_id, "w2")


def test_a_worker_that_gives_signs_keeps_its_run(engine: Engine, now: datetime) -> None:
    mine = started(engine, now)
    for k in range(1, 6):
        with engine.begin() as conn:
            assert runs.progress(conn, mine, FITTING) is True
        with engine.begin() as conn:
            assert runs.release_stale(conn, now + k * PATIENCE * 1.5, PATIENCE) == 0
    with engine.begin() as conn:
        assert runs.release_stale(conn, now + 7.5 * PATIENCE + 1.1 * PATIENCE, PATIENCE) == 1


def test_giving_a_run_back(engine: Engine, now: datetime) -> None:
    mine = started(engine, now)
    with engine.begin() as conn:
        assert runs.release(conn, mine) is True
        assert runs.release(conn, mine) is False
    assert state(engine, mine.run_id).state == "queued"
    with engine.connect() as conn:
        assert runs.get_run(conn, 999) is None
