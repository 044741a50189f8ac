"""The preview of a rule over the wire."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.base import Out


class ShareOut(Out):
    """A share of firings."""

    share: float | None = Field(description="None of none")
    of: int = Field(description="Firings of which it can be told")


class PreviewFiringOut(Out):
    """One time that the rule would have fired. What cannot be told, or is not of the kind, is null."""

    on: date
    of: date = Field(description="Day that the value speaks of, or the backtest cutoff")
    value: float | None
    note: str
    resolved_on: date | None
    revised: bool = Field(description="By a value that was corrected")
    delay_days: int | None = Field(
        description="From the day that the first value beyond the threshold speaks of to the day it fired"
    )
    held_next: bool | None = Field(description="Was the next observation beyond the threshold too?")
    held_third: bool | None = Field(description="And the third one after?")
    came_true: bool | None = Field(description="Was the price beyond the level in these months?")
    lead_months: int | None = Field(description="Months from the cutoff to the first month beyond the level")
    horizon_over: bool | None = Field(description="Have the months asked about all come?")
    passed_before: bool | None = Field(description="Was the last price known then beyond the level already?")


class SkillOut(Out):
    """How chances did against what came."""

    value: float | None = Field(
        description="1 - brier / reference; above 0 is better than the usual frequency"
    )
    brier: float = Field(description="Mean squared distance of the chances from what came, 0 or 1")
    reference: float = Field(description="The same of the frequency at all other cutoffs")
    hits: int = Field(description="Cutoffs at which it came true")
    n: int = Field(description="Cutoffs whose months have all come")


class CalibrationOut(Out):
    """Chances of a level as far from the last price known at each cutoff as this one is from today's."""

    log_ratio: float = Field(description="Natural log of the level over the newest price")
    cutoffs: int
    skill: SkillOut | None
    mark: str = Field(description="What the rule is marked with; empty for nothing")


class NewestOut(Out):
    """The newest observation of the rule."""

    key: str
    value: float
    at: datetime
    note: str


class PreviewOut(Out):
    """What the rule would have done, and what it would do now."""

    kind: str
    subject: str
    title: str
    value_in: str = Field(description="Unit of every value: a basis, per cent, probability or days")
    first_on: date | None = Field(description="First day on which the rule was judged")
    last_on: date | None
    observations: int
    cutoffs: int | None = Field(description="Backtest cutoffs replayed; null for rules on prices")
    firings: int
    firings_per_year: float | None = Field(description="Null for less than a year")
    held_next: ShareOut
    held_third: ShareOut
    came_true: ShareOut = Field(
        description="Of firings whose horizon is over, and whose level had not been passed before"
    )
    median_delay_days: float | None
    median_lead_months: float | None
    rows: tuple[PreviewFiringOut, ...] = Field(description="The oldest 100 firings")
    calibration: CalibrationOut | None
    marks: tuple[str, ...]
    now: NewestOut | None
    beyond_now: bool | None = Field(description="Is the newest observation beyond the threshold?")
    notes: tuple[str, ...]
    notice: str | None
