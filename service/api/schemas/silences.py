"""Silences over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from service.api.schemas.alerts import Id, LabelName, LabelText
from service.api.schemas.base import In, Moment, Out, Text


class SilenceIn(In):
    """Which alerts are not told, and until when. All of `matches` have to be so."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "matches": {"series_id": "tb-oxide-eu", "severity": "warning"},
                "ends_at": "2026-12-01T08:00:00Z",
                "comment": "Known: the fair in Ganzhou",
            }
        },
    )

    matches: dict[LabelName, Id | LabelText] = Field(
        min_length=1,
        max_length=20,
        description="rule_id, series_id, element, severity, subject, or the name of a label -> its value",
    )
    starts_at: Moment | None = Field(default=None, description="Default: now; of a change: as it was")
    ends_at: Moment
    comment: Text = Field(min_length=1, max_length=500)


class SilenceOut(Out):
    """A silence."""

    silence_id: int
    version: int = Field(description="Also the ETag")
    matches: dict[str, int | str]
    starts_at: datetime
    ends_at: datetime
    comment: str
    author: str
    created_at: datetime
    active: bool = Field(description="Is it in force now?")
    rules: list[int] = Field(description="Rules that it matches now")


class SilenceList(Out):
    """Silences, the newest first."""

    silences: list[SilenceOut]
