"""Training in the worker process: a real run end to end, crashes, stops, an orphaned worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from data.store import prices, runs
from data.store.migrate import migrate
from data.store.tables import run as run_table
from service import training
from service.context import Context, open_context
from service.settings import Settings
from service.worker.loop import work
from service.worker.process import WorkerProcess
from tests.support.service_world import BASE, OUTSIDE, Server, fill

PATIENCE = 120.0


def wait_for(check: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Is there such a process, other than one that ended and was not collected?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def state(context: Context, run_id: int) -> str:
    return training.get_run(context, run_id).state


def stage(context: Context, run_id: int) -> str | None:
    told = training.get_run(context, run_id).progress
    return None if told is None else told.stage


@pytest.fixture
def context(settings: Settings) -> Context:
    found = open_context(settings)
    fill(found, with_forecast=False)
    return found


def test_a_run_asked_for_over_http_is_fitted_by_the_worker_and_served(server: Server) -> None:
    asked = server.client.post("/v1/training-runs", json={"reason": "a test"}, headers=server.writer)
    assert asked.status_code == 202
    assert asked.json()["state"] == "queued"
    where = asked.headers["location"]
    child = WorkerProcess(server.context.settings)
    child.start()
    try:
        wait_for(lambda: server.client.get(where).json()["state"] in ("done", "failed"), "the run to end")
    finally:
        child.stop()
    ended = server.client.get(where).json()
    assert ended["state"] == "done", ended["error"]
    summary = ended["summary"]
    assert summary["forecasts"] == 2
    assert summary["failures"] == []
    assert len(summary["fingerprint"]) == 64
    assert {"numpy", "statsmodels", "prophet", "ytterby"} <= set(summary["versions"])
    for series_id, lag in ((BASE, 4), (OUTSIDE, 5)):
        found = server.client.get(f"/v1/series/{series_id}/forecast", params={"level": "80"}).json()
        assert found["run_id"] == ended["run_id"]
        assert found["known_at"] == "2026-11-24"
        assert found["lag"] == lag
        assert found["rows"][-1]["ds"] == "2027-05-01"
        assert found["rows"][-1]["step"] == 6
        last = found["rows"][-1]["quantiles"]
        assert 0 < last["q0.1"] < last["q0.5"] < last["q0.9"]
        converted = server.client.get(f"/v1/series/{series_id}/forecast", params={"currency": "EUR"}).json()
        assert converted["rows"][-1]["median"] > 0
        effects = server.client.get(f"/v1/series/{series_id}/effects").raise_for_status().json()
        assert effects["run_id"] == ended["run_id"]
        assert effects["events"][0]["event_id"] == "CN-TEST-LICENCE"
        assert all((e["premium"] is None) == (series_id == BASE) for e in effects["events"])
    figures = server.client.get("/v1/backtests", params={"model": "champion"}).json()
    assert figures["run_id"] == ended["run_id"]
    assert {"pinball", "coverage_80", "skill"} <= {s["metric"] for s in figures["scores"]}


def test_a_killed_worker_loses_no_run(context: Context) -> None:
    run_id = training.request(context, "to be killed").run_id
    child = WorkerProcess(context.settings)
    child.start()
    try:
        wait_for(lambda: state(context, run_id) == "running", "the first worker to take the run")
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: child.pid not in (None, first), "another worker to be started")
        wait_for(lambda: state(context, run_id) in ("done", "failed"), "the second worker to end the run")
    finally:
        child.stop()
    with context.engine.connect() as conn:
        assert len(runs.list_runs(conn)) == 1
    ended = training.get_run(context, run_id)
    assert (ended.state, ended.error) == ("done", None)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_worker_told_to_stop_returns_its_run_to_the_queue(
    context: Context, processes: int, capfd: pytest.CaptureFixture[str]
) -> None:
    run_id = training.request(context, "to be stopped").run_id
    child = WorkerProcess(context.settings.model_copy(update={"processes": processes}))
    child.start()
    try:
        wait_for(lambda: stage(context, run_id) == "models", "the worker to begin to fit")
    finally:
        child.stop()
    assert child.pid is None
    assert state(context, run_id) == "queued"
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "leaked" not in said


def test_a_run_whose_worker_does_not_heed_is_queued_as_it_is_ended_and_that_is_no_death(
    context: Context,
) -> None:
    run_id = training.request(context, "to be stopped by force").run_id
    # nobody but the parent may put it back here
    child = WorkerProcess(context.settings.model_copy(update={"stale_run_seconds": 600.0}))
    child.start()
    try:
        wait_for(lambda: stage(context, run_id) == "models", "the worker to begin to fit")
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)  # as one that a busy machine gives no turn
    finally:
        child.stop()
    assert state(context, run_id) == "queued"
    with context.engine.connect() as conn:
        assert conn.execute(select(run_table.c.deaths).where(run_table.c.run_id == run_id)).scalar_one() == 0


def test_a_worker_dies_with_its_parent(settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from service.settings import Settings\n"
        "from service.worker.process import WorkerProcess\n"
        "child = WorkerProcess(Settings())\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    fill(open_context(settings), with_forecast=False)
    env = os.environ | {"PYTHONPATH": str(root), "YTTERBY_DATABASE_URL": settings.database_url}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.kill()
    wait_for(lambda: not alive(worker), "the worker to follow its parent", 20)


def test_a_run_that_cannot_be_done_says_why(settings: Settings) -> None:
    context = open_context(settings)
    migrate(context.engine)
    run_id = training.request(context, "nothing to fit").run_id
    assert work(context, threading.Event(), until_idle=True) == 1
    found = training.get_run(context, run_id)
    assert found.state == "failed"
    assert "ytterby import" in (found.error or "")
    with context.engine.connect() as conn:
        assert prices.list_series(conn) == ()
