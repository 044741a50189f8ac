"""Scenarios over the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import BasisOut, Day, In, Number, Out, Text, Whole
from service.api.schemas.events import CoverageName, SideName

Chance = Annotated[Number, Field(ge=0, le=1)]
Quantile = Annotated[Number, Field(ge=0.025, le=0.975)]
Price = Annotated[Number, Field(gt=0, allow_inf_nan=False)]
EventName = Annotated[Text, Field(min_length=1, max_length=80)]


class StrengthIn(In):
    """How large an effect is: its median and the ends of its 90 % range."""

    median: Number
    low: Number = Field(description="5 % quantile")
    high: Number = Field(description="95 % quantile")
    unit: Literal["percent", "log"] = "percent"


class HypotheticalIn(In):
    """An event that nobody announced. Its size is that of the published table for instrument and direction,
    or your own: `china` on Chinese prices and so on all, `premium` on prices outside over Chinese ones."""

    event_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    title: Text = Field(default="", max_length=300)
    probability: Chance
    on: Day = Field(description="Day it starts, after the issue date")
    latest: Day | None = Field(
        default=None, description="Latest day: it starts on one of the days a month apart up to it"
    )
    elements: dict[Literal["Nd", "Dy", "Tb", "Pr"], CoverageName] = Field(min_length=1)
    market_side: SideName = "both"
    instrument: Text | None = Field(default=None, max_length=60)
    direction: Literal["tighten", "ease"] | None = None
    shape: Literal["pulse", "step", "ramp", "decaying_step"] | None = Field(
        default=None, description="Default: the table's, or a step"
    )
    months: Number | None = Field(
        default=None, gt=0, le=120, description="Length of a ramp, half-life of a decaying step"
    )
    china: StrengthIn | None = None
    premium: StrengthIn | None = None


class EventChangeIn(In):
    """Something else about an open event. `probability`: that it happens (what: probability; default: as
    stated), that it is cancelled, or that it is postponed (both: 1)."""

    event_id: EventName
    what: Literal["probability", "cancelled", "postponed"]
    probability: Chance | None = None
    to: Day | None = Field(default=None, description="New date of a postponed event")


class ScenarioIn(In):
    """A question. At most six named events in all; each branch is one setting of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "series": ["dy-oxide-eu"],
                "horizon": 12,
                "levels": {"dy-oxide-eu": [1500]},
                "changes": [{"event_id": "CN-2027-01-10-EXPIRY", "what": "probability", "probability": 0.4}],
                "hypothetical": [
                    {
                        "event_id": "mine-closure",
                        "title": "A mine in Myanmar closes",
                        "probability": 0.2,
                        "on": "2027-02-01",
                        "elements": {"Dy": "supply", "Tb": "supply"},
                        "instrument": "mine-closure",
                        "direction": "tighten",
                    }
                ],
            }
        },
    )

    series: list[Text] | None = Field(
        default=None, min_length=1, max_length=50, description="Default: all with a forecast"
    )
    horizon: Whole | None = Field(default=None, ge=1, description="Months after the issue date. Default: all")
    quantiles: list[Quantile] = Field(default=[0.1, 0.25, 0.5, 0.75, 0.9], min_length=1, max_length=21)
    levels: dict[Text, list[Price]] = Field(
        default_factory=dict, max_length=50, description="series -> prices in its own basis, at most 5"
    )
    hypothetical: list[HypotheticalIn] = Field(default_factory=list, max_length=50)
    changes: list[EventChangeIn] = Field(default_factory=list, max_length=50)


class SwitchOut(Out):
    """A named event and what its settings mean."""

    event_id: str
    title: str
    kind: str = Field(description="hypothetical, probability, cancelled or postponed")
    probability: float = Field(description="Of being on")
    on_means: str
    off_means: str


class LevelRowOut(Out):
    """Chances about one level. `above` is exact; the others are shares of paths, with standard errors."""

    level: float
    above: float = Field(description="Of standing above it in this month")
    risen_by: float = Field(description="Of having stood above it in some month since the issue date")
    risen_by_error: float
    fallen_by: float = Field(description="Of having stood below it in some month since the issue date")
    fallen_by_error: float


class OutcomeRowOut(Out):
    """One month ahead, in the series' own basis."""

    ds: date
    step: int
    median: float
    change_percent: float = Field(description="Of the median, against the headline")
    quantiles: dict[str, float]
    levels: tuple[LevelRowOut, ...]


class OutcomeOut(Out):
    """Prices in the headline, the mixture or one branch."""

    on: dict[str, bool] = Field(description="event -> is its switch on? Empty for headline and mixture")
    probability: float
    rows: tuple[OutcomeRowOut, ...]


class SeriesScenarioOut(Out):
    """The answer for one series."""

    series_id: str
    title: str
    basis: BasisOut
    issued_at: datetime
    run_id: int
    origin: date
    horizon: int
    reached_by: tuple[str, ...] = Field(description="Named events that bear on this series")
    headline: OutcomeOut = Field(description="The stored forecast")
    mixture: OutcomeOut = Field(description="Branches weighted by their probabilities")
    branches: tuple[OutcomeOut, ...]


class ScenarioOut(Out):
    """A scenario answered."""

    switches: tuple[SwitchOut, ...]
    series: tuple[SeriesScenarioOut, ...]
    notes: tuple[str, ...]
    notice: str | None


class ReadyOut(Out):
    """A deadline or an open event as a scenario."""

    scenario_id: str
    title: str
    event_id: str
    on: date = Field(description="Day on which it starts if it does")
    state: str = Field(description="pending, scheduled, unknown-outcome, or: moves no price")
    probability: float | None = Field(description="As the calendar says now")
    in_forecast: float | None = Field(description="As the newest forecasts have it")
    moves: tuple[str, ...] = Field(description="Series that it bears on")
    request: dict[str, Any] | None = Field(description="Body of POST /v1/scenarios")


class ReadyList(Out):
    """Scenarios that are ready, by date."""

    scenarios: list[ReadyOut]
