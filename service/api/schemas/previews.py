"""What a rule would have done, over the wire."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.alerts import KindName
from service.api.schemas.base import Out


class ShareOut(Out):
    """A share of those that can be told."""

    share: float | None = Field(description="0 to 1; null of none")
    of: int


class PreviewFiringOut(Out):
    """One time that the rule would have fired. What does not belong to its kind is null."""

    on: date = Field(description="Day it would have fired")
    of: date = Field(description="Day that the value speaks of, or the cutoff")
    value: float | None
    note: str
    resolved_on: date | None
    revised: bool = Field(description="Brought about by a corrected price")
    delay_days: int | None = Field(
        description="From the day that the first value beyond the threshold speaks of to the day it fired"
    )
    held_next: bool | None = Field(description="Was the next observation beyond the threshold too?")
    held_third: bool | None = Field(description="And the third one after?")
    came_true: bool | None = Field(description="Was the price beyond the level in the months asked about?")
    lead_months: int | None = Field(description="How many months later")
    horizon_over: bool | None = Field(description="Have these months all come?")
    passed_before: bool | None = Field(description="Was the last price known then beyond the level already?")


class SkillOut(Out):
    """How chances did against what came."""

    value: float | None = Field(
        description="1 - brier / reference: above 0 is better than the usual frequency"
    )
    brier: float
    reference: float
    hits: int
    n: int


class CalibrationOut(Out):
    """Whether chances like those of this rule proved right at past cutoffs."""

    log_ratio: float = Field(description="Of the level to the newest price")
    cutoffs: int
    skill: SkillOut | None
    mark: str = Field(description='Why they are not to be believed as they stand; "" where they may be')


class NowOut(Out):
    """What the rule would be judged on at once."""

    key: str
    value: float
    at: datetime
    note: str


class PreviewOut(Out):
    """A rule run over history as it was known, or over the cutoffs of the stored backtest. Nothing is kept."""

    kind: KindName
    subject: str
    title: str
    value_in: str = Field(description="Unit of every value")
    first_on: date | None
    last_on: date | None
    observations: int
    cutoffs: int | None = Field(description="Of the backtest; null for rules that do not stand on one")
    firings: int
    firings_per_year: float | None
    held_next: ShareOut
    held_third: ShareOut
    came_true: ShareOut = Field(
        description="Of firings whose horizon is over, and whose level had not been passed before"
    )
    median_delay_days: float | None
    median_lead_months: float | None
    rows: tuple[PreviewFiringOut, ...] = Field(description="Firings, oldest first, at most 100")
    calibration: CalibrationOut | None
    marks: tuple[str, ...]
    now: NowOut | None
    beyond_now: bool | None = Field(description="Would it fire, or be pending, at once?")
    notes: tuple[str, ...]
    notice: str | None
