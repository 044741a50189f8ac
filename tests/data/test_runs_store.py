"""Runs: claimed once, ended once, given back when a worker dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from data.errors import RunNotRunning
from data.store import runs
from data.store.runs import Run

PATIENCE = timedelta(seconds=30)


def started(engine: Engine, now: datetime) -> int:
    """Number of a run that is running."""
    with engine.begin() as conn:
        run_id = runs.request(conn, requested_at=now, reason="test")
        assert runs.claim(conn, now=now, worker="w1") is not None
    return run_id


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
    assert (queued.started_at, queued.worker, queued.done, queued.total) == (None, None, 0, 0)
    with engine.begin() as conn:
        claimed = runs.claim(conn, now=now + PATIENCE, worker="w1")
    assert claimed == state(engine, run_id)
    assert (claimed.state, claimed.started_at, claimed.worker) == ("running", now + PATIENCE, "w1")
    with engine.begin() as conn:
        runs.progress(conn, run_id, 3, 9, "fitting")
    assert (state(engine, run_id).done, state(engine, run_id).note) == (3, "fitting")
    with engine.begin() as conn:
        runs.finish(conn, run_id, finished_at=now + 2 * PATIENCE, summary={"forecasts": 9, "left_out": []})
    done = state(engine, run_id)
    assert (done.state, done.finished_at, done.error) == ("done", now + 2 * PATIENCE, None)
    assert done.summary == {"forecasts": 9, "left_out": []}


def test_a_run_that_fails(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now)
    with engine.begin() as conn:
        assert runs.fail(conn, run_id, finished_at=now, error="no prices") is True
    assert (state(engine, run_id).state, state(engine, run_id).error) == ("failed", "no prices")


def test_an_ended_run_stays_as_it_ended(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now)
    with engine.begin() as conn:
        runs.finish(conn, run_id, finished_at=now, summary={})
    ended = state(engine, run_id)
    with engine.begin() as conn:
        runs.progress(conn, run_id, 1, 2, "late")
        assert runs.fail(conn, run_id, finished_at=now, error="late") is False
        assert runs.release(conn, run_id) is False
        assert runs.release_stale(conn, now + 10 * PATIENCE, PATIENCE) == 0
        with pytest.raises(RunNotRunning, match="done"):
            runs.finish(conn, run_id, finished_at=now, summary={"other": 1})
    assert state(engine, run_id) == ended


def test_oldest_first_and_newest_listed_first(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        first, second = (runs.request(conn, requested_at=now, reason=r) for r in "ab")
        taken = [runs.claim(conn, now=now, worker="w1") for _ in range(3)]
        assert [run.run_id if run else None for run in taken] == [first, second, None]
        assert [run.run_id for run in runs.list_runs(conn)] == [second, first]
        assert [run.run_id for run in runs.list_runs(conn, limit=1)] == [second]


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
    run_id = started(engine, now)
    with engine.begin() as conn:
        assert runs.release_stale(conn, now + PATIENCE, PATIENCE) == 0
        assert runs.release_stale(conn, now + PATIENCE * 1.01, PATIENCE) == 1
    queued = state(engine, run_id)
    assert (queued.state, queued.worker, queued.started_at, queued.done) == ("queued", None, None, 0)
    with engine.begin() as conn:
        again = runs.claim(conn, now=now + 2 * PATIENCE, worker="w2")
    assert again is not None
    assert (again.run_id, again.worker) == (run_id, "w2")


def test_a_worker_that_gives_signs_keeps_its_run(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now)
    for k in range(1, 6):
        with engine.begin() as conn:
            runs.progress(conn, run_id, k, 9, "fitting")
        with engine.begin() as conn:
            assert runs.release_stale(conn, now + k * PATIENCE * 1.5, PATIENCE) == 0
    with engine.begin() as conn:
        assert runs.release_stale(conn, now + 7.5 * PATIENCE + 1.1 * PATIENCE, PATIENCE) == 1


def test_giving_a_run_back(engine: Engine, now: datetime) -> None:
    run_id = started(engine, now)
    with engine.begin() as conn:
        assert runs.release(conn, run_id) is True
        assert runs.release(conn, run_id) is False
    assert state(engine, run_id).state == "queued"
    with engine.connect() as conn:
        assert runs.get_run(conn, 999) is None
