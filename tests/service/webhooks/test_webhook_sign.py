"""Signatures beside two verifiers that others wrote, for bodies drawn at random."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from service.refusals import Refusal
from service.settings import Settings, read_settings
from service.webhooks import sign
from service.webhooks.secrets import OVERLAP, Secret, SecretUnreadable, Vault, needed_vault, new_key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ORACLES = (standardwebhooks.Webhook, svix.webhooks.Webhook)
REFUSALS = (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def now() -> int:
    return int(datetime.now(UTC).timestamp())


@given(JSON, st.uuids())
def test_both_verifiers_accept_what_we_sign(value: object, number: object) -> None:
    secret, body = sign.new_secret(), encode(value)
    sent = sign.headers([secret], f"msg_{number}", now(), body)
    for oracle in ORACLES:
        oracle(secret).verify(body, sent)
    assert sent["webhook-signature"] == standardwebhooks.Webhook(secret).sign(
        sent["webhook-id"], datetime.fromtimestamp(int(sent["webhook-timestamp"]), UTC), body.decode()
    )


@given(JSON, st.binary(min_size=24, max_size=64))
def test_a_body_an_id_a_time_or_a_secret_that_was_changed_is_refused(value: object, raw: bytes) -> None:
    secret, body, at = "whsec_" + base64.b64encode(raw).decode(), encode(value), now()
    sent = sign.headers([secret], "msg_1", at, body)
    for oracle in ORACLES:
        oracle(secret).verify(body, sent)
        for wrong in (
            (secret, body + b" ", sent),
            (secret, body, sent | {"webhook-id": "msg_2"}),
            (secret, body, sent | {"webhook-timestamp": str(at + 1)}),
            (secret, body, sent | {"webhook-timestamp": str(at - 360)}),
            (sign.new_secret(), body, sent),
        ):
            with pytest.raises(REFUSALS):
                oracle(wrong[0]).verify(wrong[1], wrong[2])


def test_a_secret_is_as_long_as_the_specification_asks() -> None:
    assert 24 <= len(sign.key(sign.new_secret())) <= 64
    assert len({sign.new_secret() for _ in range(20)}) == 20


def test_both_secrets_verify_during_a_rotation_and_one_after_it() -> None:
    old = Secret.new()
    new = old.rotated(NOW)
    assert new.newest != old.newest
    at, body = now(), b'{"a":1}'
    for instant, accepted in ((NOW, {old.newest, new.newest}), (NOW + OVERLAP, {new.newest})):
        sent = sign.headers(new.in_force(instant), "msg_1", at, body)
        assert len(sent["webhook-signature"].split(" ")) == len(accepted)
        for secret in (old.newest, new.newest):
            for oracle in ORACLES:
                if secret in accepted:
                    oracle(secret).verify(body, sent)
                else:
                    with pytest.raises(REFUSALS):
                        oracle(secret).verify(body, sent)


def test_each_secret_ends_a_day_after_it_was_replaced() -> None:
    first = Secret.new()
    second = first.rotated(NOW)
    third = second.rotated(NOW + timedelta(hours=10))
    for hours, in_force in ((10, 3), (23, 3), (24, 2), (33, 2), (34, 1)):
        assert len(third.in_force(NOW + timedelta(hours=hours))) == in_force
    assert len(third.rotated(NOW + timedelta(hours=40)).signing) == 2


def test_an_unsigned_message_has_an_id_and_a_time() -> None:
    assert sign.headers([], "msg_1", 5, b"") == {"webhook-id": "msg_1", "webhook-timestamp": "5"}


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    old, new = new_key(), new_key()
    secret = Secret.new().rotated(NOW)
    sealed = Vault([old]).seal(secret)
    assert secret.newest not in sealed
    assert Vault([new, old]).open(sealed) == secret
    again = Vault([new, old]).again(sealed)
    assert Vault([new]).open(again) == secret
    for vault, text in ((Vault([new]), sealed), (Vault([old]), again), (Vault([new]), "nonsense")):
        with pytest.raises(SecretUnreadable, match="YTTERBY_SECRET_KEY"):
            vault.open(text)
    assert Vault([new]).open(Vault([new]).seal(Secret(url="https://a/b"))).url == "https://a/b"


def test_without_a_key_the_refusal_says_how_to_make_one() -> None:
    with pytest.raises(Refusal, match="ytterby keys encryption-key"):
        needed_vault(Settings())


@pytest.mark.parametrize("wrong", ["short", "a" * 43, f"{'A' * 43}=,secret", "ä" * 44])
def test_a_key_that_is_none_is_refused_without_being_shown(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YTTERBY_SECRET_KEY", wrong)
    with pytest.raises(Refusal, match="YTTERBY_SECRET_KEY") as caught:
        read_settings()
    assert wrong not in str(caught.value)
    with pytest.raises(ValueError, match="secret_key") as plain:
        Settings()
    assert wrong not in str(plain.value)


def test_keys_are_read_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv("YTTERBY_SECRET_KEY", f"{key}, {new_key()}")
    found = read_settings()
    assert needed_vault(found).open(Vault([key]).seal(Secret(url="x"))).url == "x"
    assert key not in repr(found)
    assert key not in str(found.model_dump(mode="json"))


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "10.0.0.1/8", "here"])
def test_networks_that_are_none_are_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YTTERBY_ALLOWED_NETWORKS", f"192.168.0.0/16, {wrong}")
    with pytest.raises(Refusal, match="YTTERBY_ALLOWED_NETWORKS"):
        read_settings()
