"""API keys: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from data.store import keys


def test_a_key_from_making_to_revoking(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        plain = keys.create(conn, "laptop", ("read", "write"), now)
        other = keys.create(conn, "phone", ["read"], now)
    with engine.connect() as conn:
        found = keys.verify(conn, plain)
        assert found is not None
        assert (found.name, found.scopes, found.created_at) == ("laptop", ("read", "write"), now)
        assert plain.startswith(found.prefix)
    with engine.begin() as conn:
        assert keys.revoke(conn, "laptop", now + timedelta(days=1)) == 1
        assert keys.revoke(conn, "laptop", now + timedelta(days=2)) == 0
        assert keys.verify(conn, plain) is None
        assert keys.verify(conn, other) is not None
        assert [(k.name, k.revoked_at) for k in keys.list_keys(conn)] == [
            ("laptop", now + timedelta(days=1)),
            ("phone", None),
        ]


def test_only_the_whole_key_opens(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        plain = keys.create(conn, "laptop", ("read",), now)
        wrong = (plain[:-1], plain + "a", plain[:12], plain.swapcase(), "", "ytt_", "'; --", "ключ")
        assert [keys.verify(conn, text) for text in wrong] == [None] * len(wrong)


def test_the_plain_text_is_not_kept(engine: Engine, now: datetime) -> None:
    with engine.begin() as conn:
        plain = keys.create(conn, "laptop", ("read",), now)
        second = keys.create(conn, "laptop", ("read",), now)
        rows = conn.execute(text("SELECT * FROM api_key")).all()
    assert plain != second
    assert len(plain.removeprefix("ytt_")) == 43  # 256 bits in base 64
    assert not any(plain in str(row) for row in rows)
    assert hashlib.sha256(plain.encode()).hexdigest() in str(rows[0])
