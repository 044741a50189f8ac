"""Tables of webhooks: endpoints, the outbox of deliveries, and what came of each attempt."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from data.store.columns import Instant
from data.store.tables.base import metadata

endpoint = Table(
    "endpoint",
    metadata,
    Column("endpoint_id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("url", Text, nullable=False),  # what may be shown: whole, or only its host where it is the secret
    Column("format", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text),  # why it is disabled
    Column("secret", Text, nullable=False),  # encrypted
    Column("reached_at", Instant),  # since when every attempt has succeeded; none while they fail
    Column("failing_since", Instant),
    Column("failed_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("author", String, nullable=False),
    CheckConstraint("state IN ('active', 'disabled', 'deleted')", name="state"),
    sqlite_autoincrement=True,
)

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Integer, primary_key=True),
    Column("message_id", String, nullable=False),
    Column("endpoint_id", Integer, ForeignKey("endpoint.endpoint_id"), nullable=False),
    Column("type", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the bytes that are signed and sent, at every attempt
    Column("state", String, nullable=False),
    Column("reason", Text),  # why it failed for good
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("failures", Integer, nullable=False, default=0),
    # A claim is numbered: who comes back late with an old number changes nothing.
    Column("claims", Integer, nullable=False, default=0),
    Column("leased_until", Instant),
    UniqueConstraint("message_id"),
    Index(None, "endpoint_id", "state", "due_at", "delivery_id"),  # the order in which they are taken
    CheckConstraint("state IN ('queued', 'delivered', 'failed')", name="state"),
    sqlite_autoincrement=True,
)
# The order of deliveries of one alert to one endpoint. No foreign key to the alert: it may go with its rule
# while what was told of it stays in the log.
delivery_alert = Table(
    "delivery_alert",
    metadata,
    Column("delivery_id", Integer, ForeignKey("delivery.delivery_id"), primary_key=True),
    Column("alert_id", Integer, primary_key=True),
    Column("endpoint_id", Integer, nullable=False),
    Column("queued", Boolean, nullable=False),  # as its delivery; here for the index
    Index(None, "endpoint_id", "alert_id", "queued", "delivery_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", Integer, ForeignKey("delivery.delivery_id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the claim it was made under
    Column("started_at", Instant, nullable=False),
    Column("milliseconds", Double),
    Column("outcome", String, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("answer", Text),
    CheckConstraint("outcome IN ('sending', 'delivered', 'failed', 'ambiguous')", name="outcome"),
)
