"""Answers already given, so that a repeated request is answered without being done again.

An answer is kept in the transaction that did what it tells of: either both are there or neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from data.store.tables import idempotency_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request by its name: who asks what address under which key, and the digest of its body."""

    author: str
    address: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer: status, the headers that belong to it, and the text of its body."""

    status: int
    headers: Mapping[str, str]
    body: str


_COLUMNS = [idempotency_key.c[f.name] for f in fields(Given)]
_NAME = ("author", "address", "key")


def claim(conn: Connection, asked: Asked) -> bool:
    """Keep other requests of that name out until the transaction ends; False while another is at work.

    SQLite lets one writer in at a time, so that there the other has always finished.
    """
    if conn.dialect.name != "postgresql":
        return True
    name = "\n".join((asked.author, asked.address, asked.key)).encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)
    return bool(conn.execute(select(func.pg_try_advisory_xact_lock(number))).scalar_one())


def find(conn: Connection, asked: Asked) -> tuple[str, Given] | None:
    """Digest of the body and answer of the first request of that name, or None."""
    table = idempotency_key.c
    row = conn.execute(
        select(table.digest, *_COLUMNS).where(*(table[name] == getattr(asked, name) for name in _NAME))
    ).first()
    if row is None:
        return None
    return row.digest, Given(status=row.status, headers=row.headers, body=row.body)


def keep(conn: Connection, asked: Asked, given: Given, now: datetime) -> None:
    """Keep an answer."""
    conn.execute(insert(idempotency_key).values(made_at=now, **asdict(asked), **asdict(given)))


def forget(conn: Connection, before: datetime) -> None:
    """Remove answers given before an instant."""
    conn.execute(delete(idempotency_key).where(idempotency_key.c.made_at < before))
