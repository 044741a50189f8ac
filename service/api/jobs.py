"""Scheduled jobs: what runs when and what came of it; run, pause and resume."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service import jobs
from service.api.deps import Author, Ctx, Reading, Writing
from service.api.schemas.jobs import JobList, JobOut, SlotList, SlotOut

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Name = Annotated[str, Path(max_length=60, description="Name of the job, such as retrain")]


@router.get("", dependencies=Reading)
def list_jobs(context: Ctx) -> JobList:
    """Every job: its schedule, its next five runs, its last result, whether it is paused."""
    return JobList.model_validate(jobs.list_jobs(context))


@router.get("/{name}", dependencies=Reading)
def history(
    name: Name, context: Ctx, limit: Annotated[int, Query(ge=1, le=500, description="At most so many")] = 50
) -> SlotList:
    """What became of each slot of a job, the latest time first; skipped ones say why."""
    found = jobs.history(context, name, limit)
    return SlotList(job=name, slots=[SlotOut.model_validate(slot) for slot in found])


@router.post("/{name}/run", status_code=202, dependencies=Writing)
def run(name: Name, context: Ctx, author: Author) -> SlotOut:
    """Ask for a run now. The leading worker takes it up; one that waits already is not doubled."""
    return SlotOut.model_validate(jobs.run(context, name, by=author))


@router.post("/{name}/pause", dependencies=Writing)
def pause(name: Name, context: Ctx, author: Author) -> JobOut:
    """Skip the slots of the schedule until the job is resumed. What is asked for still runs."""
    return JobOut.model_validate(jobs.pause(context, name, by=author))


@router.post("/{name}/resume", dependencies=Writing)
def resume(name: Name, context: Ctx) -> JobOut:
    """Run on schedule again, from the next slot on."""
    return JobOut.model_validate(jobs.resume(context, name))
