"""A real Chromium in front of a real server over the made-up world."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from playwright.sync_api import BrowserContext, sync_playwright

from service import auth
from service.alerts.evaluate import evaluate
from service.app import create_app
from service.context import open_context
from service.settings import Settings
from tests.support.alerting import arm, endpoint
from tests.support.service_world import BASE, TODAY, Server, fill

ROOT = Path(__file__).parents[2]
#: A browser that speaks to nobody but the page's own server, and works in a container.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service on a free port of loopback."""
    database = tmp_path_factory.mktemp("site") / "service.db"
    context = open_context(Settings(database_url=f"sqlite:///{database}", today=TODAY))
    fill(context)
    arm(context, name="long" * 40, series_id=BASE, threshold=900.0, labels={"team": "magnets"})
    endpoint(context, "first", "https://example.com/" + "x" * 300)
    evaluate(context)
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
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = httpx2.Client(base_url=url, timeout=30)
    yield Server(url=url, context=context, key=auth.make(context, "browser"), client=client)
    client.close()
    server.should_exit = True
    thread.join(10)
    context.engine.dispose()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser: the one named by CHROMIUM, or what the tool of this house finds."""
    found = (
        os.environ.get("CHROMIUM")
        or subprocess.run(
            [ROOT / "tools" / "ensure-program", "chromium"], check=True, capture_output=True, text=True
        ).stdout
    )
    return found.strip()


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Chromium with a new profile."""
    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=chromium, headless=True, args=list(QUIET)
        )
        context.set_default_timeout(30_000)
        yield context
        context.close()
