"""The whole way in a real worker process: a price comes in, a signed message goes out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
import standardwebhooks
from pydantic import SecretStr

from data.store import signals
from service.context import Context, open_context
from service.settings import Settings
from service.webhooks import endpoints
from service.webhooks.secrets import SecretUnreadable, Vault, new_key
from service.worker.courier import Courier
from service.worker.process import WorkerProcess
from tests.support.alerting import arm, post
from tests.support.posting import ALLOWED, KEY, QUICK, found, tell
from tests.support.service_world import OUTSIDE, fill
from tests.support.sockets import answering, listening

OK = answering("HTTP/1.1 204 No Content")


def wait_for(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        time.sleep(0.05)


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("YTTERBY_SECRET_KEY", KEY)
    made = open_context(Settings(**settings.model_dump(exclude={"secret_key", "allowed_networks"}),
                                 allowed_networks=ALLOWED))  # fmt: skip
    fill(made)
    yield made
    made.engine.dispose()


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


@contextmanager
def running(context: Context) -> Iterator[Courier]:
    """A courier in this process."""
    stop = threading.Event()
    made = Courier(context, stop, QUICK)
    made.start()
    try:
        yield made
    finally:
        stop.set()
        made.join()
    assert not made.failed


def test_what_cannot_be_judged_keeps_nothing_from_being_sent(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault of the part that judges: a signal that nothing makes."""
    with context.engine.begin() as conn:
        signals.add(conn, kind="rule", subject="no number", at=context.clock.now())
    with listening(OK) as one:
        endpoints.create(context, {"name": "desk", "url": one.url}, "test")
        with running(context):
            tell(context, title="first")
            wait_for(lambda: len(one.seen) == 1, "the message")
            wait_for(lambda: {d.state for d in found(context)} == {"delivered"}, "it to be recorded")
    said = capsys.readouterr()
    assert "alerts cannot be judged" in said.out + said.err
    with context.engine.connect() as conn:
        assert "no number" in {s.subject for s in signals.waiting(conn, 10)}


def test_without_a_key_nothing_is_sent_and_the_log_says_why(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(OK) as one:
        endpoints.create(context, {"name": "desk", "url": one.url}, "test")
        arm(context, series_id=OUTSIDE, direction="above", threshold=100.0)
        post(context, OUTSIDE, (date(2026, 11, 20), 150.0))
        with running(replace(context, settings=context.settings.model_copy(update={"secret_key": None}))):
            wait_for(lambda: bool(found(context)), "the alert to be judged")
        assert one.seen == []
    said = capsys.readouterr()
    assert "YTTERBY_SECRET_KEY is not set" in said.out + said.err
    assert [d.claims for d in found(context)] == [0]


def test_a_second_key_moves_every_secret_to_the_first(context: Context) -> None:
    new = new_key()
    endpoints.create(context, {"name": "desk", "url": "https://receiver.example/"}, "test")
    both = SecretStr(f"{new},{KEY}")
    with running(replace(context, settings=context.settings.model_copy(update={"secret_key": both}))):
        wait_for(lambda: opens(context, new), "the secret to be moved")
    assert not opens(context, KEY)


def opens(context: Context, key: str) -> bool:
    """Does this key open the secret of the first endpoint?"""
    with context.engine.connect() as conn:
        (sealed,) = endpoints.store.secrets(conn, [1]).values()
    try:
        return bool(Vault([key]).open(sealed))
    except SecretUnreadable:
        return False


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
