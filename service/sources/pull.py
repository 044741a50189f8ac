"""Use case: pull sources. Each is claimed in the database, fetched with no transaction open, and taken in or
kept apart in one. What one does never stops another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from data.store import quarantine
from data.store import sources as store
from data.store.quarantine import FAILED, UNCHANGED, Result
from data.store.sources import StoredSource
from service import logs
from service.context import Context
from service.outgoing import Outgoing
from service.refusals import NotYet, Refusal
from service.sources import take, watch
from service.sources.fetch import fetch, origin
from service.sources.manage import find
from service.sources.take import LEASE, File, Taken

#: Pulls at a time in one process.
AT_A_TIME = 4
#: From a failure to the next try, doubled with each one up to the source's own time.
RETRY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What every source that was due, and every file of the folder, came to."""

    results: tuple[Result, ...]


def pull_due(context: Context, *, now: datetime) -> Pulled:
    """Pull every source that is due at `now`, and take what lies in the folder. Safe to call from any number
    of workers: none gets what another has."""
    outgoing = outgoing_of(context)

    def drain() -> list[Result]:
        results = []
        while (claimed := _claim_due(context, now)) is not None:
            results.append(_safely(context, claimed, outgoing, now))
        return results

    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="pull") as pool:
        drained = [pool.submit(drain) for _ in range(AT_A_TIME)]
    pulled = [result for future in drained for result in future.result()]
    return Pulled(results=(*pulled, *watch.take_folder(context, now=now)))


def pull_now(context: Context, source_id: str, *, now: datetime) -> Result:
    """Pull one source, due or not, its file whole. Raises NotKnown, Refusal for one without a url, NotYet
    while another pull of it is under way."""
    with context.engine.begin() as conn:
        if find(conn, source_id).source.url is None:
            raise Refusal("url", None, "a source with one; the files of this one are put into the folder")
        claimed = store.claim(conn, now=now, lease=LEASE, source_id=source_id)
    if claimed is None:
        raise NotYet("source_id", source_id, "a source that is not being pulled; try again in a moment")
    return _pull(context, claimed, outgoing_of(context), now, whole=True)


def outgoing_of(context: Context) -> Outgoing:
    """The guarded client with the operator's own networks."""
    return Outgoing(allowed=context.settings.networks)


def _claim_due(context: Context, now: datetime) -> StoredSource | None:
    with context.engine.begin() as conn:
        return store.claim(conn, now=now, lease=LEASE)


def _safely(context: Context, claimed: StoredSource, outgoing: Outgoing, now: datetime) -> Result:
    try:
        return _pull(context, claimed, outgoing, now)
    except Exception as error:  # noqa: BLE001 - whatever it was, the other sources are still to be pulled
        logs.get("sources").exception("a pull failed unexpectedly", source=claimed.source.source_id)
        return _failed(context, claimed, claimed.source.source_id, f"unexpected: {type(error).__name__}", now)


def _pull(
    context: Context, claimed: StoredSource, outgoing: Outgoing, now: datetime, *, whole: bool = False
) -> Result:
    """One claimed source, to its recorded end."""
    where = claimed.source.source_id
    try:
        where = origin(claimed.source, outgoing)
        fetched = fetch(claimed, outgoing, context.settings.max_body_bytes, whole=whole)
    except Refusal as error:
        return _failed(context, claimed, where, str(error), now)
    file = File(source=claimed.source, body=fetched.body or b"", origin=where, at=now, before=claimed.before)
    found = None if fetched.body is None else fetched.cut or take.read(context, file)
    with context.engine.begin() as conn:
        if not store.holds(conn, claimed):
            return _recorded(
                conn, claimed, where, now, FAILED, "it was changed, or pulled by another, meanwhile"
            )
        if found is None:
            taken = Taken(
                result=_recorded(conn, claimed, where, now, UNCHANGED, "not modified since the last time"),
                before=claimed.before,
            )
        else:
            taken = take.take(context, conn, file, found)
        # of a file that was kept apart nothing is remembered: it is to come again, whole
        tags = claimed if taken.held is not None else fetched
        store.release(
            conn,
            claimed,
            due_at=_next(claimed, now, failures=0),
            failures=0,
            etag=tags.etag,
            last_modified=tags.last_modified,
            before=taken.before,
        )
    return taken.result


def _failed(context: Context, claimed: StoredSource, where: str, reason: str, now: datetime) -> Result:
    failures = claimed.failures + 1
    with context.engine.begin() as conn:
        store.release(
            conn,
            claimed,
            due_at=_next(claimed, now, failures=failures),
            failures=failures,
            etag=claimed.etag,
            last_modified=claimed.last_modified,
            before=claimed.before,
        )
        return _recorded(conn, claimed, where, now, FAILED, reason)


def _recorded(
    conn: Connection, claimed: StoredSource, where: str, now: datetime, outcome: str, reason: str
) -> Result:
    result = Result(
        source_id=claimed.source.source_id, origin=where, at=now, outcome=outcome, reason=reason[:2000]
    )
    quarantine.record(conn, result)
    return result


def _next(claimed: StoredSource, now: datetime, *, failures: int) -> datetime | None:
    """When it is due again, by its own time; sooner after a failure, and never for one that is switched
    off."""
    if claimed.due_at is None:
        return None
    usual = timedelta(minutes=claimed.source.every_minutes)
    return now + (usual if failures == 0 else min(usual, RETRY * 2 ** min(failures - 1, 12)))
