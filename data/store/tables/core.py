"""Tables of prices, events, runs and forecasts."""

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

from data.store.columns import Instant, Numbers
from data.store.tables.base import metadata

series = Table(
    "series",
    metadata,
    Column("series_id", String, primary_key=True),
    Column("element", String),
    Column("form", String),
    Column("purity", String),
    Column("market", String),
    Column("currency", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("tax_basis", String, nullable=False),
    Column("frequency", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("base_series", String),
    Column("licence_note", Text, nullable=False),
)

quote = Table(
    "quote",
    metadata,
    Column("quote_id", Integer, primary_key=True),
    Column("series_id", String, ForeignKey("series.series_id"), nullable=False),
    Column("ds", Date, nullable=False),
    Column("kind", String, nullable=False),
    Column("value", Double, nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("available_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", String, nullable=False),
    Column("n_quotes", Integer),
    Column("note", Text),
    CheckConstraint("value > 0", name="positive"),
    Index(None, "series_id", "ds", "kind"),
    sqlite_autoincrement=True,
)

fx_rate = Table(
    "fx_rate",
    metadata,
    Column("fx_rate_id", Integer, primary_key=True),
    Column("month", Date, nullable=False),
    Column("currency", String, nullable=False),
    Column("per_usd", Double, nullable=False),
    Column("available_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", String, nullable=False),
    CheckConstraint("per_usd > 0", name="positive"),
    Index(None, "month", "currency"),
    sqlite_autoincrement=True,
)

event = Table("event", metadata, Column("event_id", String, primary_key=True))

event_version = Table(
    "event_version",
    metadata,
    Column("event_version_id", Integer, primary_key=True),
    Column("event_id", String, ForeignKey("event.event_id"), nullable=False, index=True),
    Column("content", JSON, nullable=False),  # everything but the life-cycle
    Column("recorded_at", Instant, nullable=False),
    Column("author", String, nullable=False),
    sqlite_autoincrement=True,
)

event_change = Table(
    "event_change",
    metadata,
    Column("event_change_id", Integer, primary_key=True),
    Column("event_id", String, ForeignKey("event.event_id"), nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("on", Date, nullable=False),
    Column("known_on", Date, nullable=False),
    Column("probability", Double, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("author", String, nullable=False),
    CheckConstraint("probability >= 0 AND probability <= 1", name="chance"),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("worker", String),
    Column("claims", Integer, nullable=False, default=0),
    Column("deaths", Integer, nullable=False, default=0),
    Column("progress", JSON(none_as_null=True)),
    Column("summary", JSON(none_as_null=True)),
    Column("error", Text),
    # Signs of life are counted, not timed: the clocks of two machines need not agree.
    Column("beats", Integer, nullable=False, default=0),
    Column("seen_beats", Integer, nullable=False, default=0),
    Column("seen_at", Instant),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    sqlite_autoincrement=True,
)

forecast = Table(
    "forecast",
    metadata,
    Column("forecast_id", Integer, primary_key=True),
    Column("series_id", String, ForeignKey("series.series_id"), nullable=False),
    Column("run_id", Integer, ForeignKey("run.run_id"), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("known_at", Date, nullable=False),
    Column("origin", Date, nullable=False),
    Column("lag", Integer, nullable=False),
    Column("periods", JSON, nullable=False),
    Column("quantiles", JSON, nullable=False),
    Column("header", JSON, nullable=False),
    Column("quantile_values", Numbers, nullable=False),
    Column("mean", Numbers, nullable=False),
    Column("paths", Numbers, nullable=False),
    Column("recipe", String, nullable=False),  # the forecaster, outside China that of the base
    Column("served", Boolean, nullable=False),  # when it was issued; what came later is in `promotion`
    Column("replay", Boolean, nullable=False),  # issued by a clock that was not the wall clock
    Index(None, "series_id", "issued_at"),
    Index("uq_forecast_run_id_series_id_recipe", "run_id", "series_id", "recipe", unique=True),
    sqlite_autoincrement=True,
)

fx_path = Table(
    "fx_path",
    metadata,
    Column("run_id", Integer, ForeignKey("run.run_id"), primary_key=True),
    Column("currency", String, primary_key=True),
    Column("periods", JSON, nullable=False),
    Column("paths", Numbers, nullable=False),
)

run_fact = Table(
    "run_fact",
    metadata,
    Column("run_id", Integer, ForeignKey("run.run_id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("series_id", String, primary_key=True, default=""),  # "": of the run as a whole
    Column("content", JSON, nullable=False),
    Column("numbers", Numbers),
)

backtest_score = Table(
    "backtest_score",
    metadata,
    Column("backtest_score_id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.run_id"), nullable=False, index=True),
    Column("series_id", String, nullable=False),
    Column("model", String, nullable=False),
    Column("step", Integer),
    Column("metric", String, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("n", Integer, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("prefix", String, nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,
)
