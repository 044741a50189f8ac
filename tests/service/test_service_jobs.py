"""Jobs over HTTP and on the command line, and the threads of a worker that run them."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from data.store import jobs as store
from data.store import leases, slots
from data.store.slots import Slot
from service.cli import main
from service.context import Context, open_context
from service.settings import Settings
from service.worker.jobs import JOBS, Job, Result
from service.worker.lease import Lease
from service.worker.scheduler import Scheduler
from service.worker.slots import take_over
from tests.support.service_world import Server, fill

PATIENCE = 30.0


def lead(context: Context, *jobs: Job) -> None:
    """Lead for a moment, as a worker does when it starts."""
    lease = Lease(context.engine, context.clock, holder="host:1", seconds=15)
    fence = lease.beat()
    assert fence is not None
    take_over(context, jobs)
    lease.leave()


@pytest.fixture(scope="module")
def led(either: Server) -> Server:
    """A running service whose jobs a worker has registered."""
    assert either.client.get("/v1/jobs").json() == {
        "leader": {"holder": None, "fence": 0, "taken_at": None},
        "jobs": [],
    }
    early = either.client.post("/v1/jobs/retrain/run", headers=either.writer)
    assert (early.status_code, early.json()["field"]) == (409, "job")
    lead(either.context, *JOBS)
    return either


def named(server: Server, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = server.client.get("/v1/jobs").json()["jobs"]
    return next(job for job in found if job["name"] == name)


def post(server: Server, path: str) -> httpx2.Response:
    return server.client.post(f"/v1/jobs/{path}", headers=server.writer)


def test_jobs_say_when_they_run_next(led: Server) -> None:
    found = named(led, "retrain")
    assert (found["schedule"], found["time_zone"]) == ("cron: 30 5 * * mon-fri", "UTC")
    assert (found["paused"], found["running"], found["last"], found["wanted"]) == (False, None, None, None)
    coming = [datetime.fromisoformat(at) for at in found["next_runs"]]
    assert len(coming) == 5
    assert all(later > earlier > led.context.clock.now() for earlier, later in pairwise(coming))
    assert all((at.hour, at.minute) == (5, 30) and at.weekday() < 5 for at in coming)
    found = [job["name"] for job in led.client.get("/v1/jobs").json()["jobs"]]
    assert found == ["clean-up", "ingest", "retrain", "score"]


def test_run_pause_and_resume(led: Server) -> None:
    asked = post(led, "clean-up/run")
    assert asked.status_code == 202
    assert (asked.json()["state"], asked.json()["kind"]) == ("due", "asked")
    assert asked.json()["reason"] == "asked by test desk"
    assert post(led, "clean-up/run").json() == asked.json()
    assert led.client.get("/v1/jobs/clean-up").json() == {"job": "clean-up", "slots": [asked.json()]}
    paused = post(led, "clean-up/pause").raise_for_status().json()
    assert (paused["paused"], paused["paused_by"], paused["next_runs"]) == (True, "test desk", [])
    resumed = post(led, "clean-up/resume").raise_for_status().json()
    assert (resumed["paused"], len(resumed["next_runs"])) == (False, 5)


def test_last_result_and_wanted_run_are_shown(led: Server) -> None:
    context = led.context
    post(led, "retrain/run")
    with context.engine.begin() as conn:
        slot = slots.claim(conn, "retrain", worker="host:1", fence=1, now=context.clock.now())
        assert slot is not None
        store.want(conn, "retrain", "new prices", context.clock.now())
    assert named(led, "retrain")["running"]["worker"] == "host:1"
    with context.engine.begin() as conn:
        slots.finish(conn, slot, finished_at=context.clock.now(), result={"run_id": 7})
    found = named(led, "retrain")
    assert found["running"] is None
    assert found["last"]["result"] == {"run_id": 7}
    assert found["wanted"]["reason"] == "new prices"


@pytest.mark.parametrize("path", ["nope/run", "nope/pause", "nope/resume"])
def test_an_unknown_job_is_named(led: Server, path: str) -> None:
    found = post(led, path)
    assert (found.status_code, found.json()["allowed"]) == (404, "one of clean-up, ingest, retrain, score")
    assert led.client.get("/v1/jobs/nope").status_code == 404


@pytest.mark.parametrize("path", ["retrain/run", "retrain/pause", "retrain/resume"])
def test_changing_needs_a_key(led: Server, path: str) -> None:
    assert led.client.post(f"/v1/jobs/{path}").status_code == 401


def test_prices_and_events_note_that_a_run_is_wanted(server: Server) -> None:
    lead(server.context, *JOBS)
    rows = {"rows": [{"unique_id": "nd-test-cn", "ds": "2026-08-01", "y": 510}]}
    where = "/v1/series/nd-test-cn/observations"
    server.client.post(where, json=rows, params={"preview": "true"}, headers=server.writer).raise_for_status()
    assert named(server, "retrain")["wanted"] is None
    server.client.post(where, json=rows, headers=server.writer).raise_for_status()
    assert named(server, "retrain")["wanted"]["reason"] == "new prices: 1 added, 0 corrected"
    server.client.post(where, json=rows, headers=server.writer).raise_for_status()
    step = {"stage": "extended", "on": "2026-11-24", "known_on": "2026-11-24"}
    where = "/v1/events/CN-TEST-LICENCE"
    server.client.patch(where, json=step, headers=server.writer).raise_for_status()
    wanted = named(server, "retrain")["wanted"]
    assert (wanted["reason"], wanted["changes"]) == ("event CN-TEST-LICENCE is extended", 2)


def test_a_queued_run_is_joined(server: Server) -> None:
    first, second = (
        server.client.post("/v1/training-runs", json={"reason": r}, headers=server.writer) for r in "ab"
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]


def test_the_command_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    context = open_context(settings)
    fill(context)
    lead(context, *JOBS)
    monkeypatch.setenv("YTTERBY_DATABASE_URL", settings.database_url)

    def run(*words: str) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["ytterby", "jobs", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        said = capsys.readouterr()
        return said.out, said.err

    assert "No worker leads." in run("list")[0]
    assert "jobs history clean-up" in run("run", "clean-up")[1]
    with context.engine.begin() as conn:
        slot = slots.claim(conn, "clean-up", worker="host:1", fence=1, now=context.clock.now())
        assert slot is not None
        slots.finish(conn, slot, finished_at=context.clock.now(), result={"slots_removed": 3})
    shown = run("history", "clean-up")[0]
    assert "slots_removed 3" in shown
    assert "asked by command line" in shown
    assert "slots_removed 3" in run("list")[0]
    run("pause", "retrain")
    assert "paused" in run("list")[0]
    run("resume", "retrain")
    board = json.loads(run("list", "--json")[0])
    assert [len(job["next_runs"]) for job in board["jobs"]] == [5, 5, 5, 5]
    assert json.loads(run("history", "clean-up", "--json")[0])[0]["state"] == "done"


def wait_for(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """A filled database for worker threads with a short lease."""
    found = open_context(Settings(database_url=database_url, lease_seconds=0.5))
    fill(found, with_forecast=False)
    yield found
    found.engine.dispose()


def last(context: Context, name: str) -> Slot | None:
    with context.engine.connect() as conn:
        return slots.last_run(conn, name)


def test_one_worker_leads_and_the_next_when_it_is_gone(context: Context) -> None:
    ran: list[str] = []

    def job(holder: str, schedule: str) -> Job:
        def act(_context: Context, _slot: Slot) -> Result:
            ran.append(holder)
            return {"by": holder}

        return Job(name="a", about="", schedule=lambda _: schedule, act=act)

    first = Scheduler(context, [job("first", "every: 1s")])
    second = Scheduler(context, [job("second", "off")])
    first.start()
    wait_for(lambda: "first" in ran, "the first worker to run a slot on schedule")
    second.start()
    with context.engine.begin() as conn:
        store.ask(conn, "a", reason="test", now=context.clock.now())
    wait_for(lambda: last(context, "a") is not None and ran.count("first") > 2, "more slots")
    assert set(ran) == {"first"}
    first.stop()
    wait_for(lambda: fence(context) == 2, "the second to lead")
    with context.engine.begin() as conn:
        store.ask(conn, "a", reason="test", now=context.clock.now())
    wait_for(lambda: "second" in ran, "the second worker to run what is asked for")
    second.stop()
    with context.engine.connect() as conn:
        assert leases.read(conn).holder is None


def names(context: Context) -> list[str]:
    with context.engine.connect() as conn:
        return [job.name for job in store.list_jobs(conn)]


def fence(context: Context) -> int:
    with context.engine.connect() as conn:
        return leases.read(conn).fence


def test_a_slow_job_keeps_no_other_waiting(context: Context) -> None:
    free = threading.Event()

    def slow(_context: Context, _slot: Slot) -> Result:
        free.wait(PATIENCE)
        return {}

    def job(name: str, act: Callable[[Context, Slot], Result]) -> Job:
        return Job(name=name, about="", schedule=lambda _: "off", act=act)

    running = Scheduler(context, [job("slow", slow), job("quick", lambda _c, _s: {})])
    running.start()
    wait_for(lambda: names(context) == ["quick", "slow"], "the jobs to be known")
    with context.engine.begin() as conn:
        for name in ("slow", "quick"):
            store.ask(conn, name, reason="test", now=context.clock.now())
    wait_for(lambda: last(context, "quick") is not None, "the quick job")
    assert last(context, "slow") is None
    free.set()
    wait_for(lambda: last(context, "slow") is not None, "the slow job")
    running.stop()


def test_a_worker_whose_schedule_fails_ends(context: Context) -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    readings = iter(["off", "lunar"])  # what is stored cannot be read when the slot's turn comes
    running = Scheduler(
        context, [Job(name="a", about="", schedule=lambda _: next(readings), act=lambda _c, _s: {})]
    )
    running.start()
    wait_for(lambda: names(context) == ["a"], "the job to be known")
    with context.engine.begin() as conn:
        store.ask(conn, "a", reason="test", now=context.clock.now())
    wait_for(lambda: bool(told), "the end")
    signal.signal(signal.SIGTERM, before)
    assert running.broken
    running.stop()
