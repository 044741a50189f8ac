"""Webhook endpoints, deliveries and attempts over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import In, Moment, Out

FormatName = Literal["standard", "slack", "teams"]
DeliveryState = Literal["queued", "delivered", "failed"]

SHOWN_ONCE = "Shown this once: keep it where the receiver checks signatures."
SHOWN_BEFORE = (
    "It was shown in the first answer and is kept nowhere in plain text; rotate-secret makes another."
)
NOT_SHOWN_AGAIN = "None: whoever knows the URL may post there, so it is not shown again."


class EndpointIn(In):
    """Where messages go."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Purchasing", "url": "https://example.org/ytterby"}},
    )

    name: str = Field(description="1 to 200 characters")
    url: str = Field(
        description="https; http and private networks only where YTTERBY_ALLOWED_NETWORKS names them"
    )
    format: FormatName | None = Field(
        default=None,
        description="standard: signed, as Standard Webhooks (default); slack; teams. It cannot be changed",
    )


class EndpointOut(Out):
    """An endpoint and how it answers. Its secret is never read out."""

    endpoint_id: int
    version: int = Field(description="Also the ETag")
    name: str
    url: str = Field(description="Where the URL is the secret (slack, teams): scheme and host, then /…")
    format: FormatName
    state: Literal["active", "disabled"]
    reason: str | None = Field(description="Why it is disabled")
    reached_at: datetime | None = Field(description="Since when every attempt has succeeded")
    failing_since: datetime | None = Field(description="Since when every attempt has failed")
    created_at: datetime
    updated_at: datetime
    author: str


class EndpointMade(EndpointOut):
    """A new endpoint with its secret."""

    secret: str | None = Field(description="whsec_..., to verify signatures with; shown in this answer only")
    secret_note: str


class EndpointList(Out):
    """Endpoints, oldest first."""

    endpoints: list[EndpointOut]


class SecretOut(Out):
    """A new secret. The one before signs beside it for 24 hours."""

    endpoint_id: int
    version: int
    secret: str
    secret_note: str = SHOWN_ONCE


class QueuedOut(Out):
    """A delivery that was queued."""

    delivery_id: int


class RecoverIn(In):
    """Since when."""

    since: Moment = Field(description="Messages made at this instant or later")


class RecoveredOut(Out):
    """How many failed deliveries were queued again."""

    queued: int


class DeliveryOut(Out):
    """One message to one endpoint."""

    delivery_id: int
    message_id: str = Field(description="webhook-id, the same at every attempt")
    endpoint_id: int
    type: str
    title: str
    state: DeliveryState
    reason: str | None = Field(description="Why it failed for good")
    created_at: datetime
    due_at: datetime = Field(description="It is not tried before")
    finished_at: datetime | None
    failures: int = Field(description="Attempts that failed since it was queued")
    claims: int = Field(description="Attempts begun")
    leased_until: datetime | None = Field(description="While a worker is sending it")


class DeliveryList(Out):
    """Deliveries, the newest first."""

    deliveries: list[DeliveryOut]


class AttemptOut(Out):
    """One POST."""

    number: int
    started_at: datetime
    milliseconds: float | None
    outcome: Literal["sending", "delivered", "failed", "ambiguous"] = Field(
        description="ambiguous: it was sent, and no answer is known"
    )
    status: int | None = Field(description="Of the answer")
    error: str | None
    answer: str | None = Field(description="The beginning of what was answered")


class DeliveryDetail(DeliveryOut):
    """A delivery with every attempt and the bytes that are sent."""

    attempts: list[AttemptOut]
    alerts: list[int] = Field(description="Alerts that it tells of")
    body: str
