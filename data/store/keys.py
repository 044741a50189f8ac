"""API keys. The plain text is returned once, when a key is made; only its hash is kept.

A key is 256 random bits, so a plain sha256 is enough: there is nothing to guess that a slow hash would
protect.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from data.store.tables import api_key

_MARK = "ytt_"
#: Characters of the plain text that are kept to tell keys apart: 48 of its 256 bits.
_SHOWN = len(_MARK) + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is known of a key. prefix: the beginning of its plain text."""

    key_id: int
    name: str
    scopes: tuple[str, ...]
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


_COLUMNS = [api_key.c[f.name] for f in fields(Key)]


def create(conn: Connection, name: str, scopes: Sequence[str], now: datetime) -> str:
    """Make a key and return its plain text, which nobody can ask for again."""
    plain = _MARK + secrets.token_urlsafe(32)
    conn.execute(
        insert(api_key).values(
            name=name, scopes=list(scopes), prefix=plain[:_SHOWN], digest=_digest(plain), created_at=now
        )
    )
    return plain


def verify(conn: Connection, plaintext: str) -> Key | None:
    """The key with this plain text, or None if there is none or it was revoked."""
    wanted = _digest(plaintext)
    rows = conn.execute(
        select(api_key.c.digest, *_COLUMNS).where(
            api_key.c.prefix == plaintext[:_SHOWN], api_key.c.revoked_at.is_(None)
        )
    )
    matching = [row for row in rows if hmac.compare_digest(row.digest, wanted)]
    return _key(matching[0]) if matching else None


def revoke(conn: Connection, name: str, now: datetime) -> int:
    """Revoke every valid key of that name; how many."""
    valid = update(api_key).where(api_key.c.name == name, api_key.c.revoked_at.is_(None))
    return conn.execute(valid.values(revoked_at=now)).rowcount


def list_keys(conn: Connection) -> tuple[Key, ...]:
    """All keys ever made, oldest first, revoked ones too."""
    return tuple(_key(row) for row in conn.execute(select(*_COLUMNS).order_by(api_key.c.key_id)))


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def _key(row: Row[Any]) -> Key:
    values = {column.name: row._mapping[column] for column in _COLUMNS}
    return Key(**values | {"scopes": tuple(values["scopes"])})
