"""Tables of scheduled jobs: who may run them, when they are due, what became of it."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, String, Table, Text, UniqueConstraint

from data.store.columns import Instant
from data.store.tables.base import metadata

lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String),  # none: whoever comes first may lead
    Column("fence", Integer, nullable=False),  # rises with every change of holder, and never falls
    # Renewals are counted, not timed: the clocks of two machines need not agree.
    Column("beats", Integer, nullable=False),
    Column("taken_at", Instant, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("name", String, primary_key=True),
    Column("about", Text, nullable=False),
    Column("schedule", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("reckoned_at", Instant, nullable=False),  # every slot up to here is in job_slot
    Column("paused_at", Instant),
    Column("paused_by", String),
)

job_slot = Table(
    "job_slot",
    metadata,
    Column("slot_id", Integer, primary_key=True),
    Column("job", String, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", String),
    Column("fence", Integer),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("result", JSON(none_as_null=True)),
    Column("error", Text),
    UniqueConstraint("job", "scheduled_for"),
    Index(None, "scheduled_for"),
    CheckConstraint("state IN ('due', 'running', 'done', 'failed', 'skipped')", name="state"),
    CheckConstraint("kind IN ('schedule', 'asked', 'wanted')", name="kind"),
    sqlite_autoincrement=True,
)

job_wanted = Table(
    "job_wanted",
    metadata,
    Column("job", String, primary_key=True),
    Column("reason", Text, nullable=False),  # of the newest change
    Column("changes", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)
