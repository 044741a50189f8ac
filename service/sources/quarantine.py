"""Use cases about files that were kept apart: reading why, taking one after all, or letting it go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from data.sources.judge import Suspicion
from data.store import quarantine as store
from data.store import sources
from data.store.quarantine import ACCEPTED, DISMISSED, HELD, Held, Result
from service.context import Context
from service.refusals import NotKnown, NotYet, Refusal
from service.sources import take
from service.sources.manage import find
from service.sources.take import File, own_form

#: Bytes of a file that are shown.
EXCERPT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAnswer:
    """A file and its beginning as text, None for what is no text or was dropped."""

    held: Held
    excerpt: str | None


def list_held(
    context: Context, *, state: str | None = None, source_id: str | None = None, limit: int = 100
) -> tuple[Held, ...]:
    """The newest first. Raises NotKnown for a source that is not there."""
    with context.engine.connect() as conn:
        if source_id is not None:
            find(conn, source_id)
        return store.list_held(conn, state=state, source_id=source_id, limit=limit)


def show(context: Context, quarantine_id: int) -> HeldAnswer:
    """One file with its beginning. Raises NotKnown."""
    with context.engine.connect() as conn:
        held = _find(conn, quarantine_id)
        return HeldAnswer(held=held, excerpt=_excerpt(store.body_of(conn, quarantine_id, most=EXCERPT)))


def accept(context: Context, quarantine_id: int, *, by: str) -> Result:
    """Take a held file in as its source is described now, whatever it looked like; rows that cannot be kept
    are refused one by one. From then on the next file is judged by this one.

    Raises NotKnown, NotYet for one that is decided, Refusal when nothing of it can be kept.
    """
    now = context.clock.now()
    with context.engine.connect() as conn:
        file = _file(conn, _undecided(_find(conn, quarantine_id)), at=now)
    found = take.read(context, file)
    if isinstance(found, Suspicion):
        raise Refusal(
            "file", found.reason, "one that can be read; dismiss it, or mend how its source is described"
        )
    with context.engine.begin() as conn:
        held = _undecided(_find(conn, quarantine_id, lock=True))
        taken = take.take(context, conn, file, found)
        if taken.held is not None:
            raise Refusal("file", taken.result.reason, "one with rows that can be kept; nothing was written")
        store.decide(conn, quarantine_id, ACCEPTED, at=now, by=by)
        if held.source_id is not None:
            sources.accepted(conn, held.source_id, taken.before)
    return taken.result


def dismiss(context: Context, quarantine_id: int, *, by: str) -> Held:
    """Let a held file go. When its source gives the same bytes again, they are the same entry, and stay
    dismissed. Raises NotKnown, NotYet for one that is decided."""
    with context.engine.begin() as conn:
        _undecided(_find(conn, quarantine_id, lock=True))
        return store.decide(conn, quarantine_id, DISMISSED, at=context.clock.now(), by=by)


def _file(conn: Connection, held: Held, *, at: datetime) -> File:
    body = store.body_of(conn, held.quarantine_id) or b""
    source = own_form(held.origin) if held.source_id is None else find(conn, held.source_id).source
    return File(
        source=source,
        body=body,
        origin=held.origin,
        at=at,
        known=held.source_id is not None,
        trusted=True,
    )


def _find(conn: Connection, quarantine_id: int, *, lock: bool = False) -> Held:
    held = store.get(conn, quarantine_id, lock=lock)
    if held is None:
        raise NotKnown("quarantine_id", quarantine_id, "a number that GET /v1/quarantine shows")
    return held


def _undecided(held: Held) -> Held:
    if held.state != HELD:
        raise NotYet("quarantine_id", f"{held.quarantine_id}, {held.state}", "a file that is still held")
    return held


def _excerpt(body: bytes | None) -> str | None:
    if body is None:
        return None
    text = body.decode("utf-8", errors="replace")
    return None if "\0" in text else text
