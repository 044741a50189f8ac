"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "events",
        sa.Column("event_id", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_events")),
    )
    op.create_table(
        "fx_rates",
        sa.Column("rate_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=10), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("vintage", sa.Integer(), nullable=False),
        sa.Column("per_usd", sa.Double(), nullable=False),
        sa.Column("available_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("per_usd > 0", name=op.f("ck_fx_rates_per_usd_positive")),
        sa.PrimaryKeyConstraint("rate_id", name=op.f("pk_fx_rates")),
        sa.UniqueConstraint("currency", "month", "vintage", name=op.f("uq_fx_rates_currency_month_vintage")),
    )
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
    )
    op.create_table(
        "reference_loads",
        sa.Column("load_id", sa.Integer(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("load_id", name=op.f("pk_reference_loads")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("beats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen_beats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_runs_state_known")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_state"), "runs", ["state"])

    op.create_table(
        "series",
        sa.Column("series_id", sa.String(length=100), nullable=False),
        sa.Column("element", sa.String(length=20), nullable=False),
        sa.Column("form", sa.String(length=40), nullable=False),
        sa.Column("purity", sa.String(length=40), nullable=True),
        sa.Column("market", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=10), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("tax_basis", sa.String(length=20), nullable=False),
        sa.Column("frequency", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("base_series", sa.String(length=100), nullable=True),
        sa.Column("licence_note", sa.Text(), nullable=False),
        sa.Column("reference", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["base_series"], ["series.series_id"], name=op.f("fk_series_base_series")),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series")),
    )
    op.create_table(
        "backtests",
        sa.Column("score_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("metric", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_backtests_run_id")),
        sa.PrimaryKeyConstraint("score_id", name=op.f("pk_backtests")),
    )
    op.create_index(op.f("ix_backtests_run_id"), "backtests", ["run_id"])

    op.create_table(
        "event_changes",
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=100), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("happens_on", sa.Date(), nullable=False),
        sa.Column("known_on", sa.Date(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 1", name=op.f("ck_event_changes_probability_range")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.event_id"], name=op.f("fk_event_changes_event_id")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_event_changes")),
    )
    op.create_index(op.f("ix_event_changes_event_id"), "event_changes", ["event_id"])

    op.create_table(
        "event_versions",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=100), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.event_id"], name=op.f("fk_event_versions_event_id")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_event_versions")),
    )
    op.create_index(op.f("ix_event_versions_event_id"), "event_versions", ["event_id"])

    op.create_table(
        "forecasts",
        sa.Column("forecast_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(length=100), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.Date(), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("lag", sa.Integer(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("quantiles", sa.JSON(), nullable=False),
        sa.Column("price_quantiles", sa.LargeBinary(), nullable=False),
        sa.Column("price_mean", sa.LargeBinary(), nullable=False),
        sa.Column("price_paths", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_forecasts_run_id")),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name=op.f("fk_forecasts_series_id")),
        sa.PrimaryKeyConstraint("forecast_id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint("run_id", "series_id", name=op.f("uq_forecasts_run_id_series_id")),
    )
    op.create_index(op.f("ix_forecasts_series_id_issued_at"), "forecasts", ["series_id", "issued_at"])

    op.create_table(
        "fx_paths",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=10), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("per_usd", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_fx_paths_run_id")),
        sa.PrimaryKeyConstraint("run_id", "currency", name=op.f("pk_fx_paths")),
    )
    op.create_table(
        "quotes",
        sa.Column("quote_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(length=100), nullable=False),
        sa.Column("ds", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("vintage", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("available_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("n_quotes", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reference", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("value > 0", name=op.f("ck_quotes_value_positive")),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name=op.f("fk_quotes_series_id")),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quotes")),
        sa.UniqueConstraint(
            "series_id", "ds", "kind", "vintage", name=op.f("uq_quotes_series_id_ds_kind_vintage")
        ),
    )


def downgrade() -> None:
    """Drop every table."""

    op.drop_table("quotes")
    op.drop_table("fx_paths")
    op.drop_index(op.f("ix_forecasts_series_id_issued_at"), "forecasts")
    op.drop_table("forecasts")
    op.drop_index(op.f("ix_event_versions_event_id"), "event_versions")
    op.drop_table("event_versions")
    op.drop_index(op.f("ix_event_changes_event_id"), "event_changes")
    op.drop_table("event_changes")
    op.drop_index(op.f("ix_backtests_run_id"), "backtests")
    op.drop_table("backtests")
    op.drop_table("series")
    op.drop_index(op.f("ix_runs_state"), "runs")
    op.drop_table("runs")
    op.drop_table("reference_loads")
    op.drop_table("keys")
    op.drop_table("fx_rates")
    op.drop_table("events")
