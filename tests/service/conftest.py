"""A real server on a real socket, over a database with made-up series."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from pydantic import SecretStr

from service import auth
from service.app import create_app
from service.context import Context, open_context
from service.settings import Settings
from tests.support import postgres
from tests.support.changes_world import copied, three_runs
from tests.support.service_world import SECRET_KEY, TODAY, Server, fill


def serve(context: Context) -> tuple[uvicorn.Server, threading.Thread, str]:
    """Start uvicorn on a free port of loopback and wait until it answers."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(context=context), host="127.0.0.1", port=0, log_level="error")
    )
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    return server, thread, f"http://127.0.0.1:{listener.getsockname()[1]}"


def small(database_url: str) -> Settings:
    """Settings on a fixed day, with little to fit."""
    return Settings(
        database_url=database_url,
        today=TODAY,
        horizon=6,
        cutoffs=2,
        processes=1,
        max_body_bytes=20_000,
        worker_poll_seconds=0.05,
        stale_run_seconds=1.5,
        secret_key=SecretStr(SECRET_KEY),
        allowed_networks="127.0.0.0/8",
    )


class Servers:
    """Starts servers and stops them all."""

    def __init__(self) -> None:
        self._running: list[tuple[uvicorn.Server, threading.Thread, Server]] = []

    def start(self, settings: Settings) -> Server:
        """A server over a fresh database that holds the made-up world."""
        context = open_context(settings)
        fill(context)
        return self.over(context)

    def over(self, context: Context) -> Server:
        """A server over what the context's database holds."""
        key = auth.make(context, "test desk")
        server, thread, url = serve(context)
        made = Server(url=url, context=context, key=key, client=httpx2.Client(base_url=url, timeout=30))
        self._running.append((server, thread, made))
        return made

    def stop(self) -> None:
        """Stop them all."""
        for server, thread, made in self._running:
            made.client.close()
            server.should_exit = True
            thread.join(10)
            made.context.engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings on an SQLite file of this test."""
    return small(f"sqlite:///{tmp_path}/service.db")


@pytest.fixture
def start() -> Iterator[Callable[[Settings], Server]]:
    """Start servers; all are stopped at the end of the test."""
    servers = Servers()
    yield servers.start
    servers.stop()


@pytest.fixture
def over() -> Iterator[Callable[[Context], Server]]:
    """Start servers over databases that are filled already; all are stopped at the end of the test."""
    servers = Servers()
    yield servers.over
    servers.stop()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running service for a whole module, on each database in turn."""
    servers = Servers()
    if request.param == "sqlite":
        yield servers.start(small(f"sqlite:///{tmp_path_factory.mktemp('either')}/service.db"))
        servers.stop()
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield servers.start(small(url.render_as_string(hide_password=False)))
        servers.stop()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Three real training runs on an SQLite file. To be read, or copied."""
    context = three_runs(small(f"sqlite:///{tmp_path_factory.mktemp('trained')}/service.db"))
    yield context
    context.engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def changing(request: pytest.FixtureRequest, trained: Context) -> Iterator[Server]:
    """A running service over three training runs, on each database in turn."""
    servers = Servers()
    if request.param == "sqlite":
        yield servers.over(trained)
        servers.stop()
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield servers.over(copied(trained, url.render_as_string(hide_password=False)))
        servers.stop()


@pytest.fixture
def server(settings: Settings, start: Callable[[Settings], Server]) -> Server:
    """A running service on SQLite, for this test alone."""
    return start(settings)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running service on SQLite for tests that change nothing in it."""
    servers = Servers()
    yield servers.start(small(f"sqlite:///{tmp_path_factory.mktemp('shared')}/service.db"))
    servers.stop()
