"""The receiver's check that the README shows accepts what is sent, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.webhooks import sign
from service.webhooks.secrets import Secret
from tests.house.tree import ROOT

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
BODY = b'{"type": "test"}'


@pytest.fixture(scope="module")
def verify() -> Callable[..., bool]:
    """The function of the README."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (shown,) = [block for block in blocks if "def verify" in block]
    found: dict[str, Any] = {}
    exec(shown, found)
    checked: Callable[..., bool] = found["verify"]
    return checked


def test_what_is_sent_is_accepted_and_nothing_else(verify: Callable[..., bool]) -> None:
    secret, other = Secret.new(), Secret.new()
    stamp = int(NOW.timestamp())
    headers = sign.headers(secret.in_force(NOW), "msg_1", stamp, BODY)
    assert verify(secret.newest, headers, BODY, now=stamp)
    assert not verify(other.newest, headers, BODY, now=stamp)
    assert not verify(secret.newest, headers, BODY + b" ", now=stamp)
    assert not verify(secret.newest, headers | {"webhook-id": "msg_2"}, BODY, now=stamp)
    assert not verify(secret.newest, headers, BODY, now=stamp + 301)
    both = sign.headers((*other.in_force(NOW), *secret.in_force(NOW)), "msg_1", stamp, BODY)
    assert verify(secret.newest, both, BODY, now=stamp)
    assert verify(other.newest, both, BODY, now=stamp)
