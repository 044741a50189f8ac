"""Use cases: where messages go. A secret is shown when it is made, and never again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from data.store import deliveries
from data.store import endpoints as store
from data.store.endpoints import Endpoint
from data.types import utc
from service.addresses import check_url
from service.context import Context
from service.refusals import NotKnown, NotYet, Outdated, Refusal, TooLarge, VersionNeeded
from service.webhooks import outbox
from service.webhooks.formats import FORMATS, SIGNED, Message
from service.webhooks.secrets import Secret, needed_vault

MOST_ENDPOINTS = 1_000
_LONGEST_NAME = 200
#: What stands in the place of a deleted endpoint's secret.
_FORGOTTEN = ""
#: More secrets at a time would make a header that receivers refuse.
_MOST_SECRETS = 5
#: What is known of how an endpoint answers, before it was asked.
_UNTRIED: Mapping[str, None] = {"reached_at": None, "failing_since": None, "failed_at": None}


def create(context: Context, content: Mapping[str, Any], author: str) -> tuple[Endpoint, str | None]:
    """Keep a new endpoint: name, url, format (default: standard). With it, for a signed format, its secret in
    plain text: the only time that anyone sees it. For Slack and Teams the URL is the secret."""
    vault = needed_vault(context.settings)
    name, url, format = _checked(context, {"format": "standard", **content})
    signed = format in SIGNED
    secret = Secret.new() if signed else Secret(url=url)
    with context.engine.begin() as conn:
        if len(store.list_(conn)) >= MOST_ENDPOINTS:
            raise TooLarge("endpoints", MOST_ENDPOINTS, f"at most {MOST_ENDPOINTS}")
        made = store.add(conn, name=name, url=_shown(url, format), format=format, secret=vault.seal(secret),
                         author=author, now=context.clock.now())  # fmt: skip
    return made, secret.newest if signed else None


def list_(context: Context) -> tuple[Endpoint, ...]:
    """All endpoints, oldest first."""
    with context.engine.connect() as conn:
        return store.list_(conn)


def get(context: Context, endpoint_id: int) -> Endpoint:
    """One endpoint. Raises NotKnown."""
    with context.engine.connect() as conn:
        return _known(conn, endpoint_id)


def replace(
    context: Context, endpoint_id: int, content: Mapping[str, Any], version: int | None, author: str
) -> Endpoint:
    """Other name or URL for an endpoint; its format stays, and so does its secret. Raises NotKnown, Outdated,
    VersionNeeded, Refusal. A URL that is the secret may be sent as it was shown, and then stays too."""
    vault = needed_vault(context.settings)
    with context.engine.begin() as conn:
        current = _known(conn, endpoint_id)
        content = {"format": current.format, **content}
        if content["format"] != current.format:
            raise Refusal("format", content["format"], f"{current.format}; for another add an endpoint")
        secret = vault.open(store.secrets(conn, [endpoint_id])[endpoint_id])
        if secret.url is not None and content.get("url") == current.url:
            content["url"] = secret.url
        name, url, format = _checked(context, content)
        values: dict[str, Any] = {"name": name, "url": _shown(url, format), "author": author}
        if secret.url is not None:
            values["secret"] = vault.seal(Secret(url=url))
        if url != (secret.url or current.url):
            values |= _UNTRIED
        return _changed(context, conn, endpoint_id, version, **values)


def delete(context: Context, endpoint_id: int, version: int | None) -> None:
    """Send nothing more there and forget its secret; what was sent stays in the log."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        _changed(context, conn, endpoint_id, version, state=store.DELETED, secret=_FORGOTTEN, reason=None)
        deliveries.give_up(conn, endpoint_id, reason="the endpoint was deleted", now=now)


def rotate_secret(context: Context, endpoint_id: int, version: int | None) -> str:
    """A new secret in plain text. For 24 hours the one before signs beside it."""
    vault, now = needed_vault(context.settings), context.clock.now()
    with context.engine.begin() as conn:
        current = _known(conn, endpoint_id)
        if current.format not in SIGNED:
            raise Refusal("format", current.format, "one that is signed; here the URL is the secret")
        secret = vault.open(store.secrets(conn, [endpoint_id])[endpoint_id]).rotated(now)
        if len(secret.signing) > _MOST_SECRETS:
            raise NotYet("secret", f"{_MOST_SECRETS} in force", "the oldest to end: each does after 24 hours")
        _changed(context, conn, endpoint_id, version, secret=vault.seal(secret))
    return secret.newest


