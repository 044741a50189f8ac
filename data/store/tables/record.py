"""Tables of the record: who was champion and why, how issued forecasts did, how each series does now."""

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
    String,
    Table,
    Text,
    UniqueConstraint,
)

from data.store.columns import Instant
from data.store.tables.base import metadata

promotion = Table(
    "promotion",
    metadata,
    Column("promotion_id", Integer, primary_key=True),
    Column("series_id", String, ForeignKey("series.series_id"), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("run_id", Integer, ForeignKey("run.run_id")),
    Column("outcome", String, nullable=False),
    Column("champion", String, nullable=False),
    Column("previous", String),  # the rung below, null for none but the random walk
    Column("challenger", String),
    Column("reason", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "series_id", "decided_at"),
    CheckConstraint("outcome IN ('promoted', 'kept', 'demoted', 'rolled-back', 'removed')", name="outcome"),
    sqlite_autoincrement=True,
)

forecast_score = Table(
    "forecast_score",
    metadata,
    Column("forecast_score_id", Integer, primary_key=True),
    Column("forecast_id", Integer, ForeignKey("forecast.forecast_id"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("vintage", Integer, nullable=False),  # 1: first published; each revision is one more
    Column("ds", Date, nullable=False),
    Column("actual", Double, nullable=False),
    Column("published_on", Date, nullable=False),
    Column("scale", Double, nullable=False),  # last price at issue, which makes series comparable
    Column("pinball", Double, nullable=False),
    Column("walk_pinball", Double),  # of the random walk of the same run
    Column("inside_80", Boolean, nullable=False),
    Column("inside_95", Boolean, nullable=False),
    Column("direction", Boolean),  # null: none was forecast, or the price did not move
    Column("regime", String, nullable=False),
    Column("scored_at", Instant, nullable=False),
    UniqueConstraint("forecast_id", "step", "vintage"),
    CheckConstraint("vintage >= 1", name="vintage"),
    CheckConstraint("actual > 0", name="actual"),
    sqlite_autoincrement=True,
)

model_health = Table(
    "model_health",
    metadata,
    Column("model_health_id", Integer, primary_key=True),
    Column("series_id", String, ForeignKey("series.series_id"), nullable=False),
    Column("judged_at", Instant, nullable=False),
    Column("content", JSON, nullable=False),
    Index(None, "series_id", "judged_at"),
    sqlite_autoincrement=True,
)
