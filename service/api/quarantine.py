"""Files that were kept apart: why, what they begin with, and what is decided about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.api.deps import Author, Ctx, Reading, Writing
from service.api.schemas.sources import HeldDetail, HeldList, HeldOut, HeldState, ResultOut
from service.sources import quarantine as use

router = APIRouter(prefix="/v1/quarantine", tags=["sources"])

QuarantineId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the file")]


@router.get("", dependencies=Reading)
def list_held(
    context: Ctx,
    state: Annotated[HeldState | None, Query(description="Only those in this state")] = None,
    source_id: Annotated[str | None, Query(max_length=60, description="Only those of this source")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many")] = 100,
) -> HeldList:
    """Files that were kept apart, the newest first."""
    found = use.list_held(context, state=state, source_id=source_id, limit=limit)
    return HeldList(files=[HeldOut.model_validate(held) for held in found])


@router.get("/{quarantine_id}", dependencies=Reading)
def show(quarantine_id: QuarantineId, context: Ctx) -> HeldDetail:
    """One file with its beginning."""
    found = use.show(context, quarantine_id)
    return HeldDetail.model_validate({**asdict(found.held), "excerpt": found.excerpt})


@router.post("/{quarantine_id}/accept", dependencies=Writing)
def accept(quarantine_id: QuarantineId, context: Ctx, author: Author) -> ResultOut:
    """Take it in after all, as its source is described now. Rows that cannot be kept are still refused."""
    return ResultOut.model_validate(use.accept(context, quarantine_id, by=author))


@router.post("/{quarantine_id}/dismiss", dependencies=Writing)
def dismiss(quarantine_id: QuarantineId, context: Ctx, author: Author) -> HeldOut:
    """Let it go. The same bytes again stay dismissed."""
    return HeldOut.model_validate(use.dismiss(context, quarantine_id, by=author))
