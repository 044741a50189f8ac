"""Use cases on endpoints: what is refused, what is shown, what is kept secret."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from data.store.migrate import migrate
from forecast.errors import InputError
from service.context import Context, open_context
from service.refusals import NotKnown, NotYet, Outdated, Refusal, VersionNeeded
from service.webhooks import endpoints, log, outbox
from service.webhooks.secrets import SecretUnreadable, new_key
from tests.support import hostile
from tests.support.posting import KEY, add, at, changed, desk, drive, found, later, settings, tell, tried
from tests.support.sockets import answering, listening

OK = answering("HTTP/1.1 204 No Content")
FAIL = answering("HTTP/1.1 500 No", "Content-Length: 0")
SLACK = "https://hooks.example.com/services/T0/B0/token-of-the-channel"
CONTENT = {"name": "desk", "url": "https://receiver.example/hook"}


def test_an_endpoint_from_making_to_deleting(context: Context) -> None:
    made, secret = endpoints.create(context, CONTENT, "me")
    assert (secret or "").startswith("whsec_")
    assert len(base64.b64decode((secret or "").removeprefix("whsec_"))) == 32
    assert (made.version, made.state, made.format, made.author) == (1, "active", "standard", "me")
    assert endpoints.list_(context) == (made,)
    assert endpoints.get(context, made.endpoint_id) == made
    other = endpoints.replace(context, made.endpoint_id, CONTENT | {"name": "other"}, 1, "you")
    assert (other.version, other.name, other.author) == (2, "other", "you")
    endpoints.delete(context, made.endpoint_id, 2)
    assert endpoints.list_(context) == ()
    for use in (endpoints.get, endpoints.send_test):
        with pytest.raises(NotKnown):
            use(context, made.endpoint_id)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "url"),
        ({"url": "https://a.example/"}, "name"),
        ({"name": "x"}, "url"),
        (CONTENT | {"name": " "}, "name"),
        (CONTENT | {"name": "x" * 201}, "name"),
        (CONTENT | {"name": "a\nb"}, "name"),
        (CONTENT | {"name": 5}, "name"),
        (CONTENT | {"url": None}, "url"),
        (CONTENT | {"url": "ftp://a.example/"}, "url"),
        (CONTENT | {"format": "xml"}, "format"),
        (CONTENT | {"format": ["standard"]}, "format"),
        (CONTENT | {"secret": "whsec_mine"}, "secret"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_leaves_nothing(
    context: Context, content: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        endpoints.create(context, content, "me")
    assert caught.value.field == field
    assert endpoints.list_(context) == ()


def test_hostile_urls_are_refused_as_they_are_saved_and_as_they_are_changed(context: Context) -> None:
    closed = changed(context, allowed_networks="")
    made, _ = endpoints.create(closed, CONTENT, "me")
    for url in hostile.URLS:
        content = CONTENT | {"url": url.format(port=8080)}
        with pytest.raises(Refusal):
            endpoints.create(closed, content, "me")
        with pytest.raises(Refusal):
            endpoints.replace(closed, made.endpoint_id, content, 1, "me")
    assert endpoints.list_(closed) == (made,)


def test_a_change_names_the_version_that_it_changes(context: Context) -> None:
    made, _ = endpoints.create(context, CONTENT, "me")
    number = made.endpoint_id
    changes = (
        lambda version: endpoints.replace(context, number, CONTENT, version, "me"),
        lambda version: endpoints.rotate_secret(context, number, version),
        lambda version: endpoints.enable(context, number, version),
        lambda version: endpoints.delete(context, number, version),
    )
    for change in changes:
        with pytest.raises(VersionNeeded):
            change(None)
        with pytest.raises(Outdated, match='"1"'):
            change(7)
    for version, change in enumerate(changes, start=1):
        change(version)
    for change in changes:
        with pytest.raises(NotKnown):
            change(5)


def test_the_format_stays(context: Context) -> None:
    made, _ = endpoints.create(context, CONTENT, "me")
    with pytest.raises(Refusal, match="add an endpoint"):
        endpoints.replace(context, made.endpoint_id, CONTENT | {"format": "slack"}, 1, "me")


@pytest.mark.parametrize("format", ["slack", "teams"])
def test_where_the_url_is_the_secret_it_is_shown_in_part(context: Context, format: str) -> None:
    content = {"name": "channel", "url": SLACK, "format": format}
    made, secret = endpoints.create(context, content, "me")
    assert secret is None
    assert made.url == "https://hooks.example.com/…"
    with pytest.raises(Refusal, match="the URL is the secret"):
        endpoints.rotate_secret(context, made.endpoint_id, 1)
    renamed = endpoints.replace(context, made.endpoint_id, {"name": "new", "url": made.url}, 1, "me")
    assert (renamed.name, renamed.url) == ("new", made.url)
    with listening(OK) as one:
        content = {"name": "new", "url": f"{one.url}/token?a=b"}
        moved = endpoints.replace(context, made.endpoint_id, content, 2, "me")
        assert "token" not in moved.url
        again = endpoints.replace(context, made.endpoint_id, {"name": "newer", "url": moved.url}, 3, "me")
        tell(context)
        drive(context)
    assert again.url == moved.url
    (request,) = one.seen
    assert request.startswith(b"POST /hook/token?a=b HTTP/1.1\r\n")
    assert b"webhook-signature" not in request.lower()
    assert b"told" in request


def test_secrets_are_never_in_the_database_file_in_plain_text(tmp_path: Path) -> None:
    context = desk(f"sqlite:///{tmp_path}/service.db")
    _, secret = endpoints.create(context, CONTENT, "me")
    endpoints.create(context, {"name": "channel", "url": SLACK, "format": "slack"}, "me")
    rotated = endpoints.rotate_secret(context, 1, 1)
    with listening(FAIL) as one:
        endpoints.create(
            context, {"name": "c", "url": f"{one.url}/token-of-the-channel", "format": "teams"}, "me"
        )
        tell(context, to=(3,))
        drive(context)
    context.engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"receiver.example" in kept
    for text in (secret, rotated, "token-of-the-channel", KEY):
        assert text is not None
        raw = text.removeprefix("whsec_").encode()
        assert raw not in kept
        assert base64.b64encode(raw)[:-4] not in kept
    assert base64.b64decode(secret.removeprefix("whsec_")) not in kept  # type: ignore[union-attr]


def test_a_receiver_with_either_secret_verifies_for_a_day_after_a_rotation(context: Context) -> None:
    with listening(OK) as one:
        made, old = endpoints.create(context, {"name": "desk", "url": one.url}, "me")
        new = endpoints.rotate_secret(context, made.endpoint_id, 1)
        for hours in (0, 23, 25):
            then = later(context, timedelta(hours=hours))
            tell(then)
            drive(then)
    for request, accepted in zip(one.seen, ({old, new}, {old, new}, {new}), strict=True):
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        for secret in (old, new):
            oracle = standardwebhooks.Webhook(secret or "")
            if secret in accepted:
                oracle.verify(body, headers)
            else:
                with pytest.raises(standardwebhooks.WebhookVerificationError):
                    oracle.verify(body, headers)


def test_five_secrets_at_a_time_are_enough(context: Context) -> None:
    made, _ = endpoints.create(context, CONTENT, "me")
    for version in range(1, 5):
        endpoints.rotate_secret(context, made.endpoint_id, version)
    with pytest.raises(NotYet, match="24 hours"):
        endpoints.rotate_secret(context, made.endpoint_id, 5)
    endpoints.rotate_secret(later(context, timedelta(hours=25)), made.endpoint_id, 5)


def test_secrets_move_to_a_new_key_and_the_old_one_may_go(context: Context) -> None:
    endpoints.create(context, CONTENT, "me")
    endpoints.create(context, {"name": "c", "url": SLACK, "format": "slack"}, "me")
    new = new_key()
    assert endpoints.reseal(changed(context, secret_key=f"{new},{KEY}")) == 2
    with pytest.raises(SecretUnreadable):
        endpoints.rotate_secret(context, endpoints.list_(context)[0].endpoint_id, 1)
    with pytest.raises(SecretUnreadable):
        endpoints.reseal(context)
    moved = changed(context, secret_key=new)
    endpoints.rotate_secret(moved, endpoints.list_(context)[0].endpoint_id, 1)


def test_without_a_key_no_endpoint_is_made(tmp_path: Path) -> None:
    context = open_context(settings(f"sqlite:///{tmp_path}/a.db", secret_key=None))
    migrate(context.engine)
    for format in ("standard", "slack"):
        with pytest.raises(Refusal, match="ytterby keys encryption-key"):
            endpoints.create(context, CONTENT | {"format": format}, "me")
    assert endpoints.list_(context) == ()
    context.engine.dispose()


def test_a_test_message_says_that_it_is_one(context: Context) -> None:
    with listening(OK) as one:
        number = add(context, one.url)
        add(context, one.url, "other")
        delivery_id = endpoints.send_test(context, number)
        drive(context)
    (request,) = one.seen
    assert json.loads(request.partition(b"\r\n\r\n")[2])["type"] == "test"
    assert log.get_delivery(context, delivery_id).delivery.state == "delivered"


def test_recovery_takes_what_failed_since_a_time(context: Context) -> None:
    with listening(FAIL) as one:
        number = add(context, one.url)
        for hours in (0, 1, 2):
            tell(later(context, timedelta(hours=hours)), 1, title=str(hours))
        endpoints.delete(context, add(context, one.url, "another"), 1)
    with context.engine.begin() as conn:
        endpoints.deliveries.give_up(conn, number, reason="made up", now=context.clock.now())
    since = found(context, number)[1].created_at
    then = later(context, timedelta(hours=3))
    assert endpoints.recover(then, number, since) == 2
    assert endpoints.recover(then, number, since) == 0
    with listening(OK, port=one.port) as healed:
        drive(then)
    assert [json.loads(r.partition(b"\r\n\r\n")[2])["data"]["title"] for r in healed.seen] == ["1", "2"]
    assert [d.state for d in found(context, number)] == ["failed", "delivered", "delivered"]
    with pytest.raises(InputError, match="time zone"):
        endpoints.recover(then, number, datetime(2026, 1, 1))


def test_one_delivery_is_tried_again_by_hand(context: Context) -> None:
    with listening(FAIL) as one:
        number = add(context, one.url)
        tell(context)
        drive(context)
        (delivery,) = found(context)
        assert log.retry(context, delivery.delivery_id).failures == 0
        drive(context)
        assert len(one.seen) == 2
    (now,) = found(context)
    with listening(OK, port=one.port):
        drive(at(context, now.due_at))
    with pytest.raises(Refusal, match="was delivered"):
        log.retry(context, delivery.delivery_id)
    with pytest.raises(NotKnown):
        log.retry(context, 10**6)
    assert [a.outcome for a in tried(context, delivery.delivery_id)] == ["failed", "failed", "delivered"]
    tell(context)
    other = found(context)[-1].delivery_id
    with context.engine.begin() as conn:
        endpoints.deliveries.claim(conn, [other], now=context.clock.now(),
                                   leased_until=context.clock.now() + timedelta(minutes=1))  # fmt: skip
    with pytest.raises(NotYet, match="being sent"):
        log.retry(context, other)
    endpoints.delete(context, number, 1)
    with pytest.raises(NotYet, match="not active"):
        log.retry(context, other)


def test_a_disabled_endpoint_is_enabled_before_anything_else(context: Context) -> None:
    number = add(context, "https://receiver.example/")
    with context.engine.begin() as conn:
        endpoints.store.disable(conn, number, reason="made up", now=context.clock.now())
    for use in (lambda: endpoints.send_test(context, number),
                lambda: endpoints.recover(context, number, context.clock.now())):  # fmt: skip
        with pytest.raises(NotYet, match="made up"):
            use()
    assert tell(context) == 0
    assert tell(context, to=(number,)) == 0
    assert [(d.state, d.reason) for d in found(context)] == [("failed", outbox.DISABLED)]
    enabled = endpoints.enable(context, number, 2)
    assert (enabled.state, enabled.reason) == ("active", None)
    assert tell(context) == 1


def test_the_log_is_read_by_endpoint_and_state(context: Context) -> None:
    first, second = add(context, "https://a.example/"), add(context, "https://b.example/")
    for number in (first, second, first):
        tell(context, to=(number,))
    endpoints.delete(context, second, 1)
    listed = log.list_deliveries(context)
    assert [d.endpoint_id for d in listed] == [first, second, first]
    assert [d.state for d in log.list_deliveries(context, endpoint_id=second)] == ["failed"]
    assert len(log.list_deliveries(context, state="queued", limit=1)) == 1
    for wrong in ({"state": "lost"}, {"limit": 0}, {"limit": 10**6}):
        with pytest.raises(Refusal):
            log.list_deliveries(context, **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotKnown):
        log.get_delivery(context, 10**6)
