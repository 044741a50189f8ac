"""Every table. The migrations make them; a test compares the two on both databases."""

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
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from data.store.columns import Instant, Numbers

#: Named constraints can be altered by a later migration, on SQLite too.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def _reference() -> Column[bool]:
    """Marks the demonstration data, so that one command can take it away again."""
    return Column("reference", Boolean, nullable=False, server_default=false())


series = Table(
    "series",
    metadata,
    Column("series_id", String(100), primary_key=True),
    Column("element", String(20), nullable=False),
    Column("form", String(40), nullable=False),
    Column("purity", String(40)),
    Column("market", String(40), nullable=False),
    Column("currency", String(10), nullable=False),
    Column("unit", String(10), nullable=False),
    Column("tax_basis", String(20), nullable=False),
    Column("frequency", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("base_series", String(100), ForeignKey("series.series_id")),
    Column("licence_note", Text, nullable=False),
    _reference(),
)

quotes = Table(
    "quotes",
    metadata,
    Column("quote_id", Integer, primary_key=True),
    Column("series_id", String(100), ForeignKey("series.series_id"), nullable=False),
    Column("ds", Date, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("vintage", Integer, nullable=False),  # 1, 2 ... in the order of recording
    Column("value", Double, nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("available_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("n_quotes", Integer),
    Column("note", Text),
    _reference(),
    UniqueConstraint("series_id", "ds", "kind", "vintage"),
    CheckConstraint("value > 0", name="value_positive"),
)

fx_rates = Table(
    "fx_rates",
    metadata,
    Column("rate_id", Integer, primary_key=True),
    Column("currency", String(10), nullable=False),
    Column("month", Date, nullable=False),
    Column("vintage", Integer, nullable=False),
    Column("per_usd", Double, nullable=False),
    Column("available_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    _reference(),
    UniqueConstraint("currency", "month", "vintage"),
    CheckConstraint("per_usd > 0", name="per_usd_positive"),
)

events = Table(
    "events",
    metadata,
    Column("event_id", String(100), primary_key=True),
    _reference(),
)

event_versions = Table(
    "event_versions",
    metadata,
    Column("version_id", Integer, primary_key=True),
    Column("event_id", String(100), ForeignKey("events.event_id"), nullable=False, index=True),
    Column("content", JSON, nullable=False),  # everything but the life-cycle
    Column("recorded_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
)

event_changes = Table(
    "event_changes",
    metadata,
    Column("change_id", Integer, primary_key=True),
    Column("event_id", String(100), ForeignKey("events.event_id"), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("happens_on", Date, nullable=False),
    Column("known_on", Date, nullable=False),
    Column("probability", Double, nullable=False),
    Column("note", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("author", Text, nullable=False),
    CheckConstraint("probability >= 0 AND probability <= 1", name="probability_range"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("worker", Text),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("note", Text),
    Column("summary", JSON(none_as_null=True)),
    Column("error", Text),
    # Signs of life are counted, not timed: workers' clocks need not agree.
    Column("beats", Integer, nullable=False, server_default="0"),
    Column("seen_beats", Integer, nullable=False, server_default="0"),
    Column("seen_at", Instant),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state_known"),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("forecast_id", Integer, primary_key=True),
    Column("series_id", String(100), ForeignKey("series.series_id"), nullable=False),
    Column("run_id", Integer, ForeignKey("runs.run_id"), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("known_at", Date, nullable=False),
    Column("origin", Date, nullable=False),
    Column("lag", Integer, nullable=False),
    Column("periods", JSON, nullable=False),
    Column("quantiles", JSON, nullable=False),
    Column("price_quantiles", Numbers, nullable=False),
    Column("price_mean", Numbers, nullable=False),
    Column("price_paths", Numbers, nullable=False),
    Column("header", JSON, nullable=False),
    UniqueConstraint("run_id", "series_id"),
    Index(None, "series_id", "issued_at"),
)

fx_paths = Table(
    "fx_paths",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.run_id"), primary_key=True),
    Column("currency", String(10), primary_key=True),
    Column("periods", JSON, nullable=False),
    Column("per_usd", Numbers, nullable=False),
    Column("header", JSON, nullable=False),
)

backtests = Table(
    "backtests",
    metadata,
    Column("score_id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("series_id", String(100), nullable=False),
    Column("model", String(60), nullable=False),
    Column("step", Integer),
    Column("metric", String(40), nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("n", Integer, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

reference_loads = Table(
    "reference_loads",
    metadata,
    Column("load_id", Integer, primary_key=True),
    Column("loaded_at", Instant, nullable=False),
    Column("removed_at", Instant),
)
