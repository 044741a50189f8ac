"""Alert rules and alerts over the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import Day, In, Number, Out, Text, Whole

KindName = Literal[
    "price", "change", "premium", "p_cross_by", "p_beyond_at", "forecast", "stale", "model.degraded", "event"
]
DirectionName = Literal["above", "below"]
SeverityName = Literal["info", "warning", "critical"]
StateName = Literal["inactive", "pending", "firing", "recovering", "resolved"]
ElementName = Literal["Nd", "Dy", "Tb", "Pr"]
CurrencyName = Literal["CNY", "EUR", "USD"]
UnitName = Literal["kg", "tonne"]
TaxName = Literal["incl-vat", "ex-vat"]

_MOST_ID = 2**31 - 1
Finite = Annotated[Number, Field(allow_inf_nan=False)]
Id = Annotated[Whole, Field(ge=1, le=_MOST_ID)]
LabelName = Annotated[Text, Field(min_length=1, max_length=60)]
LabelText = Annotated[Text, Field(max_length=200)]


class RuleIn(In):
    """A rule: a value, compared with a threshold. Which fields belong, its kind says (docs/alerts.md)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Tb in Europe may pass 4,500",
                "kind": "p_cross_by",
                "series_id": "tb-oxide-eu",
                "direction": "above",
                "level": 4500,
                "currency": "USD",
                "unit": "kg",
                "horizon": 6,
                "threshold": 0.30,
            }
        },
    )

    name: Text = Field(min_length=1, max_length=200)
    kind: KindName
    series_id: Text | None = Field(default=None, max_length=100)
    element: ElementName | None = Field(default=None, description="kind event: which events")
    direction: DirectionName = "above"
    threshold: Finite | None = Field(
        default=None, description="In the unit of what the kind compares: a price, per cent, a chance, days"
    )
    recovery: Finite | None = Field(
        default=None, description="Threshold of being safe again. Default: the threshold itself"
    )
    for_count: Whole = Field(
        default=1,
        alias="for",
        description="Observations in a row beyond the threshold before it fires, 1-100",
    )
    keep_firing: Whole = Field(
        default=1, description="Observations in a row on the safe side before it is resolved, 1-100"
    )
    level: Finite | None = Field(
        default=None, description="Price whose crossing is meant, in the basis given"
    )
    currency: CurrencyName | None = Field(default=None, description="Default: the series' own")
    unit: UnitName | None = Field(default=None, description="Default: the series' own")
    tax: TaxName | None = Field(default=None, description="Default: the series' own")
    horizon: Whole | None = Field(default=None, description="Months from today")
    on: Day | None = Field(default=None, description="Day ahead: its month is meant")
    quantile: Finite | None = Field(
        default=None, description="kind forecast: 0.025 to 0.975. Default: median"
    )
    window_days: Whole | None = Field(default=None, description="kind change: against the price so long ago")
    change: Literal["percent", "absolute"] | None = Field(default=None, description="Default: percent")
    measure: Literal["published", "spot"] | None = Field(
        default=None, description="p_cross_by: the published monthly mean (default), or spot by a bridge"
    )
    stale_after_days: Whole | None = Field(
        default=None, description="Age of the newest quote that is told. Default: by the usual gap"
    )
    severity: SeverityName = "warning"
    labels: dict[LabelName, LabelText] = Field(default_factory=dict, max_length=20)
    endpoints: list[Id] = Field(
        default_factory=list, max_length=50, description="Who is told. Empty: every active endpoint"
    )
    repeat_hours: Finite | None = Field(
        default=None, description="Told again so often while it fires. Default: once"
    )
    summary: Text | None = Field(
        default=None, max_length=500, description="Own words, such as ${series} at ${value}: docs/alerts.md"
    )
    enabled: bool = True


class RuleOut(Out):
    """A rule as it is kept."""

    rule_id: int
    version: int = Field(description="Also the ETag")
    name: str
    kind: KindName
    series_id: str | None = None
    element: str | None = None
    direction: DirectionName = "above"
    threshold: float | None = None
    recovery: float | None = None
    for_count: int = Field(default=1, alias="for")
    keep_firing: int = 1
    level: float | None = None
    currency: str | None = None
    unit: str | None = None
    tax: str | None = None
    horizon: int | None = None
    on: date | None = None
    quantile: float | None = None
    window_days: int | None = None
    change: str | None = None
    measure: str | None = None
    stale_after_days: int | None = None
    severity: SeverityName = "warning"
    labels: dict[str, str] = Field(default_factory=dict)
    endpoints: list[int] = Field(default_factory=list)
    repeat_hours: float | None = None
    summary: str | None = None
    enabled: bool
    means: str = Field(description="What is compared with the threshold, in words")
    marks: list[str] = Field(description='What is said of it, such as "uncalibrated: ..."')
    author: str
    created_at: datetime
    updated_at: datetime


class RuleList(Out):
    """Rules, in the order they were made."""

    rules: list[RuleOut]


class AlertRuleOut(Out):
    """The rule of an alert, in short."""

    rule_id: int
    version: int
    name: str
    kind: KindName
    severity: SeverityName
    labels: dict[str, str]
    marks: list[str]
    deleted: bool


class AlertOut(Out):
    """Where an alert stands."""

    alert_id: int
    rule_id: int
    rule: AlertRuleOut
    rule_version: int = Field(description="Of the rule by which it was judged last")
    subject: str = Field(description="The series; of an event rule, the event")
    sequence: int = Field(description="Counts every change of this alert")
    state: StateName
    value: float | None = Field(description="What was compared last")
    observed_at: datetime | None = Field(description="When that became known")
    fired_at: datetime | None
    resolved_at: datetime | None
    told_at: datetime | None = Field(description="When somebody was told last")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    stale_since: datetime | None = Field(description="Since when the newest quote is too old")
    silenced: bool = Field(description="Does a silence hold it back now?")


class AlertList(Out):
    """Alerts, firing ones first, then those that changed last."""

    alerts: list[AlertOut]


class TransitionOut(Out):
    """One line of an alert's history."""

    at: datetime
    before: StateName
    after: StateName
    reason: str = Field(description="What brought it about; revised is said")
    notified: str = Field(description="What was decided about telling, and why nobody was told")
    observation: str | None = Field(description="Which observation: day and kind of a price, or a run")
    value: float | None
    note: str
    rule_version: int


class HistoryOut(Out):
    """What became of an alert, newest first."""

    alert_id: int
    transitions: list[TransitionOut]


class AcknowledgeIn(In):
    """That somebody has seen it."""

    note: Text = Field(default="", max_length=500)
