"""Runs can be cancelled, say in detail how far they are, and do not loop when they kill their worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATE = "ck_run_state"


def upgrade() -> None:
    """Change the table."""
    with op.batch_alter_table("run", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_constraint(op.f(_STATE), type_="check")
        table.create_check_constraint(
            op.f(_STATE), "state IN ('queued', 'running', 'done', 'failed', 'cancelled')"
        )
        table.add_column(sa.Column("claims", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("progress", sa.JSON(none_as_null=True), nullable=True))
        for name in ("done", "total", "note"):
            table.drop_column(name)


def downgrade() -> None:
    """Change it back; a cancelled run is then one that failed."""
    run = sa.table("run", sa.column("state"), sa.column("error"))
    cancelled = sa.update(run).where(run.c.state == "cancelled")
    op.execute(cancelled.values(state="failed", error="cancelled"))
    with op.batch_alter_table("run", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_constraint(op.f(_STATE), type_="check")
        table.create_check_constraint(op.f(_STATE), "state IN ('queued', 'running', 'done', 'failed')")
        for name in ("progress", "deaths", "claims"):
            table.drop_column(name)
        table.add_column(sa.Column("done", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("total", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("note", sa.Text(), nullable=True))
