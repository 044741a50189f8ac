"""Champions, decisions and the track record over the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from service.api.schemas.base import In, Out, Text
from service.api.schemas.forecasts import ServedAsOut


class PromotionOut(Out):
    """One decision: who has the place of a series, and why."""

    promotion_id: int
    series_id: str
    decided_at: datetime
    run_id: int | None = Field(description="Run that it was decided on; null: none, after a removal")
    outcome: str = Field(description="promoted, kept, demoted, rolled-back or removed")
    champion: str = Field(description="Who has the place after it", examples=["rw"])
    previous: str | None = Field(description="The rung below; null: none but the random walk")
    challenger: str | None = Field(description="Who asked for the place")
    reason: str
    author: str
    evidence: dict[str, object] = Field(
        description="Scores of the panel and of the series: gain, coverage, months of news."
        " dm and dm_p decide nothing"
    )


class PromotionList(Out):
    """Decisions, newest first."""

    promotions: list[PromotionOut]


class TrainedOut(Out):
    """What the served forecast was made from."""

    run_id: int
    issued_at: datetime
    known_at: date
    origin: date
    fingerprint: str | None = Field(description="sha256 of prices, rates and events that the run was given")
    seed: int | None
    versions: dict[str, str]
    weights: dict[str, tuple[float, ...]]
    parameters: dict[str, object] | None = Field(description="As estimated, as stored; null: removed")


class ChampionOut(Out):
    """Who was champion on a day, why, and trained on what."""

    series_id: str
    title: str
    on: date
    champion: str
    previous: str | None
    since: datetime | None = Field(description="When it took the place; null: never decided, a random walk")
    decided_for: str = Field(description="Whose champion it is: outside China that of the base series")
    decision: PromotionOut | None = Field(description="The newest by that day")
    served_as: ServedAsOut
    trained: TrainedOut


class RollbackIn(In):
    """Why the champion has to go."""

    reason: Text = Field(min_length=1, max_length=500)


class FiguresOut(Out):
    """Figures of some scored months; null where nothing stands behind one."""

    scored: int
    pinball: float | None = Field(description="Mean pinball loss, in per cent of the last price at issue")
    walk_pinball: float | None = Field(description="That of the random walk of the same runs")
    skill: float | None = Field(description="1 - pinball / walk_pinball")
    coverage_80: float | None = Field(description="Share of outcomes within the 80 % range")
    coverage_95: float | None
    directions: int = Field(description="Months in which median and price both moved by half a per cent")
    direction: float | None = Field(description="Share of them in which they moved the same way")


class GroupOut(Out):
    """Figures of one value of one dimension."""

    by: str = Field(description="series, market, horizon or regime")
    value: str
    figures: FiguresOut


class HealthOut(Out):
    """How a series does in service, as judged last."""

    series_id: str
    judged_at: datetime
    content: dict[str, object] = Field(description="champion, degraded, overall and by horizon: see the docs")


class RemovalOut(Out):
    """What was taken out of the record."""

    series_id: str
    removed_at: datetime
    reason: str


class AskedOut(Out):
    """What was asked."""

    series_id: str | None
    market: str | None
    regime: str | None
    horizon: int | None
    vintage: str
    record: str


class TrackRecordOut(Out):
    """The record as asked."""

    asked: AskedOut
    issued: int = Field(description="Served forecasts in it")
    since: datetime | None = Field(description="When the first was issued")
    overall: FiguresOut
    groups: list[GroupOut]
    health: list[HealthOut]
    removals: list[RemovalOut]
    notes: list[str]
    notice: str | None


class ScoreLineOut(Out):
    """One month of one forecast against one vintage of its price."""

    series_id: str
    run_id: int
    issued_at: datetime
    recipe: str
    replay: bool
    step: int = Field(description="Months after the issue date; 0 and below are the nowcast")
    vintage: int = Field(description="1: published first; each revision is one more")
    ds: date
    actual: float
    published_on: date
    scale: float = Field(description="Last price at issue")
    pinball: float
    walk_pinball: float | None
    inside_80: bool
    inside_95: bool
    direction: bool | None
    regime: Literal["quiet", "control window"]
    scored_at: datetime


class ScoreLines(Out):
    """Scores one by one, the newest month first."""

    scores: list[ScoreLineOut]
