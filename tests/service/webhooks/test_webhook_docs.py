"""The page about webhooks: its snippet is run as it stands, its figures are those of the code."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from service.outgoing import Limits
from service.settings import Settings
from service.webhooks import deliver, dispatch, formats, retries, sign
from service.webhooks.secrets import OVERLAP
from tests.support import hostile

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def snippet() -> Callable[..., str]:
    """verify() of the page, in a namespace with nothing of ours in it."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert {line.split()[1] for line in re.findall(r"^(?:import|from) .*", code, re.MULTILINE)} == {
        "base64", "hashlib", "hmac", "time"
    }  # fmt: skip
    namespace: dict[str, Any] = {}
    exec(compile(code, "docs/webhooks.md", "exec"), namespace)
    found: Callable[..., str] = namespace["verify"]
    return found


VERIFY = snippet()


@given(st.text(), st.integers(1, 3))
def test_the_snippet_verifies_what_we_sign(text: str, secrets: int) -> None:
    known, body, now = (
        [sign.new_secret() for _ in range(secrets)],
        text.encode("utf-8", "replace"),
        time.time(),
    )
    headers = sign.headers(known, "msg_1", int(now), body)
    for secret in known:
        assert VERIFY(secret, headers, body) == "msg_1"
        assert VERIFY(secret, {name.title(): value for name, value in headers.items()}, body) == "msg_1"


def test_the_snippet_refuses_what_it_should() -> None:
    secret, body, now = sign.new_secret(), b'{"a":1}', int(time.time())
    headers = sign.headers([secret], "msg_1", now, body)
    for wrong in (
        (sign.new_secret(), headers, body),
        (secret, headers, body + b" "),
        (secret, headers | {"webhook-id": "msg_2"}, body),
        (secret, headers | {"webhook-timestamp": str(now - 301)}, body),
        (secret, headers | {"webhook-signature": "v1,AAAA"}, body),
        (secret, headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}, body),
        (secret, sign.headers([secret], "msg_1", now - 301, body), body),
        (secret, sign.headers([secret], "msg_1", now + 400, body), body),
    ):
        with pytest.raises(ValueError, match=r"secret|old"):
            VERIFY(*wrong)


def test_the_snippet_reads_what_the_reference_library_signs() -> None:
    secret, at, body = sign.new_secret(), datetime.now(UTC), '{"für":"Tb"}'
    signature = standardwebhooks.Webhook(secret).sign("msg_1", at, body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    assert VERIFY(secret, headers, body.encode()) == "msg_1"


def spoken(seconds: float) -> str:
    return next(f"{seconds / size:.0f} {name}" for size, name in ((3600, "h"), (60, "min"), (1, "s"))
                if seconds >= size)  # fmt: skip


def test_the_table_of_retries_is_the_one_that_is_used() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| next attempt in"))
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    assert cells == [spoken(delay.total_seconds()) for delay in retries.DELAYS[:2]] + [
        "30 min", "2 h", "5 h", "10 h", "14 h", "20 h", "24 h", "given up"
    ]  # fmt: skip
    assert cells[2:-1] == [spoken(delay.total_seconds()) for delay in retries.DELAYS[2:]]


def test_figures_of_the_page_are_those_of_the_code() -> None:
    limits, lease = Limits(), int(deliver.LEASE.total_seconds())
    said = " ".join(PAGE.split())
    for words in (
        f"{limits.connect_seconds:.0f} s to connect and {limits.total_seconds:.0f} s in all",
        f"At most {limits.answer_bytes // 1024} KB of the answer",
        f"below {formats.LIMIT_BYTES:,} bytes",
        f"for {OVERLAP.total_seconds() / 3600:.0f} hours after it both secrets sign",
        f"strays by up to {retries.JITTER:.0%}".replace("%", " %"),
        f"and {retries.LONGEST_WAIT.total_seconds() / 3600:.0f} hours",
        f"claims a delivery for {lease} seconds",
        f"may be {lease - limits.total_seconds:.0f} seconds apart",
        f"{Settings.model_fields['delivery_threads'].default} in a worker",
        f"try {len(hostile.URLS)} such URLs and {len(hostile.NAMES)} such names",
    ):
        assert words in said, words
    assert (retries.PATIENCE.days, dispatch.EACH) == (5, 8)