def enable(context: Context, endpoint_id: int, version: int | None) -> Endpoint:
    """Send there again. What was given up meanwhile waits for recover()."""
    with context.engine.begin() as conn:
        values = {"state": store.ACTIVE, "reason": None, **_UNTRIED}
        return _changed(context, conn, endpoint_id, version, **values)


def send_test(context: Context, endpoint_id: int) -> int:
    """Send a message of type `test`; the number of its delivery."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        found = _active(conn, endpoint_id)
        title = f"Test of webhook endpoint {found.name!r}"
        text = "Sent by hand; nothing happened to any price."
        data = {"endpoint_id": endpoint_id, "name": found.name}
        message = Message(type="test", at=now, title=title, text=text, data=data)
        return outbox.post(conn, found, message, now=now)


def recover(context: Context, endpoint_id: int, since: datetime) -> int:
    """Queue again what failed for good, of messages made since then; how many. The oldest go first."""
    since = utc("since", since)
    with context.engine.begin() as conn:
        _active(conn, endpoint_id)
        return deliveries.requeue(conn, context.clock.now(), endpoint_id=endpoint_id, since=since)


def reseal(context: Context) -> int:
    """Encrypt every secret with the first key of YTTERBY_SECRET_KEY, after which the others may go; how many.

    Raises SecretUnreadable when one is encrypted with a key that is not among them; then nothing changed.
    """
    vault = needed_vault(context.settings)
    with context.engine.begin() as conn:
        ids = [one.endpoint_id for one in store.list_(conn)]
        for endpoint_id, sealed in store.secrets(conn, ids).items():
            store.reseal(conn, endpoint_id, vault.again(sealed))
    return len(ids)


def answers(one: Endpoint) -> str:
    """How an endpoint answers, in words."""
    if one.failing_since is not None:
        return f"nothing but failures since {one.failing_since:%Y-%m-%d %H:%M}"
    if one.reached_at is not None:
        return f"yes, since {one.reached_at:%Y-%m-%d %H:%M}"
    return "not tried yet"


def _checked(context: Context, content: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, URL and format, or a Refusal of the first that cannot be."""
    _no_others(content)
    format = content.get("format")
    if not isinstance(format, str) or format not in FORMATS:
        raise Refusal("format", format, "one of " + ", ".join(FORMATS))
    url = content.get("url")
    if not isinstance(url, str):
        raise Refusal("url", url, "an address to POST to")
    return _name(content), check_url(url, context.settings.networks).url, format


def _no_others(content: Mapping[str, Any]) -> None:
    for other in content.keys() - {"name", "url", "format"}:
        raise Refusal(other, content[other], "name, url, format, and nothing else")


def _name(content: Mapping[str, Any]) -> str:
    name = content.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refusal("name", name, f"1 to {_LONGEST_NAME} characters, none of them control characters")
    return name


def _shown(url: str, format: str) -> str:
    """The URL as it may be shown: where it is the secret, its scheme and host."""
    return url if format in SIGNED else url[: url.index("/", len("https://"))] + "/…"


def _known(conn: Connection, endpoint_id: int) -> Endpoint:
    found = store.get(conn, endpoint_id)
    if found is None:
        raise NotKnown("endpoint", endpoint_id, "a number that the list of endpoints shows")
    return found


def _active(conn: Connection, endpoint_id: int) -> Endpoint:
    found = _known(conn, endpoint_id)
    if found.state != store.ACTIVE:
        raise NotYet("endpoint", f"disabled: {found.reason}", "an active one; enable it first")
    return found


def _changed(
    context: Context, conn: Connection, endpoint_id: int, version: int | None, **values: Any
) -> Endpoint:
    """The endpoint with other values, if that is a change of its current version."""
    current = _known(conn, endpoint_id)
    if version is None:
        raise VersionNeeded
    found = store.change(conn, endpoint_id, version=version, now=context.clock.now(), **values)
    if found is None:
        raise Outdated(version, current.version)
    return found
