"""Alert rules, the state of each alert, and the inbox of what is to be judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert_day",
        sa.Column("day", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_alert_day")),
    )
    op.create_table(
        "alert_rule",
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("deleted_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_alert_rule")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_rule_series_id"), "alert_rule", ["series_id"], unique=False)
    op.create_table(
        "alert_signal",
        sa.Column("signal_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('prices', 'forecast', 'event', 'rule', 'day')", name=op.f("ck_alert_signal_kind")
        ),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_alert_signal")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "silence",
        sa.Column("silence_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("matches", sa.JSON(), nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("pk_silence")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_silence_ends_at"), "silence", ["ends_at"], unique=False)
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("attention", sa.Boolean(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("observed_at", _INSTANT, nullable=True),
        sa.Column("fired_at", _INSTANT, nullable=True),
        sa.Column("resolved_at", _INSTANT, nullable=True),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.Column("acknowledged_at", _INSTANT, nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("stale_since", _INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('inactive', 'pending', 'firing', 'recovering', 'resolved')",
            name=op.f("ck_alert_state"),
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["alert_rule.rule_id"], name=op.f("fk_alert_rule_id_alert_rule")
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alert")),
        sa.UniqueConstraint("rule_id", "subject", name=op.f("uq_alert_rule_id_subject")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_attention"), "alert", ["attention"], unique=False)
    op.create_index(op.f("ix_alert_state"), "alert", ["state"], unique=False)
    op.create_table(
        "alert_transition",
        sa.Column("transition_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("notified", sa.String(), nullable=False),
        sa.Column("observation", sa.String(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.alert_id"], name=op.f("fk_alert_transition_alert_id_alert")
        ),
        sa.PrimaryKeyConstraint("transition_id", name=op.f("pk_alert_transition")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_alert_transition_alert_id"), "alert_transition", ["alert_id"], unique=False)


def downgrade() -> None:
    """Remove them, and what is in them."""
    op.drop_index(op.f("ix_alert_transition_alert_id"), table_name="alert_transition")
    op.drop_table("alert_transition")
    op.drop_index(op.f("ix_alert_state"), table_name="alert")
    op.drop_index(op.f("ix_alert_attention"), table_name="alert")
    op.drop_table("alert")
    op.drop_index(op.f("ix_silence_ends_at"), table_name="silence")
    op.drop_table("silence")
    op.drop_table("alert_signal")
    op.drop_index(op.f("ix_alert_rule_series_id"), table_name="alert_rule")
    op.drop_table("alert_rule")
    op.drop_table("alert_day")
