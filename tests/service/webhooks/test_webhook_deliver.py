"""One delivery from the outbox to a receiver, whatever the receiver does, on both databases."""

from __future__ import annotations

import json
import socket
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from functools import partial

import pytest
import standardwebhooks
import svix.webhooks
from sqlalchemy import URL, text

from data.store import deliveries
from data.store import endpoints as endpoint_store
from data.store.deliveries import Ended
from service.clock import Clock
from service.context import Context
from service.outgoing import Outgoing
from service.webhooks import deliver, endpoints, log, outbox
from service.webhooks.formats import Message
from service.webhooks.retries import DELAYS, PATIENCE, next_delay
from service.webhooks.secrets import needed_vault, new_key
from tests.support import postgres
from tests.support.posting import OUTGOING, QUICK, add, at, changed, desk, drive, found, later, tell, tried
from tests.support.sockets import (
    Behaviour,
    Listener,
    answering,
    dripping,
    leaving,
    listening,
    resetting,
    waiting,
)

OK = answering("HTTP/1.1 204 No Content")
FAIL = answering("HTTP/1.1 500 Oh No", "Content-Length: 9", body=b"\x00bro\x1bken\n")
GONE = answering("HTTP/1.1 410 Gone", "Content-Length: 0")


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    """Headers (lower-case names) and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, value in lines}, body


def ids(one: Listener) -> list[str]:
    return [parts(request)[0]["webhook-id"] for request in one.seen]


def titles(one: Listener) -> list[str]:
    return [json.loads(parts(request)[1])["data"]["title"] for request in one.seen]


def test_a_message_arrives_once_and_both_verifiers_accept_it(context: Context) -> None:
    with listening(OK) as one:
        made, secret = endpoints.create(context, {"name": "desk", "url": one.url}, "test")
        assert tell(context, 1, price=4500.5, text="für Tb") == 1
        drive(context)
        drive(context)
    assert secret is not None
    (request,) = one.seen
    headers, body = parts(request)
    for oracle in (standardwebhooks.Webhook, svix.webhooks.Webhook):
        oracle(secret).verify(body, headers)
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["type"] == "alert.firing"
    detail = log.get_delivery(context, found(context)[0].delivery_id)
    assert (detail.delivery.state, detail.delivery.message_id) == ("delivered", headers["webhook-id"])
    assert detail.body.encode() == body
    assert detail.alerts == (1,)
    (attempt,) = detail.attempts
    assert (attempt.number, attempt.outcome, attempt.status, attempt.error) == (1, "delivered", 204, None)
    assert (attempt.milliseconds or -1) >= 0
    assert endpoints.get(context, made.endpoint_id).reached_at is not None


def test_the_timestamp_is_everybody_elses_whatever_day_is_pretended(context: Context) -> None:
    past = later(context, timedelta(days=-400))
    with listening(OK) as one:
        _, secret = endpoints.create(past, {"name": "desk", "url": one.url}, "test")
        tell(past)
        drive(past)
    headers, body = parts(one.seen[0])
    standardwebhooks.Webhook(secret or "").verify(body, headers)
    assert found(past)[0].created_at < Clock().now() - timedelta(days=399)


def test_failures_are_repeated_by_the_table_with_the_same_id_and_bytes_and_then_given_up(
    context: Context,
) -> None:
    with listening(FAIL) as one:
        endpoint_id = add(context, one.url)
        tell(context)
        for failures in range(1, len(DELAYS) + 2):
            before = context.clock.now()
            drive(context)
            (now,) = found(context)
            assert now.failures == failures
            delay = next_delay(failures, now.message_id)
            if delay is not None:
                assert before + delay <= now.due_at <= context.clock.now() + delay
                drive(at(context, now.due_at - timedelta(seconds=1)))
                assert len(one.seen) == failures
                context = at(context, now.due_at)
                if failures == 5:  # keeps the endpoint from being disabled before the table ends
                    with context.engine.begin() as conn:
                        endpoint_store.note_success(conn, endpoint_id, context.clock.now())
    assert (now.state, now.failures) == ("failed", len(DELAYS) + 1)
    assert now.reason == "given up after 10 failed attempts: status 500"
    assert len(one.seen) == len(DELAYS) + 1
    assert len({(ids(one)[n], parts(one.seen[n])[1]) for n in range(len(one.seen))}) == 1
    attempts = tried(context, now.delivery_id)
    assert [a.number for a in attempts] == list(range(1, 11))
    assert {(a.outcome, a.status, a.error, a.answer) for a in attempts} == {
        ("failed", 500, "status 500", "bro ken")
    }


@pytest.mark.parametrize(
    ("behave", "outcome", "status", "words"),
    [
        (answering("HTTP/1.1 302 Found", "Location: http://127.0.0.1:1/"), "failed", 302, "not followed"),
        (answering("HTTP/1.1 404 Not Found"), "failed", 404, "status 404"),
        (leaving, "ambiguous", None, "connection reset"),
        (resetting, "ambiguous", None, "connection reset"),
        (waiting, "ambiguous", None, "deadline"),
        (dripping(), "ambiguous", None, "deadline"),
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), "ambiguous", 200, "not the whole"),
        (dripping(b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n"), "failed", 500, "status 500"),
        (answering("HTTP/1.1 200 OK", body=b"x" * 20_000_000), "ambiguous", 200, "too large"),
        (answering("EHLO"), "ambiguous", None, "not HTTP"),
    ],
    ids=["redirect", "404", "cut", "reset", "timeout", "drip", "drip of a body", "drip of a failure",
         "20 MB", "not HTTP"],
)  # fmt: skip
def test_whatever_a_receiver_does_is_recorded_and_tried_again(
    context: Context, behave: Behaviour, outcome: str, status: int | None, words: str
) -> None:
    with listening(behave) as one:
        add(context, one.url)
        tell(context)
        drive(context)
    (now,) = found(context)
    (attempt,) = tried(context, now.delivery_id)
    assert (attempt.outcome, attempt.status) == (outcome, status)
    assert words in (attempt.error or "")
    assert len(attempt.answer or "") <= 500
    assert now.state == "queued"
    assert len(one.seen) == 1
    with listening(OK, port=one.port) as healed:
        drive(at(context, now.due_at))
    assert found(context)[0].state == "delivered"
    assert ids(healed) == ids(one)
    assert parts(healed.seen[0])[1] == parts(one.seen[0])[1]


def nameless(_host: str, _port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("url", "outgoing", "words"),
    [
        ("http://127.0.0.1:1/", OUTGOING, "connection refused"),
        ("http://name.example/", replace(OUTGOING, resolve=nameless), "name not resolved"),
        ("http://127.0.0.1:1/", replace(OUTGOING, allowed=()), "blocked address"),
    ],
    ids=["refused", "no name", "no longer allowed"],
)
def test_what_never_reached_anybody_is_a_failure_and_no_riddle(
    context: Context, url: str, outgoing: Outgoing, words: str
) -> None:
    add(context, url)
    tell(context)
    drive(context, outgoing=outgoing)
    (attempt,) = tried(context, found(context)[0].delivery_id)
    assert (attempt.outcome, attempt.status) == ("failed", None)
    assert (attempt.error or "").startswith(words)


@pytest.mark.parametrize("seconds", [1, 3_600, 10**7])
@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_a_wish_to_wait_is_honoured_within_bounds(context: Context, seconds: int, as_date: bool) -> None:
    date = format_datetime(Clock().now() + timedelta(seconds=seconds), usegmt=True)
    wish = f"Retry-After: {date if as_date else seconds}"
    with listening(answering("HTTP/1.1 429 Later", wish, "Content-Length: 0")) as one:
        add(context, one.url)
        tell(context)
        drive(context)
    (now,) = found(context)
    wait = (now.due_at - tried(context, now.delivery_id)[0].started_at).total_seconds()
    table = next_delay(1, now.message_id)
    assert table is not None
    least = max(table.total_seconds(), min(seconds, 86_400)) - (
        2 if as_date else 0
    )  # dates are whole seconds
    assert least <= wait < least + 20


def test_410_disables_keeps_what_waited_and_tells_every_other(context: Context) -> None:
    with listening(GONE) as gone, listening(OK) as good, listening(OK) as third:
        first, second = add(context, gone.url, "gone"), add(context, good.url, "good")
        disabled = add(context, third.url, "off")
        with context.engine.begin() as conn:
            endpoint_store.disable(conn, disabled, reason="by hand", now=context.clock.now())
        for title in ("a", "b"):
            tell(context, 1, title=title)
        drive(context)
        assert titles(gone) == ["a"]
        assert third.seen == []
        now = endpoints.get(context, first)
        assert (now.state, now.reason) == ("disabled", "it answered 410: gone")
        told = [json.loads(parts(request)[1]) for request in good.seen]
        assert sorted(one["type"] for one in told) == ["alert.firing", "alert.firing", "endpoint.disabled"]
        (notice,) = (one["data"] for one in told if one["type"] == "endpoint.disabled")
        assert (notice["endpoint_id"], notice["deliveries_kept"]) == (first, 1)
        assert [(d.state, d.reason) for d in found(context, first)] == [
            ("failed", "given up after 1 failed attempts: status 410"),
            ("failed", outbox.DISABLED),
        ]
        assert tell(context, 1, title="c", to=(first, second)) == 1
        drive(context)
        assert titles(gone) == ["a"]
    with listening(OK, port=gone.port) as back:
        endpoints.enable(context, first, now.version)
        drive(context)
        assert back.seen == []
        assert endpoints.recover(context, first, found(context, first)[0].created_at) == 3
        drive(context)
    assert titles(back) == ["a", "b", "c"]
    assert ids(back)[0] == ids(gone)[0]


def fail_at(context: Context, endpoint_id: int, hours: float, *, ok: bool = False) -> str:
    """One attempt so many hours from now; the state of the endpoint after it."""
    then = later(context, timedelta(hours=hours))
    tell(then, to=(endpoint_id,), title=str(hours))
    drive(then)
    return endpoints.get(context, endpoint_id).state


def test_five_days_of_nothing_but_failure_disable(context: Context) -> None:
    with listening(FAIL) as bad, listening(OK) as good:
        endpoint_id, other = add(context, bad.url, "bad"), add(context, good.url, "good")
        for hours in range(0, 120, 20):
            assert fail_at(context, endpoint_id, hours) == "active"
        assert fail_at(context, endpoint_id, 120.1) == "disabled"
        assert "nothing but failures since" in (endpoints.get(context, endpoint_id).reason or "")
        drive(later(context, timedelta(hours=120.2)))
        assert [d.type for d in found(context, other)] == ["endpoint.disabled"]
        assert {d.state for d in found(context, endpoint_id)} == {"failed"}


def test_a_success_or_a_long_silence_begins_the_five_days_anew(context: Context) -> None:
    with listening(FAIL) as bad:
        endpoint_id = add(context, bad.url, "bad")
        for hours in (0, 60):
            fail_at(context, endpoint_id, hours)
        with context.engine.begin() as conn:
            endpoint_store.note_success(conn, endpoint_id, context.clock.now() + timedelta(hours=61))
        for hours in (62, 122, 181):
            assert fail_at(context, endpoint_id, hours) == "active"
        month = 30 * 24 + PATIENCE.total_seconds() / 3600
        assert fail_at(context, endpoint_id, 181 + month) == "active"
        assert fail_at(context, endpoint_id, 181 + month + 100) == "active"
        assert fail_at(context, endpoint_id, 181 + month + 121) == "disabled"


def test_of_two_who_disable_one_tells(context: Context) -> None:
    with listening(GONE) as gone, listening(OK) as good:
        first = add(context, gone.url, "gone")
        other = add(context, good.url, "good")
        for alert in (1, 2):
            tell(context, alert, to=(first,))
        claimed = deliver.claim(context, [d.delivery_id for d in found(context)])
        vault = needed_vault(context.settings)
        results = [deliver.attempt(one, OUTGOING, vault, context.clock, QUICK) for one in claimed]
        for one in results:
            deliver.record(context, [one])
        drive(context)
    assert [d.type for d in found(context, other)] == ["endpoint.disabled"]
    assert {d.state for d in found(context, first)} == {"failed"}


def test_deliveries_of_one_alert_wait_for_each_other_and_for_nobody_else(context: Context) -> None:
    """1: alert A. 2: A and B in a digest. 3: B. 4: C. 5: no alert. A fails at first."""
    moody = {"fails": True}

    def behave(made: socket.socket) -> None:
        (FAIL if moody["fails"] else OK)(made)

    with listening(behave) as one, listening(OK) as good:
        bad = add(context, one.url, "bad")
        add(context, good.url, "good")
        for title, alerts in (("1", (1,)), ("2", (1, 2)), ("3", (2,)), ("4", (3,)), ("5", ())):
            tell(context, *alerts, title=title)
        drive(context)
        assert sorted(titles(one)) == ["1", "4", "5"]
        assert sorted(titles(good)) == ["1", "2", "3", "4", "5"]
        assert [t for t in titles(good) if t in "123"] == ["1", "2", "3"]
        moody["fails"] = False
        drive(later(context, timedelta(minutes=1)))
    assert [t for t in titles(one)[3:] if t in "123"] == ["1", "2", "3"]
    assert sorted(titles(one)[3:]) == ["1", "2", "3", "4", "5"]
    assert {d.state for d in found(context, bad)} == {"delivered"}


def test_one_that_was_given_up_no_longer_holds_up_its_alert(context: Context) -> None:
    with listening(FAIL) as one:
        add(context, one.url)
        for title in ("first", "second"):
            tell(context, 1, title=title)
        for _ in range(len(DELAYS) + 1):
            context = at(context, found(context)[0].due_at)
            drive(context)
        assert found(context)[0].state == "failed"
        assert titles(one)[-1] == "second"


def test_a_worker_that_died_leaves_its_delivery_to_the_next_when_the_lease_is_over(context: Context) -> None:
    with listening(OK) as one:
        add(context, one.url)
        tell(context, 1, title="first")
        tell(context, 1, title="second")
        first = found(context)[0].delivery_id
        (claimed,) = deliver.claim(context, [first])
        deliver.attempt(claimed, OUTGOING, needed_vault(context.settings), context.clock, QUICK)
        drive(context)  # it was sent, and nobody wrote it down
        drive(later(context, deliver.LEASE - timedelta(seconds=20)))
        assert titles(one) == ["first"]
        drive(later(context, deliver.LEASE + timedelta(seconds=1)))
    assert titles(one) == ["first", "first", "second"]
    assert ids(one)[0] == ids(one)[1]
    assert parts(one.seen[0])[1] == parts(one.seen[1])[1]
    attempts = tried(context, first)
    assert [(a.number, a.outcome) for a in attempts] == [(1, "ambiguous"), (2, "delivered")]
    assert "the worker ended" in (attempts[0].error or "")
    assert found(context)[0].failures == 0


@pytest.mark.parametrize("succeeds", [True, False])
def test_who_comes_back_late_changes_nothing_but_its_own_attempt(context: Context, succeeds: bool) -> None:
    with listening(OK if succeeds else FAIL) as one:
        add(context, one.url)
        tell(context)
        delivery_id = found(context)[0].delivery_id
        (slow,) = deliver.claim(context, [delivery_id])
        late = deliver.attempt(slow, OUTGOING, needed_vault(context.settings), context.clock, QUICK)
        then = later(context, deliver.LEASE * 2)
        (quick,) = deliver.claim(then, [delivery_id])
        deliver.record(context, [late])
        (now,) = found(context)
        assert (now.state, now.claims, now.failures) == ("queued", 2, 0)
        assert now.leased_until is not None
        deliver.record(
            then, [deliver.attempt(quick, OUTGOING, needed_vault(then.settings), then.clock, QUICK)]
        )
    (now,) = found(context)
    assert (now.state, now.failures) == (("delivered", 0) if succeeds else ("queued", 1))
    outcome = "delivered" if succeeds else "failed"
    assert [a.outcome for a in tried(context, delivery_id)] == [outcome, outcome]


def test_what_arrived_while_its_endpoint_was_disabled_counts_as_delivered(context: Context) -> None:
    with listening(OK) as one:
        endpoint_id = add(context, one.url)
        tell(context)
        (claimed,) = deliver.claim(context, [found(context)[0].delivery_id])
        now = context.clock.now()
        with context.engine.begin() as conn:
            endpoint_store.disable(conn, endpoint_id, reason="by hand", now=now)
            deliveries.give_up(conn, endpoint_id, reason="by hand", now=now)
        result = deliver.attempt(claimed, OUTGOING, needed_vault(context.settings), context.clock, QUICK)
        deliver.record(context, [result])
    assert [(d.state, d.reason) for d in found(context)] == [("delivered", None)]


def test_a_secret_that_no_key_opens_is_a_failure_that_says_so(context: Context) -> None:
    with listening(OK) as one:
        add(context, one.url)
        tell(context)
        drive(changed(context, secret_key=new_key()))
        (attempt,) = tried(context, found(context)[0].delivery_id)
        assert (attempt.outcome, one.seen) == ("failed", [])
        assert "YTTERBY_SECRET_KEY" in (attempt.error or "")


def test_a_message_is_kept_or_not_with_what_it_tells_of(context: Context) -> None:
    add(context, "https://127.0.0.1:1/")

    def interrupted() -> None:
        message = Message(type="t", at=context.clock.now(), title="t", text="", data={})
        with context.engine.begin() as conn:
            outbox.enqueue(conn, message, now=context.clock.now())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    assert found(context) == []


@pytest.mark.postgres
def test_who_decides_to_tell_does_not_wait_for_who_records(postgres_server: URL) -> None:
    """Rows that are locked to be changed may be referred to meanwhile; else the two could wait in a ring."""
    with postgres.database(postgres_server) as url:
        context = desk(url.render_as_string(hide_password=False))
        add(context, "https://receiver.example/")
        message = Message(type="t", at=context.clock.now(), title="t", text="", data={})
        with context.engine.begin() as recording, context.engine.begin() as telling:
            assert endpoint_store.lock(recording, arrived=(), failed=[1]) == {1}
            telling.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert outbox.enqueue(telling, message, now=context.clock.now()) == 1
        context.engine.dispose()


def test_every_attempt_of_a_mixed_batch_lands_where_it_belongs(context: Context) -> None:
    """Results of many endpoints recorded in one transaction, in any order."""
    with listening(OK) as good, listening(FAIL) as bad, listening(GONE) as gone:
        numbers = {name: add(context, one.url, name)
                   for name, one in (("gone", gone), ("bad", bad), ("good", good))}  # fmt: skip
        for alert in range(6):
            tell(context, alert)
        send = partial(deliver.attempt, outgoing=OUTGOING, vault=needed_vault(context.settings),
                       clock=context.clock, limits=QUICK)  # fmt: skip
        results: list[Ended] = [
            send(one) for one in deliver.claim(context, [d.delivery_id for d in found(context)])
        ]
        deliver.record(context, results[::-1])
    states: dict[str, set[str]] = defaultdict(set)
    for name, number in numbers.items():
        states[name] |= {d.state for d in found(context, number) if d.type == "alert.firing"}
    assert states == {"good": {"delivered"}, "bad": {"queued"}, "gone": {"failed"}}
