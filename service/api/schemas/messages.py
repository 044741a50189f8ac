"""Bodies of the webhooks that are sent in format standard. More fields may come; those named here stay.

A body stays below 20 KB: a text that would not fit ends in an ellipsis.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.alerts import DirectionName, KindName, SeverityName, StateName
from service.api.schemas.base import Out

AlertType = Literal["alert.firing", "alert.resolved", "series.stale", "event.changed"]
ReasonName = Literal["fired", "resolved", "revised", "repeated", "silence-ended", "stale", "changed"]


class _Sent(Out):
    model_config = ConfigDict(extra="allow", frozen=True)


class SentRule(_Sent):
    """The rule behind an alert."""

    rule_id: int
    version: int
    name: str
    kind: KindName
    severity: SeverityName
    labels: dict[str, str]
    marks: list[str] = Field(description='What is said of it, such as "uncalibrated: ..."')


class SentAlert(_Sent):
    """What is told of one alert."""

    alert_id: int
    type: AlertType
    reason: ReasonName
    state: StateName
    summary: str = Field(description="One line for people")
    value: float | None = Field(description="What was compared")
    threshold: float | None
    direction: DirectionName
    level: float | None = Field(description="Of a rule on chances: the price asked about")
    means: str = Field(description="What value is, in words")
    note: str = Field(description="How value was made")
    subject: str = Field(description="The series, or the event")
    series_id: str | None
    element: str | None
    at: datetime
    rule: SentRule


class SentOne(SentAlert):
    """What is told of one alert, in a message of its own."""

    alerts_at: str = Field(description="Address on this service where it can be read")


class SentDigest(_Sent):
    """What is told of several alerts at once. What one body cannot hold comes in further parts."""

    count: int = Field(description="Alerts in this part")
    part: int
    parts: int = Field(description="How many there are, each a message of its own")
    counts: dict[str, int] = Field(description="By type")
    alerts: list[SentAlert]
    alerts_at: str


class SentDisabled(_Sent):
    """Which endpoint gets nothing more, and why."""

    endpoint_id: int
    name: str
    reason: str
    failing_since: datetime | None
    deliveries_kept: int = Field(description="Wait until it is enabled and recovered")


class SentTest(_Sent):
    """The endpoint that is tried."""

    endpoint_id: int
    name: str


class _Message(_Sent):
    timestamp: datetime = Field(description="When what it tells of happened")


class AlertFiring(_Message):
    """An alert fires: for the first time, again after a while, or because a price was revised."""

    type: Literal["alert.firing"]
    data: SentOne


class AlertResolved(_Message):
    """An alert that was told of no longer fires."""

    type: Literal["alert.resolved"]
    data: SentOne


class AlertDigest(_Message):
    """Several things to be told at once, such as after a training run."""

    type: Literal["alert.digest"]
    data: SentDigest


class SeriesStale(_Message):
    """The newest quote of a series that a rule watches is too old. Its alerts stay as they are."""

    type: Literal["series.stale"]
    data: SentOne


class EventChanged(_Message):
    """An event that touches a watched element is new, or another step of it is."""

    type: Literal["event.changed"]
    data: SentOne


class EndpointDisabled(_Message):
    """Another endpoint was disabled: it answered 410, or nothing but failures for five days."""

    type: Literal["endpoint.disabled"]
    data: SentDisabled


class EndpointTest(_Message):
    """Asked for by hand. Nothing happened."""

    type: Literal["test"]
    data: SentTest


MESSAGES = (
    AlertFiring,
    AlertResolved,
    AlertDigest,
    SeriesStale,
    EventChanged,
    EndpointDisabled,
    EndpointTest,
)
