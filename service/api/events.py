"""Events: read as known on a day, written by adding, never by overwriting."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from service import events as use
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.query import AsOf
from service.api.render import WantsCsv, csv_response
from service.api.schemas.events import ChangeIn, EditList, EditOut, EventIn, EventList, EventOut

router = APIRouter(prefix="/v1/events", tags=["events"])

EventId = Annotated[str, Path(max_length=80, description="Event id, such as CN-2025-04-04-18")]
WRITING = [*Writing, Depends(json_only)]


@router.get("", response_model=EventList, dependencies=Reading)
def list_events(context: Ctx, as_csv: WantsCsv, as_of: AsOf = None) -> EventList | Response:
    """All events, as the public knew them at the end of `as_of`. In CSV: one line per life-cycle change."""
    found = use.list_events(context, known_by=as_of)
    if as_csv:
        return csv_response("events", use.COLUMNS, use.flat_changes(found))
    return EventList(known_by=as_of, events=[EventOut.model_validate(e.plain()) for e in found])


@router.get("/{event_id}", dependencies=Reading)
def get_event(event_id: EventId, context: Ctx, as_of: AsOf = None) -> EventOut:
    """One event, as the public knew it at the end of `as_of`."""
    return EventOut.model_validate(use.get_event(context, event_id, known_by=as_of).plain())


@router.get("/{event_id}/history", dependencies=Reading)
def history(event_id: EventId, context: Ctx) -> EditList:
    """Who recorded what about this event, and when, oldest first."""
    edits = use.history(context, event_id)
    return EditList(event_id=event_id, edits=[EditOut.model_validate(e) for e in edits])


@router.post("", status_code=201, dependencies=WRITING)
def add_event(body: EventIn, context: Ctx, author: Author, response: Response) -> EventOut:
    """Add an event. An id that exists is refused: add a change to it instead."""
    made = use.add_event(context, body.model_dump(), author=author)
    response.headers["Location"] = f"/v1/events/{body.event_id}"
    return EventOut.model_validate(made.plain())


@router.patch("/{event_id}", dependencies=WRITING)
def add_change(event_id: EventId, body: ChangeIn, context: Ctx, author: Author) -> EventOut:
    """Add a step to an event's life-cycle: suspended, extended, lifted, or another probability."""
    return EventOut.model_validate(
        use.add_change(context, event_id, body.model_dump(), author=author).plain()
    )
