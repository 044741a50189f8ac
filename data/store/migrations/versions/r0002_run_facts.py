"""What a run found beside its forecasts: effects, open events, parameters, changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "run_fact",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_run_fact_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "kind", "series_id", name=op.f("pk_run_fact")),
    )


def downgrade() -> None:
    """Remove it, and what is in it."""
    op.drop_table("run_fact")
