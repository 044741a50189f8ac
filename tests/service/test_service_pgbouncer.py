"""Through PgBouncer in transaction mode, where no two transactions need have the same connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from data.store import runs, slots
from data.store.migrate import schema_state
from data.store.slots import Slot
from service.backup import backup
from service.context import Context, open_context
from service.settings import Settings
from service.worker.jobs import Job, Result
from service.worker.scheduler import Scheduler
from tests.support import pgbouncer, postgres
from tests.support.service_world import BASE, ISSUED, Server, fill

pytestmark = pytest.mark.postgres


@pytest.fixture
def pooled(postgres_server: URL) -> Iterator[Context]:
    """The made-up world behind a pooler."""
    with postgres.database(postgres_server) as direct, pgbouncer.before(direct) as url:
        context = open_context(
            Settings(database_url=url.render_as_string(hide_password=False), worker_poll_seconds=0.05)
        )
        fill(context)
        yield context
        context.engine.dispose()


def test_the_pooler_is_there_and_hands_out_other_connections(pooled: Context) -> None:
    def backend() -> int:
        with pooled.engine.connect() as conn:
            found: int = conn.execute(text("SELECT pg_backend_pid() FROM pg_sleep(0.02)")).scalar_one()
            return found

    with ThreadPoolExecutor(12) as pool:
        seen = {future.result() for future in [pool.submit(backend) for _ in range(60)]}
    assert 1 < len(seen) <= pgbouncer.SERVER_CONNECTIONS


def test_schema_reads_writes_and_claims_work(pooled: Context, tmp_path: Path) -> None:
    assert schema_state(pooled.engine).current
    with pooled.engine.begin() as conn:
        asked = [runs.request(conn, requested_at=ISSUED, reason=f"{k}") for k in range(40)]

    def claim(worker: int) -> list[int]:
        mine = []
        while True:
            with pooled.engine.begin() as conn:
                run = runs.claim(conn, now=ISSUED, worker=str(worker))
            if run is None:
                return mine
            mine.append(run.run_id)

    with ThreadPoolExecutor(8) as pool:
        taken = [run_id for found in pool.map(claim, range(8)) for run_id in found]
    assert sorted(taken) == asked, "each once"
    made = backup(pooled, tmp_path / "pooled.zip")
    assert made.rows["run"] == 41


def test_two_workers_started_together_run_no_slot_twice(pooled: Context) -> None:
    ran: list[int] = []

    def act(context: Context, slot: Slot) -> Result:
        with context.engine.begin() as conn:
            assert conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "500ms"
        ran.append(slot.slot_id)
        return {}

    job = Job(name="a", about="", schedule=lambda _: "every: 1s", act=act)
    quick = replace(pooled, settings=pooled.settings.model_copy(update={"lease_seconds": 0.5}))
    workers = [Scheduler(quick, [job]) for _ in range(2)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 60
    while len(done := ended(pooled)) < 3:
        assert time.monotonic() < deadline, "no slots were run"
        time.sleep(0.02)
    for worker in workers:
        worker.stop()
    assert done <= set(ran)
    assert len(set(ran)) == len(ran)
    with pooled.engine.connect() as conn:
        assert conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "0"


def ended(context: Context) -> set[int]:
    """Slots that were done."""
    with context.engine.connect() as conn:
        return {slot.slot_id for slot in slots.history(conn, "a") if slot.state == "done"}


def test_a_server_behind_it_answers_many_at_once(pooled: Context, over: Callable[[Context], Server]) -> None:
    server = over(pooled)

    def ask(k: int) -> int:
        if k % 3:
            return server.client.get(f"/v1/series/{BASE}/forecast").status_code
        rows = {"rows": [{"ds": "2026-08-01", "y": 500 + k}]}
        return server.client.post(
            f"/v1/series/{BASE}/observations", json=rows, headers=server.writer
        ).status_code

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(90))) == {200}
