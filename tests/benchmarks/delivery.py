"""How fast webhooks go out: python -m tests.benchmarks.delivery

Real worker processes deliver what is in the outbox to a receiver of its own process on this machine. First
how many a second, on SQLite with one worker and on PostgreSQL with one, two and three; then how long messages
to 50 endpoints that answer take beside 50 that accept connections and never say a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from data.store.tables import attempt, delivery, endpoint
from service.context import Context
from service.webhooks import outbox
from service.webhooks.formats import Message
from tests.benchmarks import bench
from tests.support import postgres
from tests.support.posting import ALLOWED, KEY, add, desk

ENDPOINTS, SQLITE_MESSAGES, POSTGRES_MESSAGES, TARGETS = (
    20,
    4_000,
    12_000,
    {"sqlite": 200, "postgresql": 1_000},
)
WELL, DEAD, SECONDS, TARGET_P99 = 50, 50, 60, 5.0
_HELLO = "--receiver"


class _Receiver(asyncio.Protocol):
    """Takes one request a connection. A path that begins with /dead is never answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.taken = transport, b""

    def data_received(self, data: bytes) -> None:
        self.taken += data
        head, found, body = self.taken.partition(b"\r\n\r\n")
        if not found or self.taken.startswith(b"POST /dead"):
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            self.transport.close()


async def receive() -> None:
    """Say the port, then receive until killed."""
    server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """Address of a receiver in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.delivery", _HELLO]
    with subprocess.Popen(command, cwd=bench.ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@contextlib.contextmanager
def workers(context: Context, count: int) -> Iterator[None]:
    """Real worker processes on the database of `context`."""
    env = os.environ | {
        "YTTERBY_DATABASE_URL": context.settings.database_url,
        "YTTERBY_SECRET_KEY": KEY,
        "YTTERBY_ALLOWED_NETWORKS": ALLOWED,
        "YTTERBY_LOG_LEVEL": "error",
        "PYTHONPATH": str(bench.ROOT),
    }
    command = [sys.executable, "-m", "service.worker"]
    running = [subprocess.Popen(command, cwd=bench.ROOT, env=env) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)


def tell(context: Context, alerts: range) -> None:
    """A message of each alert to every endpoint, as large as one alert is."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        for alert in alerts:
            data = {"alert_id": alert, "value": 4_500.5, "note": "made up " * 60}
            message = Message(type="alert.firing", at=now, title=f"alert {alert}", text="", data=data)
            outbox.enqueue(conn, message, alerts=[alert], now=now)


def wait(context: Context, wanted: int, seconds: float) -> int:
    """Until so many were delivered, or so long; how many were."""
    until = time.perf_counter() + seconds
    while True:
        with context.engine.connect() as conn:
            done = conn.execute(
                select(func.count()).select_from(delivery).where(delivery.c.state == "delivered")
            ).scalar_one()
        if done >= wanted or time.perf_counter() > until:
            return int(done)
        time.sleep(0.5)


def throughput(name: str, context: Context, url: str, messages: int, count: int) -> None:
    """Deliveries a second, from the first attempt to the last that was recorded."""
    for k in range(ENDPOINTS):
        add(context, f"{url}/well/{k}", str(k))
    tell(context, range(messages // ENDPOINTS))
    with workers(context, count):
        done = wait(context, messages, 300)
    with context.engine.connect() as conn:
        first, last, tries = conn.execute(
            select(func.min(attempt.c.started_at), func.max(delivery.c.finished_at), func.count())
            .join(delivery, delivery.c.delivery_id == attempt.c.delivery_id)
        ).one()  # fmt: skip
    rate = done / (last - first).total_seconds()
    target = TARGETS[name]
    verdict = "holds" if rate >= target else f"FAILS by {1 - rate / target:.0%}"
    print(f"{name:10s} {count} worker(s): {done:,} of {messages:,} delivered in {tries:,} attempts, "
          f"{rate:,.0f}/s; at least {target:,}/s {verdict}", flush=True)  # fmt: skip


def beside_the_dead(name: str, context: Context, url: str) -> None:
    """A message a second to everybody; how long those that answer wait for theirs."""
    add(context, f"{url}/first", "first")
    with workers(context, 1):
        tell(context, range(1))
        wait(context, 1, 120)  # the worker has started
        for k in range(WELL):
            add(context, f"{url}/well/{k}", f"well {k}")
            add(context, f"{url}/dead/{k}", f"dead {k}")
        for second in range(SECONDS):
            tell(context, range(second, second + 1))
            time.sleep(1)
        wait(context, (WELL + 1) * SECONDS + 1, 60)
    with context.engine.connect() as conn:
        rows = conn.execute(
            select(delivery.c.created_at, attempt.c.started_at, attempt.c.milliseconds)
            .join(attempt, attempt.c.delivery_id == delivery.c.delivery_id)
            .join(endpoint, endpoint.c.endpoint_id == delivery.c.endpoint_id)
            .where(endpoint.c.name.startswith("well "), attempt.c.outcome == "delivered")
        ).all()
    done = len(rows)
    taken = [
        (r.started_at + timedelta(milliseconds=r.milliseconds) - r.created_at).total_seconds() for r in rows
    ]
    middle, high, worst = np.quantile(taken, [0.5, 0.99, 1.0])
    verdict = "holds" if high <= TARGET_P99 and done == WELL * SECONDS else "FAILS"
    print(f"{name:10s} {WELL} that answer beside {DEAD} that hang: {done:,} of {WELL * SECONDS:,} delivered, "
          f"median {middle:.2f} s, p99 {high:.2f} s, worst {worst:.2f} s; "
          f"p99 at most {TARGET_P99:.0f} s {verdict}", flush=True)  # fmt: skip


@contextlib.contextmanager
def fresh(server: postgres.URL | None) -> Iterator[Context]:
    """An empty, migrated database: on PostgreSQL, or an SQLite file."""
    with contextlib.ExitStack() as stack:
        if server is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite:///{Path(folder, 'bench.db')}"
        else:
            found = stack.enter_context(postgres.database(server))
            url = found.render_as_string(hide_password=False)
        context = desk(url)
        yield context
        context.engine.dispose()


def main() -> int:
    with postgres.running() as server, receiver() as url:
        with fresh(None) as context:
            throughput("sqlite", context, url, SQLITE_MESSAGES, 1)
        for count in (1, 2, 3):
            with fresh(server) as context:
                throughput("postgresql", context, url, POSTGRES_MESSAGES, count)
        for name, which in (("sqlite", None), ("postgresql", server)):
            with fresh(which) as context:
                beside_the_dead(name, context, url)
    return 0


if __name__ == "__main__":
    if _HELLO in sys.argv:
        asyncio.run(receive())
    sys.exit(main())
