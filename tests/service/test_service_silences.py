"""Silences over a real socket, and with them what every resource that is changed shares: versions, and
requests that are done once. On both databases."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from data.store import idempotency
from data.store.idempotency import Asked, Given
from service import auth
from service.alerts.silences import create_silence
from service.api.schemas.silences import SilenceIn
from service.context import Context
from service.once import once
from tests.support.service_world import BASE, Server

ADDRESS = "/v1/silences"
BODY: dict[str, Any] = {
    "matches": {"series_id": BASE, "team": "magnets"},
    "ends_at": "2026-12-01T08:00:00+01:00",
    "comment": "The fair in Ganzhou",
}


def post(server: Server, body: dict[str, Any], **headers: str) -> httpx2.Response:
    return server.client.post(ADDRESS, json=body, headers=server.writer | headers)


def count(server: Server) -> int:
    return len(server.client.get(ADDRESS, params={"limit": 500}).json()["silences"])


def test_a_silence_is_made_read_prolonged_and_ended(either: Server) -> None:
    made = post(either, BODY)
    assert made.status_code == 201
    where, first = made.headers["location"], made.json()
    assert first["ends_at"] == "2026-12-01T07:00:00Z"
    assert (first["author"], first["active"], first["version"]) == ("test desk", True, 1)
    read = either.client.get(where)
    assert (read.json(), read.headers["etag"]) == (first, made.headers["etag"]) == (first, '"1"')
    longer = BODY | {"ends_at": "2026-12-02T08:00:00Z", "comment": "and a day more"}
    changed = either.client.put(where, json=longer, headers=either.writer | {"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["starts_at"] == first["starts_at"]
    ended = either.client.delete(where, headers=either.writer | {"If-Match": '"2"'}).json()
    assert not ended["active"]
    again = either.client.delete(where, headers=either.writer | {"If-Match": '"3"'})
    assert (again.status_code, again.json()["field"]) == (422, "silence_id")
    assert either.client.get(where).json() == ended


@pytest.mark.parametrize(
    ("header", "status", "allowed"),
    [
        (None, 428, "the ETag that reading it gave"),
        ('"7"', 412, '"1", the version stored now'),
        ('W/"1"', 200, ""),
        ('"4", W/"1"', 200, ""),
        ('"4", "5"', 412, '"1", the version stored now'),
        ("*", 422, "the ETag that reading gave"),
        ("1", 422, "the ETag that reading gave"),
        ('"1" "2"', 422, "the ETag that reading gave"),
        ('"0"', 422, "the ETag that reading gave"),
        ("", 422, "the ETag that reading gave"),
    ],
)
def test_a_change_says_which_version_it_was_made_from(
    either: Server, header: str | None, status: int, allowed: str
) -> None:
    where = post(either, BODY).headers["location"]
    headers = either.writer | ({} if header is None else {"If-Match": header})
    found = either.client.put(where, json=BODY | {"comment": "other words"}, headers=headers)
    assert found.status_code == status
    if allowed:
        assert (found.json()["field"], allowed in found.json()["allowed"]) == ("If-Match", True)
        assert either.client.get(where).json()["comment"] == BODY["comment"]
    either.client.delete(where, headers=either.writer | {"If-Match": '"1", "2"'}).raise_for_status()


def test_of_two_changes_to_one_version_one_is_told(either: Server) -> None:
    where = post(either, BODY).headers["location"]
    headers = either.writer | {"If-Match": '"1"'}

    def change(k: int) -> int:
        return httpx2.put(either.url + where, json=BODY | {"comment": f"by {k}"}, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(change, range(6))) == [200, *[412] * 5]
    assert either.client.get(where).json()["version"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"matches": {}}, "matches"),
        ({"matches": {"rule_id": 999_999}}, "matches.rule_id"),
        ({"matches": {"rule_id": "1"}}, "matches.rule_id"),
        ({"matches": {"team": 3}}, "matches.team"),
        ({"matches": {"series_id": "nothing"}}, "series_id"),
        ({"matches": {"severity": "loud"}}, "matches.severity"),
        ({"ends_at": "2026-11-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-12-01T00:00:00"}, "ends_at"),
        ({"ends_at": 1_900_000_000}, "ends_at"),
        ({"starts_at": "2026-12-02T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2028-12-02T00:00:00Z"}, "ends_at"),
        ({"comment": ""}, "comment"),
        ({"until": "tomorrow"}, "until"),
    ],
)
def test_a_silence_that_could_not_be_is_refused_by_field(
    either: Server, change: dict[str, Any], field: str
) -> None:
    before = count(either)
    found = post(either, BODY | change)
    assert (found.status_code in (404, 422), found.json()["field"]) == (True, field)
    assert count(either) == before


def test_a_silence_needs_a_writing_key(either: Server) -> None:
    assert either.client.post(ADDRESS, json=BODY).status_code == 401
    reader = {"Authorization": f"Bearer {auth.make(either.context, 'reader', ('read',))}"}
    assert either.client.post(ADDRESS, json=BODY, headers=reader).status_code == 403


def test_the_same_request_again_is_answered_and_not_done(either: Server) -> None:
    before = count(either)
    first = post(either, BODY, **{"Idempotency-Key": "again-1"})
    spelled = {"comment": BODY["comment"], "matches": BODY["matches"], "ends_at": "2026-12-01T07:00:00Z"}
    again = post(either, spelled, **{"Idempotency-Key": "again-1"})  # the same in other words
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    assert [again.headers[h] for h in ("location", "etag")] == [
        first.headers[h] for h in ("location", "etag")
    ]
    assert count(either) == before + 1


def test_a_key_belongs_to_one_body_one_caller_and_one_day(either: Server) -> None:
    key = {"Idempotency-Key": "mine"}
    first = post(either, BODY, **key).json()
    other = post(either, BODY | {"comment": "something else"}, **key)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
    someone = {"Authorization": f"Bearer {auth.make(either.context, 'someone else')}"}
    theirs = either.client.post(ADDRESS, json=BODY, headers=someone | key).json()
    assert theirs["silence_id"] != first["silence_id"]
    later = either.context.clock.now() + timedelta(hours=23, minutes=59)
    with either.context.engine.begin() as conn:
        idempotency.forget(conn, later - timedelta(hours=24))
    assert post(either, BODY, **key).json() == first
    with either.context.engine.begin() as conn:
        idempotency.forget(conn, either.context.clock.now())
    assert post(either, BODY, **key).json()["silence_id"] != first["silence_id"]


def test_a_refused_request_may_be_sent_again_with_its_key(either: Server) -> None:
    key = {"Idempotency-Key": "mended"}
    assert post(either, BODY | {"matches": {"severity": "loud"}}, **key).status_code == 422
    assert post(either, BODY, **key).status_code == 201


@pytest.mark.parametrize("key", ["", "with space", "é", "x" * 256])
def test_a_key_that_cannot_be_one_is_refused(either: Server, key: str) -> None:
    headers = [(k.encode(), v.encode()) for k, v in either.writer.items()]
    headers.append((b"Idempotency-Key", key.encode("latin-1")))
    found = either.client.post(ADDRESS, json=BODY, headers=headers)
    assert (found.status_code, found.json()["field"]) == (422, "Idempotency-Key")


def test_of_many_at_once_with_one_key_one_is_done(either: Server) -> None:
    before = count(either)
    headers = either.writer | {"Idempotency-Key": "at-once"}

    def send(_: int) -> httpx2.Response:
        return httpx2.post(either.url + ADDRESS, json=BODY, headers=headers, timeout=60)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(send, range(24)))
    made = {r.json()["silence_id"] for r in found if r.status_code == 201}
    assert len(made) == 1
    assert count(either) == before + 1
    new = [r for r in found if r.status_code == 201 and "idempotent-replay" not in r.headers]
    assert len(new) == 1
    for refused in (r for r in found if r.status_code != 201):
        assert (refused.status_code, refused.json()["field"]) == (409, "Idempotency-Key")


def test_while_the_first_is_worked_on_no_second_is_begun(either: Server) -> None:
    """PostgreSQL says so at once; SQLite, which lets one writer in at a time, when the first is done."""
    before = count(either)
    digest = hashlib.sha256(SilenceIn.model_validate(BODY).model_dump_json().encode()).hexdigest()
    asked = Asked(author="test desk", address=f"POST {ADDRESS}", key="slow", digest=digest)
    now = either.context.clock.now()
    with ThreadPoolExecutor(1) as pool:
        with either.context.engine.begin() as conn:
            assert idempotency.claim(conn, asked)
            idempotency.keep(conn, asked, Given(status=201, headers={}, body='{"done": "first"}'), now)
            second = pool.submit(post, either, BODY, **{"Idempotency-Key": "slow"})
            if conn.dialect.name == "postgresql":
                found = second.result()
                assert (found.status_code, found.json()["field"]) == (409, "Idempotency-Key")
                second = pool.submit(lambda: None)
        if (waited := second.result()) is not None:
            assert waited.json() == {"done": "first"}
    assert post(either, BODY, **{"Idempotency-Key": "slow"}).json() == {"done": "first"}
    assert count(either) == before


def test_what_fails_half_way_leaves_neither_the_thing_nor_its_answer(either: Server) -> None:
    before = count(either)
    asked = Asked(author="test desk", address=f"POST {ADDRESS}", key="half way", digest="x")

    def work(context: Context) -> tuple[Given, Given]:
        content = SilenceIn.model_validate(BODY).model_dump()
        create_silence(context, content, "test desk")
        raise RuntimeError("as if the process died here")

    with pytest.raises(RuntimeError):
        once(either.context, asked, work)
    assert count(either) == before
    with either.context.engine.connect() as conn:
        assert idempotency.find(conn, asked) is None
