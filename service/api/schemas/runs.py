"""Training runs, backtest figures and the state of the service over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.api.schemas.base import In, Out, Text


class ProgressOut(Out):
    """How far a running run is."""

    stage: Literal["reading", "models", "paths", "ranges", "backtest", "scores"] = Field(
        description="models: fits; paths and ranges: series of the newest forecast; backtest: cutoffs"
    )
    series: str | None = Field(description="Series in hand; null for all of them, or none")
    model: str | None = Field(description="Model in hand")
    done: int = Field(description="Steps of this stage that are done")
    total: int = Field(description="Steps of this stage; 0 while not known")
    share: float = Field(description="Share of the whole run that is done, 0 to 1")
    seconds_left: float | None = Field(
        description="Estimate from the rate so far and the shares of the newest finished run; null at first"
    )


class RunOut(Out):
    """One training run."""

    run_id: int
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    reason: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: ProgressOut | None = Field(description="While it is running")
    summary: dict[str, object] | None
    error: str | None


class RunList(Out):
    """Training runs, newest first."""

    runs: list[RunOut]


class RunIn(In):
    """Why a run is asked for."""

    reason: Text = Field(default="asked over HTTP", min_length=1, max_length=200)


class ScoreOut(Out):
    """One backtest figure. low, high: 90 % interval by block bootstrap."""

    series_id: str
    model: str
    step: int | None = Field(description="Months ahead; null: all together")
    metric: str = Field(examples=["pinball", "coverage_80"])
    value: float | None
    low: float | None
    high: float | None
    n: int


class ScoreList(Out):
    """Backtest figures of one run."""

    run_id: int
    scores: list[ScoreOut]


class Health(Out):
    """Is the process up?"""

    status: Literal["ok"]
    version: str


class Ready(Out):
    """Can it answer?"""

    status: Literal["ok"]
    version: str
    schema_version: str
    series: int
    series_with_forecast: int
    notice: str | None
