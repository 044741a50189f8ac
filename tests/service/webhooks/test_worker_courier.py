"""The whole way in a real worker process: a price comes in, a signed message goes out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date

import pytest
import standardwebhooks

from service.context import Context, open_context
from service.settings import Settings
from service.webhooks import endpoints
from service.worker.process import WorkerProcess
from tests.support.alerting import arm, post
from tests.support.posting import ALLOWED, KEY, found, tell
from tests.support.service_world import OUTSIDE, fill
from tests.support.sockets import answering, listening

OK = answering("HTTP/1.1 204 No Content")


def wait_for(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        time.sleep(0.05)


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("YTTERBY_SECRET_KEY", KEY)
    made = open_context(Settings(**settings.model_dump(exclude={"secret_key", "allowed_networks"}),
                                 allowed_networks=ALLOWED))  # fmt: skip
    fill(made)
    return made


def test_a_price_that_crosses_reaches_the_endpoint_signed(context: Context) -> None:
    arm(context, series_id=OUTSIDE, direction="above", threshold=100.0)
    child = WorkerProcess(context.settings)
    with listening(OK) as one:
        made, secret = endpoints.create(context, {"name": "desk", "url": one.url}, "test")
        child.start()
        try:
            post(context, OUTSIDE, (date(2026, 11, 20), 150.0))
            wait_for(lambda: bool(one.seen), "the message")
            wait_for(lambda: all(d.state == "delivered" for d in found(context)), "it to be recorded")
        finally:
            child.stop()
    head, _, body = one.seen[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    standardwebhooks.Webhook(secret or "").verify(body, headers)
    assert json.loads(body)["type"] == "alert.firing"
    assert [d.endpoint_id for d in found(context)] == [made.endpoint_id]


def test_a_stopped_worker_has_recorded_what_it_sent(context: Context) -> None:
    child = WorkerProcess(context.settings)
    with listening(OK) as one:
        endpoints.create(context, {"name": "desk", "url": one.url}, "test")
        for number in range(20):
            tell(context, number)
        child.start()
        wait_for(lambda: bool(one.seen), "the first message")
        child.stop()
        arrived = len(one.seen)
    states = [d.state for d in found(context)]
    assert states.count("delivered") == arrived
    assert all(d.leased_until is None for d in found(context))
    context.engine.dispose()
