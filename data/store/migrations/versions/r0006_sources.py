"""Sources of prices and rates, what they gave, and what was kept apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "source",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("removed_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source")),
    )
    op.create_table(
        "source_state",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("claimed_until", _INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("final_newline", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.source_id"], name=op.f("fk_source_state_source_id_source")
        ),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_state")),
    )
    op.create_index(op.f("ix_source_state_due_at"), "source_state", ["due_at"])
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'accepted', 'dismissed', 'dropped')", name=op.f("ck_quarantine_state")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.source_id"], name=op.f("fk_quarantine_source_id_source")
        ),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_quarantine_source_id_digest"), "quarantine", ["source_id", "digest"])
    op.create_table(
        "source_result",
        sa.Column("source_result_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("quarantine_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('taken', 'unchanged', 'quarantined', 'failed')",
            name=op.f("ck_source_result_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["quarantine_id"],
            ["quarantine.quarantine_id"],
            name=op.f("fk_source_result_quarantine_id_quarantine"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.source_id"], name=op.f("fk_source_result_source_id_source")
        ),
        sa.PrimaryKeyConstraint("source_result_id", name=op.f("pk_source_result")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_source_result_source_id_source_result_id"),
        "source_result",
        ["source_id", "source_result_id"],
    )
    op.create_table(
        "fx_day",
        sa.Column("fx_day_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("per_usd", sa.Double(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("per_usd > 0", name=op.f("ck_fx_day_positive")),
        sa.PrimaryKeyConstraint("fx_day_id", name=op.f("pk_fx_day")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_fx_day_source_currency_day"), "fx_day", ["source", "currency", "day"])


def downgrade() -> None:
    """Remove them, and what is in them."""
    for table in ("fx_day", "source_result", "quarantine", "source_state", "source"):
        op.drop_table(table)
