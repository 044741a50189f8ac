"""Tables of alert rules, the state of each alert, what changed it, and the inbox of what is to be judged."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from data.store.columns import Instant
from data.store.tables.base import metadata

alert_rule = Table(
    "alert_rule",
    metadata,
    Column("rule_id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("series_id", String, index=True),  # no reference: a series may be removed, what it did stays
    Column("enabled", Boolean, nullable=False),
    Column("content", JSON, nullable=False),  # everything else that its owner wrote
    Column("marks", JSON, nullable=False),  # what we say of it, such as "uncalibrated: ..."
    Column("author", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    sqlite_autoincrement=True,
)

alert = Table(
    "alert",
    metadata,
    Column("alert_id", Integer, primary_key=True),
    Column("rule_id", Integer, ForeignKey("alert_rule.rule_id"), nullable=False),
    Column("subject", String, nullable=False),  # the series, or the event of an event rule
    # Counts every change: what was read is written back only if it is still the same.
    Column("sequence", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("content", JSON, nullable=False),  # the state machine's memory
    Column("attention", Boolean, nullable=False, index=True),
    Column("rule_version", Integer, nullable=False),
    Column("value", Double),
    Column("observed_at", Instant),
    Column("fired_at", Instant),
    Column("resolved_at", Instant),
    Column("told_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String),
    Column("stale_since", Instant),
    CheckConstraint("state IN ('inactive', 'pending', 'firing', 'recovering', 'resolved')", name="state"),
    UniqueConstraint("rule_id", "subject"),
    sqlite_autoincrement=True,
)

alert_transition = Table(
    "alert_transition",
    metadata,
    Column("transition_id", Integer, primary_key=True),
    Column("alert_id", Integer, ForeignKey("alert.alert_id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("notified", String, nullable=False),  # what was decided about telling, told or not
    Column("observation", String),
    Column("value", Double),
    Column("note", Text, nullable=False),
    Column("rule_version", Integer, nullable=False),
    sqlite_autoincrement=True,
)

alert_signal = Table(
    "alert_signal",
    metadata,
    Column("signal_id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('prices', 'forecast', 'event', 'rule', 'day')", name="kind"),
    sqlite_autoincrement=True,
)

alert_day = Table(
    "alert_day",
    metadata,
    Column("day", String, primary_key=True),  # a day is signalled once, by whichever worker is first
)

silence = Table(
    "silence",
    metadata,
    Column("silence_id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("matches", JSON, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("comment", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "ends_at"),
    sqlite_autoincrement=True,
)
