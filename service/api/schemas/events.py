"""Events over the wire: a fact, its life-cycle, and who wrote what when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import Day, In, Number, Out, Text

StageName = Literal["announced", "effective", "suspended", "extended", "lifted", "superseded"]
CoverageName = Literal["covered", "partial", "supply", "technology", "sympathy", "none"]
SideName = Literal["china-domestic", "ex-china", "both"]


class ChangeOut(Out):
    """One step of a life-cycle."""

    stage: StageName
    on: date = Field(description="Day from which the stage holds")
    known_on: date = Field(description="Day by which this was public")
    probability: float = Field(description="Chance that the step happens; 1 for a fact")
    note: str


class RuleOut(Out):
    """How an event of this instrument and direction enters the models: the published table's row."""

    event_type: str
    shape: str
    channel: str
    default_probability: float


class EventOut(Out):
    """One dated policy or supply fact."""

    event_id: str
    title: str
    instrument: str
    direction: str = Field(description="tighten or ease")
    jurisdiction: str
    elements: dict[str, CoverageName]
    market_side: SideName
    forms: tuple[str, ...]
    confidence: str
    known_on: date
    stage: StageName = Field(description="Stage of the latest known change")
    changes: tuple[ChangeOut, ...]
    sources: tuple[dict[str, str | None], ...]
    description: dict[str, object] = Field(description="Hindsight and free text: shown, never a model input")
    rule: RuleOut


class EventList(Out):
    """Events, oldest first."""

    known_by: date | None = Field(description="As public by this day; null: all that is known")
    events: list[EventOut]


class EditOut(Out):
    """One entry of an event's history here."""

    recorded_at: datetime
    author: str
    what: str
    content: dict[str, object]


class EditList(Out):
    """How an event came to be what it is here, oldest first."""

    event_id: str
    edits: list[EditOut]


class ChangeIn(In):
    """A step to add to a life-cycle. Nothing is overwritten: a later step of the same stage replaces an
    earlier one from its own `known_on`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "stage": "extended",
                "on": "2027-01-10",
                "known_on": "2026-11-20",
                "probability": 0.6,
                "note": "Suspension prolonged for another year, unconfirmed",
            }
        },
    )

    stage: StageName
    on: Day
    known_on: Day
    probability: Number = Field(default=1.0, ge=0, le=1)
    note: Text = Field(default="", max_length=2000)


class EventIn(In):
    """A new event. The first known change is its announcement."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "event_id": "CN-2026-11-24-EXAMPLE",
                "title": "Export licence for an alloy, as an example",
                "instrument": "licence",
                "direction": "tighten",
                "jurisdiction": "CN",
                "elements": {"Dy": "covered", "Tb": "covered"},
                "market_side": "ex-china",
                "changes": [{"stage": "announced", "on": "2026-11-24", "known_on": "2026-11-24"}],
            }
        },
    )

    event_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,79}$")
    title: Text = Field(min_length=3, max_length=300)
    instrument: Text = Field(min_length=2, max_length=60)
    direction: Literal["tighten", "ease"]
    jurisdiction: Text = Field(min_length=2, max_length=20)
    elements: dict[Literal["Nd", "Dy", "Tb", "Pr"], CoverageName] = Field(min_length=1)
    market_side: SideName
    changes: list[ChangeIn] = Field(min_length=1, max_length=50)
    forms: list[Text] = Field(default_factory=list, max_length=20)
    sources: list[dict[Text, Text | None]] = Field(default_factory=list, max_length=50)
    confidence: Literal["low", "medium", "high"] = "medium"
    description: dict[Text, Text] = Field(default_factory=dict, max_length=50)
