"""Tables of the HTTP face: answers that a repeated request is given again."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from data.store.columns import Instant
from data.store.tables.base import metadata

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("author", String, primary_key=True),  # name of the API key
    Column("address", String, primary_key=True),
    Column("key", String, primary_key=True),  # as the caller chose it
    Column("digest", String(64), nullable=False),  # of the body
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", Instant, nullable=False, index=True),
)
