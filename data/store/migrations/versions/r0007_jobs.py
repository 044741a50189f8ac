"""Scheduled jobs: the lease of the leader, jobs, their slots, and notes that one is wanted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("taken_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "job",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("reckoned_at", instant, nullable=False),
        sa.Column("paused_at", instant, nullable=True),
        sa.Column("paused_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )
    op.create_table(
        "job_slot",
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("scheduled_for", instant, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.Column("started_at", instant, nullable=True),
        sa.Column("finished_at", instant, nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'running', 'done', 'failed', 'skipped')", name=op.f("ck_job_slot_state")
        ),
        sa.CheckConstraint("kind IN ('schedule', 'asked', 'wanted')", name=op.f("ck_job_slot_kind")),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_job_slot")),
        sa.UniqueConstraint("job", "scheduled_for", name=op.f("uq_job_slot_job_scheduled_for")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_job_slot_state"), "job_slot", ["state"])
    op.create_index(op.f("ix_job_slot_scheduled_for"), "job_slot", ["scheduled_for"])
    op.create_table(
        "job_wanted",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("first_at", instant, nullable=False),
        sa.Column("last_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_wanted")),
    )


def downgrade() -> None:
    """Remove them, and what is in them."""
    for name in ("job_wanted", "job_slot", "job", "lease"):
        op.drop_table(name)
