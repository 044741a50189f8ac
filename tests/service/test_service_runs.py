"""Training runs while they run: what they say, what cancelling leaves, and what they do without lost fits."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from sqlalchemy import Table, select

from data.store import forecasts, runs, tables
from data.store.runs import Run, RunProgress
from forecast.models import MODELS
from service import fitting, training
from service.cli import main
from service.context import Context, open_context
from service.settings import Settings
from tests.support.fits import Unruly
from tests.support.service_world import BASE, ISSUED, OUTSIDE, Server, fill

PATIENCE = 60.0
MADE_BY_A_RUN: tuple[Table, ...] = (
    tables.forecast,
    tables.fx_path,
    tables.run_fact,
    tables.backtest_score,
)
QUICK = MODELS[:3]
STAGES = ["models", "paths", "ranges", "backtest", "scores"]


@pytest.fixture
def context(settings: Settings, database_url: str) -> Iterator[Context]:
    """The made-up world without a forecast, on each database in turn."""
    found = open_context(settings.model_copy(update={"database_url": database_url, "fit_seconds": 10.0}))
    fill(found, with_forecast=False)
    yield found
    found.engine.dispose()


def claimed(context: Context) -> Run:
    """A run that this process has taken."""
    training.request(context, "a test")
    with context.engine.begin() as conn:
        found = runs.claim(conn, now=context.clock.now(), worker="this one")
    assert found is not None
    return found


def stored(context: Context, run_id: int) -> list[str]:
    """Tables that hold something of a run."""
    with context.engine.connect() as conn:
        return [
            table.name
            for table in MADE_BY_A_RUN
            if conn.execute(select(table.c.run_id).where(table.c.run_id == run_id)).first()
        ]


def test_a_run_that_loses_fits_ends_well_and_says_which(context: Context) -> None:
    seen: list[RunProgress] = []
    models = (*QUICK, Unruly("killed", None, cost="costly"), Unruly("loops", 60))
    ended = fitting.perform(context, claimed(context), seen.append, models=models)
    assert (ended.state, ended.error, ended.progress) == ("done", None, None)
    summary = ended.summary or {}
    assert summary["forecasts"] == 2
    lost = [tuple(row) for row in summary["lost"]]
    assert {row[:2] for row in lost} == {(BASE, "killed"), (BASE, "loops")}
    assert {row[3] for row in lost if row[1] == "killed"} == {"its process died (signal 9)"}
    assert {row[3] for row in lost if row[1] == "loops"} == {"killed after 10 s"}
    assert all(date.fromisoformat(row[2]) <= date(2026, 11, 24) for row in lost)
    left_out = {model: why for series, model, why in summary["left_out"] if series == BASE}
    assert left_out["killed"] == "killed was left out: its process died (signal 9)"
    with context.engine.connect() as conn:
        assert set(forecasts.latest_issued_at(conn)) == {BASE, OUTSIDE}
    # and all the while it said how far it was
    assert list(dict.fromkeys(told.stage for told in seen)) == STAGES
    shares = [told.share for told in seen]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.1 < 0.9 < shares[-1] <= 1
    in_hand = {(told.series, told.model) for told in seen if told.stage == "models"}
    assert in_hand == {(BASE, model.name) for model in models}
    assert [(t.done, t.total) for t in seen if t.stage == "backtest"] == [(1, 2), (2, 2)]
    assert all(t.seconds_left is not None and t.seconds_left > 0 for t in seen if t.stage == "scores")
    assert list(summary["stages"]) == STAGES


@pytest.mark.parametrize("stage", ["models", "scores"])
def test_a_run_cancelled_on_its_way_stores_nothing(context: Context, stage: str) -> None:
    """In the last stage nothing is left to do but to store: that is refused too."""
    mine = claimed(context)

    def cancel(told: RunProgress) -> None:
        if told.stage == stage:
            training.cancel(context, mine.run_id)

    ended = fitting.perform(context, mine, cancel, models=QUICK)
    assert (ended.state, ended.error, ended.summary) == ("cancelled", None, None)
    assert stored(context, mine.run_id) == []
    assert not multiprocessing.active_children()


def test_a_run_that_hangs_is_watched_and_cancelled_over_http(
    settings: Settings, database_url: str, start: Callable[[Settings], Server]
) -> None:
    changes = {"database_url": database_url, "fit_seconds": 600.0}
    server = start(settings.model_copy(update=changes))
    mine = claimed(server.context)
    models = (*QUICK, Unruly("sleeps", None))
    work = threading.Thread(target=fitting.perform, args=(server.context, mine), kwargs={"models": models})
    work.start()
    where = f"/v1/training-runs/{mine.run_id}"
    deadline = time.monotonic() + PATIENCE
    while ((told := server.client.get(where).json())["progress"] or {}).get("model") != "sleeps":
        assert time.monotonic() < deadline, f"the run says {told}"
        time.sleep(0.05)
    assert told["state"] == "running"
    assert told["progress"]["stage"] == "models"
    assert told["progress"]["series"] == BASE
    assert 0 <= told["progress"]["done"] < told["progress"]["total"]
    assert server.client.post(f"{where}/cancel").status_code == 401
    ended = server.client.post(f"{where}/cancel", headers=server.writer)
    assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")
    work.join(PATIENCE)
    assert not work.is_alive(), "the worker did not notice"
    assert not multiprocessing.active_children()
    assert server.client.get(where).json() == ended.json()
    assert stored(server.context, mine.run_id) == []
    assert server.client.get(f"/v1/series/{BASE}/forecast").json()["run_id"] != mine.run_id


def test_cancelling_what_waits_what_is_over_and_what_there_is_not(either: Server) -> None:
    asked = either.client.post("/v1/training-runs", json={}, headers=either.writer).json()
    where = f"/v1/training-runs/{asked['run_id']}/cancel"
    ended = either.client.post(where, headers=either.writer)
    assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")
    assert either.client.post(where, headers=either.writer).json() == ended.json()
    with either.context.engine.begin() as conn:
        assert runs.claim(conn, now=ISSUED, worker="another") is None
    done = either.client.post("/v1/training-runs/1/cancel", headers=either.writer)
    assert done.status_code == 409
    assert done.json()["found"] == "1, which is done"
    assert done.json()["allowed"] == "a run that is queued or running"
    assert either.client.post("/v1/training-runs/999/cancel", headers=either.writer).status_code == 404


def command(
    context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code and what a command prints."""
    given = context.settings.model_dump(mode="json", exclude_none=True, exclude={"secret_key"})
    for name, value in given.items():
        if not isinstance(value, list):
            monkeypatch.setenv(f"YTTERBY_{name.upper()}", str(value))
    monkeypatch.setattr(sys, "argv", ["ytterby", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    found = capsys.readouterr()
    return int(ended.value.code or 0), found.out, found.err


def test_the_command_line_lists_watches_and_cancels(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    context = open_context(settings)
    fill(context)
    say = lambda *words: command(context, monkeypatch, capsys, *words)  # noqa: E731
    code, _, text = say("runs", "watch")
    assert code == 0, text
    assert "Run 1 is done: 2 forecasts in 1 s." in text
    mine = claimed(context)
    told = RunProgress(stage="backtest", done=3, total=24, share=0.5, seconds_left=150.0)
    with context.engine.begin() as conn:
        runs.progress(conn, mine, told)
    code, text, _ = say("runs", "list")
    assert code == 0
    assert "cutoffs, 3 of 24 done, about 2 min left" in text
    found = json.loads(say("runs", "list", "--json", "--limit", "1")[1])
    assert [(run["run_id"], run["progress"]["seconds_left"]) for run in found] == [(mine.run_id, 150.0)]
    code, _, text = say("runs", "cancel", str(mine.run_id))
    assert (code, text.strip()) == (0, f"Run {mine.run_id} is cancelled.")
    code, _, text = say("runs", "watch", str(mine.run_id))
    assert (code, text.strip().splitlines()[-1]) == (1, f"Run {mine.run_id} was cancelled")
    code, _, text = say("runs", "cancel", "1")
    assert code == 2
    assert "1, which is done" in text
    assert say("runs", "watch", "999")[0] == 2
    lost = [
        [BASE, "prophet", "2024-12-31", "killed after 120 s"],
        [BASE, "prophet", "2026-11-24", "killed after 120 s"],
        [None, "boosting", "2026-11-24", "its process died (signal 9)"],
    ]
    again = claimed(context)
    with context.engine.begin() as conn:
        summary = {"forecasts": 2, "seconds": 61.2, "lost": lost}
        runs.finish(conn, again, finished_at=ISSUED, summary=summary)
    code, _, text = say("runs", "watch")
    assert code == 0
    assert f"prophet on {BASE} lost 2 fits to 2026-11-24: killed after 120 s" in text
    assert "boosting on all series lost its fit of 2026-11-24: its process died (signal 9)" in text
    context.engine.dispose()
