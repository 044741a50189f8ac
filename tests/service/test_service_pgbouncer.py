"""Through PgBouncer in transaction mode, where no two transactions need have the same connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from data.store import runs
from data.store.migrate import schema_state
from service.backup import backup
from service.context import Context, open_context
from service.settings import Settings
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
