"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out rather than taken from tables.py: a migration must go on making what it made on its day.
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_key_prefix"), "api_key", ["prefix"], unique=False)
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event")),
    )
    op.create_table(
        "fx_rate",
        sa.Column("fx_rate_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("per_usd", sa.Double(), nullable=False),
        sa.Column("available_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("per_usd > 0", name=op.f("ck_fx_rate_positive")),
        sa.PrimaryKeyConstraint("fx_rate_id", name=op.f("pk_fx_rate")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_fx_rate_month_currency"), "fx_rate", ["month", "currency"], unique=False)
    op.create_table(
        "run",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("summary", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("seen_beats", sa.Integer(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_run_state")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_run_state"), "run", ["state"], unique=False)
    op.create_table(
        "series",
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("element", sa.String(), nullable=True),
        sa.Column("form", sa.String(), nullable=True),
        sa.Column("purity", sa.String(), nullable=True),
        sa.Column("market", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("tax_basis", sa.String(), nullable=False),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("base_series", sa.String(), nullable=True),
        sa.Column("licence_note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series")),
    )
    op.create_table(
        "backtest_score",
        sa.Column("backtest_score_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_backtest_score_run_id_run")),
        sa.PrimaryKeyConstraint("backtest_score_id", name=op.f("pk_backtest_score")),
    )
    op.create_index(op.f("ix_backtest_score_run_id"), "backtest_score", ["run_id"], unique=False)
    op.create_table(
        "event_change",
        sa.Column("event_change_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("known_on", sa.Date(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.CheckConstraint("probability >= 0 AND probability <= 1", name=op.f("ck_event_change_chance")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["event.event_id"], name=op.f("fk_event_change_event_id_event")
        ),
        sa.PrimaryKeyConstraint("event_change_id", name=op.f("pk_event_change")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_change_event_id"), "event_change", ["event_id"], unique=False)
    op.create_table(
        "event_version",
        sa.Column("event_version_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["event.event_id"], name=op.f("fk_event_version_event_id_event")
        ),
        sa.PrimaryKeyConstraint("event_version_id", name=op.f("pk_event_version")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_version_event_id"), "event_version", ["event_id"], unique=False)
    op.create_table(
        "forecast",
        sa.Column("forecast_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("known_at", sa.Date(), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("lag", sa.Integer(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("quantiles", sa.JSON(), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.Column("quantile_values", sa.LargeBinary(), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=False),
        sa.Column("paths", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_forecast_run_id_run")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.series_id"], name=op.f("fk_forecast_series_id_series")
        ),
        sa.PrimaryKeyConstraint("forecast_id", name=op.f("pk_forecast")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_forecast_series_id_issued_at"), "forecast", ["series_id", "issued_at"], unique=False
    )
    op.create_index("uq_forecast_run_id_series_id", "forecast", ["run_id", "series_id"], unique=True)
    op.create_table(
        "fx_path",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("paths", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_fx_path_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "currency", name=op.f("pk_fx_path")),
    )
    op.create_table(
        "quote",
        sa.Column("quote_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("ds", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("available_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("n_quotes", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("value > 0", name=op.f("ck_quote_positive")),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name=op.f("fk_quote_series_id_series")),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quote")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_quote_series_id_ds_kind"), "quote", ["series_id", "ds", "kind"], unique=False)


def downgrade() -> None:
    """Remove every table, and what is in it."""
    for name in (
        "quote",
        "fx_path",
        "forecast",
        "event_version",
        "event_change",
        "backtest_score",
        "series",
        "run",
        "fx_rate",
        "event",
        "api_key",
    ):
        op.drop_table(name)
