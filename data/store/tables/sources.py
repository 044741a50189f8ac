"""Tables of sources: what they are, what they gave, what was kept apart; and the exchange rates of single
days."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from data.store.columns import Instant
from data.store.tables.base import metadata

source = Table(
    "source",
    metadata,
    Column("source_id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("content", JSON, nullable=False),  # the definition; never the value of a credential
    Column("changed_at", Instant, nullable=False),
    Column("author", String, nullable=False),
    Column("removed_at", Instant),
)

# What changes with every pull, apart from what its operator changes.
source_state = Table(
    "source_state",
    metadata,
    Column("source_id", String, ForeignKey("source.source_id"), primary_key=True),
    Column("due_at", Instant, index=True),  # null: never by itself
    Column("claim", Integer, nullable=False),  # counted up by each claim: only the newest may write
    Column("claimed_until", Instant),
    Column("failures", Integer, nullable=False),
    Column("etag", Text),
    Column("last_modified", Text),
    # Of the last file that was taken: the next one is judged by them.
    Column("columns", JSON(none_as_null=True)),
    Column("rows", Integer),
    Column("final_newline", Boolean),
)

source_result = Table(
    "source_result",
    metadata,
    Column("source_result_id", Integer, primary_key=True),
    Column("source_id", String, ForeignKey("source.source_id")),  # null: a file of no source
    Column("origin", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("corrected", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("reason", Text),
    Column("quarantine_id", Integer, ForeignKey("quarantine.quarantine_id")),
    CheckConstraint("outcome IN ('taken', 'unchanged', 'quarantined', 'failed')", name="outcome"),
    Index(None, "source_id", "source_result_id"),
    sqlite_autoincrement=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Integer, primary_key=True),
    Column("source_id", String, ForeignKey("source.source_id")),
    Column("origin", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # the same bytes came again
    Column("seen", Integer, nullable=False),
    Column("format", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", LargeBinary),  # null: dropped, docs/sources.md says when
    Column("kind", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", String),
    CheckConstraint("state IN ('held', 'accepted', 'dismissed', 'dropped')", name="state"),
    Index(None, "source_id", "digest"),
    sqlite_autoincrement=True,
)

fx_day = Table(
    "fx_day",
    metadata,
    Column("fx_day_id", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("currency", String, nullable=False),
    Column("per_usd", Double, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", String, nullable=False),
    CheckConstraint("per_usd > 0", name="positive"),
    Index(None, "source", "currency", "day"),
    sqlite_autoincrement=True,
)
