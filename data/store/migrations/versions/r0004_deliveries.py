"""Webhooks: endpoints, the outbox, attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "endpoint",
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("reached_at", _INSTANT, nullable=True),
        sa.Column("failing_since", _INSTANT, nullable=True),
        sa.Column("failed_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'disabled', 'deleted')", name=op.f("ck_endpoint_state")),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_endpoint")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("leased_until", _INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'delivered', 'failed')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoint.endpoint_id"], name=op.f("fk_delivery_endpoint_id_endpoint")
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("message_id", name=op.f("uq_delivery_message_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_delivery_endpoint_id_state_due_at_delivery_id"),
        "delivery",
        ["endpoint_id", "state", "due_at", "delivery_id"],
        unique=False,
    )
    op.create_table(
        "attempt",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("milliseconds", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('sending', 'delivered', 'failed', 'ambiguous')", name=op.f("ck_attempt_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.delivery_id"], name=op.f("fk_attempt_delivery_id_delivery")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_attempt")),
    )
    op.create_table(
        "delivery_alert",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.delivery_id"], name=op.f("fk_delivery_alert_delivery_id_delivery")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "alert_id", name=op.f("pk_delivery_alert")),
    )
    op.create_index(
        op.f("ix_delivery_alert_endpoint_id_alert_id_queued_delivery_id"),
        "delivery_alert",
        ["endpoint_id", "alert_id", "queued", "delivery_id"],
        unique=False,
    )


def downgrade() -> None:
    """Remove them, and what is in them."""
    op.drop_index(
        op.f("ix_delivery_alert_endpoint_id_alert_id_queued_delivery_id"), table_name="delivery_alert"
    )
    op.drop_table("delivery_alert")
    op.drop_table("attempt")
    op.drop_index(op.f("ix_delivery_endpoint_id_state_due_at_delivery_id"), table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("endpoint")
