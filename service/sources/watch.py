"""Use case: take what lies in the watched folder. A file at its top is in our own form; one in the folder of
a source's name is in that source's. What was taken goes to done/, the rest to quarantined/ with its reason
beside it.

Files are taken before they are moved: a worker that dies in between leaves one that is taken again, which
changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from data.sources.judge import Before
from data.store import quarantine
from data.store import sources as store
from data.store.quarantine import FAILED, QUARANTINED, Result
from data.store.sources import StoredSource
from forecast.errors import InputError
from service import logs
from service.context import Context
from service.refusals import Refusal
from service.sources import folder, take
from service.sources.folder import Found
from service.sources.take import LEASE, File, own_form

#: Most files that are taken in one go.
MOST = 100


def take_folder(context: Context, *, now: datetime) -> tuple[Result, ...]:
    """What every file that stands still came to; nothing where no folder is set or another process has it.

    Raises Refusal for a folder that cannot be used.
    """
    path = context.settings.watch_folder
    if path is None:
        return ()
    with context.engine.connect() as conn:
        known = [found.source.source_id for found in store.list_sources(conn)]
    try:
        with folder.alone(path) as top:
            if top is None:
                return ()
            found = folder.standing(top, known, context.settings.watch_settle_seconds)[:MOST]
            taken = [_take(context, top, one, now) for one in found]
    except OSError as error:
        allowed = f"a folder that can be read and written ({error.strerror})"
        raise Refusal("YTTERBY_WATCH_FOLDER", str(path), allowed) from None
    return tuple(result for result in taken if result is not None)


def _take(context: Context, top: int, found: Found, now: datetime) -> Result | None:
    """One file to its recorded end and its new place; None for one that has to wait: it changed, or its
    source is being pulled."""
    claimed = None
    if found.source_id is not None:
        with context.engine.begin() as conn:
            claimed = store.claim(conn, now=now, lease=LEASE, source_id=found.source_id)
        if claimed is None:
            return None
    try:
        result = _result(context, top, found, claimed, now)
    except InputError as error:
        result = _apart(context, found, claimed, QUARANTINED, str(error), now)
    except Exception as error:  # noqa: BLE001 - whatever it was, the other files are still to be taken
        logs.get("sources").exception("a file could not be taken", file=found.origin)
        result = _apart(context, found, claimed, FAILED, f"unexpected: {type(error).__name__}", now)
    if result is None:
        return None
    if result.outcome in (QUARANTINED, FAILED):
        folder.move(top, found, folder.APART, now, reason=_words(result))
    else:
        folder.move(top, found, folder.DONE, now)
    return result


def _result(
    context: Context, top: int, found: Found, claimed: StoredSource | None, now: datetime
) -> Result | None:
    source = own_form(found.plain) if claimed is None else claimed.source
    body = folder.read(top, found, context.settings.max_body_bytes)
    if body is None:
        with context.engine.begin() as conn:
            _give_back(conn, claimed)
        return None
    file = File(source=source, body=body, origin=found.origin, at=now, known=claimed is not None)
    if claimed is not None:
        file = replace(file, before=claimed.before)
    rows = take.read(context, file)
    with context.engine.begin() as conn:
        if claimed is not None and not store.holds(conn, claimed):
            return None
        taken = take.take(context, conn, file, rows)
        _give_back(conn, claimed, taken.before)
    return taken.result


def _give_back(conn: Connection, claimed: StoredSource | None, before: Before | None = None) -> None:
    """A file that was put into the folder says nothing of when its source is due, or of what its server
    said."""
    if claimed is not None:
        store.release(
            conn,
            claimed,
            due_at=claimed.due_at,
            failures=claimed.failures,
            etag=claimed.etag,
            last_modified=claimed.last_modified,
            before=before or claimed.before,
        )


def _apart(
    context: Context, found: Found, claimed: StoredSource | None, outcome: str, reason: str, now: datetime
) -> Result:
    """A file of which nothing is stored: nothing in it could be read."""
    result = Result(
        source_id=found.source_id, origin=found.origin, at=now, outcome=outcome, reason=reason[:2000]
    )
    with context.engine.begin() as conn:
        quarantine.record(conn, result)
        _give_back(conn, claimed)
    return result


def _words(result: Result) -> str:
    held = result.quarantine_id
    if held is None:
        return f"{result.origin}\n{result.reason}"
    return (
        f"{result.origin}\n{result.reason}\nTo take it after all: ytterby sources quarantine {held} --accept"
    )
