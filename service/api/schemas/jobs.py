"""Scheduled jobs over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from service.api.schemas.base import Out


class SlotOut(Out):
    """One time at which a job was or is to run."""

    job: str
    scheduled_for: datetime
    state: Literal["due", "running", "done", "failed", "skipped"]
    kind: Literal["schedule", "asked", "wanted"] = Field(
        description="Why there is this slot: the schedule, a person, or a change"
    )
    reason: str
    attempts: int = Field(description="How often a worker began; 0 while it is due")
    worker: str | None
    fence: int | None = Field(description="Number of the leader's turn that ran it")
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None = Field(description="What the job did")
    error: str | None = Field(description="What went wrong, or why it was skipped")


class SlotList(Out):
    """Slots of a job, the latest time first."""

    job: str
    slots: list[SlotOut]


class WantedOut(Out):
    """A change that leads to a run."""

    reason: str
    changes: int
    at: datetime = Field(description="When, unless newer changes put it off or a run is under way")


class JobOut(Out):
    """One job."""

    name: str = Field(examples=["retrain"])
    about: str
    schedule: str = Field(examples=["cron: 30 5 * * mon-fri"])
    time_zone: str = Field(description="Of a cron line", examples=["Europe/Stockholm"])
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    next_runs: list[datetime] = Field(description="The next five times; none while it is paused")
    running: SlotOut | None
    last: SlotOut | None = Field(description="The slot that was done or failed last")
    wanted: WantedOut | None


class LeaderOut(Out):
    """The worker that runs the schedule."""

    holder: str | None = Field(description="Host and process; null when nobody leads")
    fence: int = Field(description="Number of its turn; 0 when nobody ever led")
    taken_at: datetime | None


class JobList(Out):
    """Who leads, and every job by name."""

    leader: LeaderOut
    jobs: list[JobOut]
