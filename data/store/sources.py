"""Sources: their definitions in versions, and what a pull has to know of the one before.

A definition is replaced only from its newest version. A removed source is kept, out of sight: its results and
its quotes still name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from data.sources.definition import Credential, Source
from data.sources.judge import Before
from data.store.tables import source, source_state


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A definition and where it stands. due_at: of the next pull, None for one that is never pulled by
    itself.

    claim: number of the newest claim. etag, last_modified: of the last file that was taken.
    """

    source: Source
    version: int
    changed_at: datetime
    author: str
    due_at: datetime | None
    claim: int
    claimed_until: datetime | None
    failures: int
    etag: str | None
    last_modified: str | None
    before: Before


_JOINED = source.join(source_state)
_NEW: Mapping[str, Any] = {
    "claimed_until": None,
    "failures": 0,
    "etag": None,
    "last_modified": None,
    "columns": None,
    "rows": None,
    "final_newline": None,
}


def add(conn: Connection, new: Source, *, at: datetime, author: str) -> bool:
    """Keep a new source; False (and no change) if its name is taken. One that was removed comes back anew."""
    old = conn.execute(
        select(source.c.version, source.c.removed_at)
        .where(source.c.source_id == new.source_id)
        .with_for_update()
    ).first()
    if old is not None and old.removed_at is None:
        return False
    values = {"content": _content(new), "changed_at": at, "author": author, "removed_at": None}
    if old is None:
        conn.execute(insert(source).values(source_id=new.source_id, version=1, **values))
        conn.execute(
            insert(source_state).values(source_id=new.source_id, claim=0, due_at=_first(new, at), **_NEW)
        )
    else:
        _write(conn, new.source_id, old.version, values, _first(new, at))
    return True


def replace(conn: Connection, new: Source, version: int, *, at: datetime, author: str) -> bool:
    """Put a definition in the place of that version; False if there is none, or a newer one. What was known
    of the last file is forgotten, and a pull under way loses its claim: both were of another definition."""
    values = {"content": _content(new), "changed_at": at, "author": author}
    return _write(conn, new.source_id, version, values, _first(new, at))


def remove(conn: Connection, source_id: str, version: int, *, at: datetime, author: str) -> bool:
    """Take a source out of sight; False if there is no such version."""
    return _write(
        conn, source_id, version, {"removed_at": at, "changed_at": at, "author": author}, due_at=None
    )


def _write(
    conn: Connection, source_id: str, version: int, values: Mapping[str, Any], due_at: datetime | None
) -> bool:
    found = conn.execute(
        update(source)
        .where(source.c.source_id == source_id, source.c.version == version)
        .values(version=version + 1, **values)
    )
    if found.rowcount:
        conn.execute(
            update(source_state)
            .where(source_state.c.source_id == source_id)
            .values(claim=source_state.c.claim + 1, due_at=due_at, **_NEW)
        )
    return found.rowcount > 0


def get(conn: Connection, source_id: str) -> StoredSource | None:
    """One source, or None, also for one that was removed."""
    row = conn.execute(
        select(source, source_state)
        .select_from(_JOINED)
        .where(source.c.source_id == source_id, source.c.removed_at.is_(None))
    ).first()
    return None if row is None else _stored(row)


def list_sources(conn: Connection) -> tuple[StoredSource, ...]:
    """All that were not removed, by id."""
    rows = conn.execute(
        select(source, source_state)
        .select_from(_JOINED)
        .where(source.c.removed_at.is_(None))
        .order_by(source.c.source_id)
    )
    return tuple(_stored(row) for row in rows)


def claim(
    conn: Connection, *, now: datetime, lease: timedelta, source_id: str | None = None
) -> StoredSource | None:
    """Take the source that has been due longest, or the one named whether due or not; None when there is none
    or another has it. Until its lease is over nobody else gets it, and after that only the newest claim may
    write."""
    state = source_state.c
    free = or_(state.claimed_until.is_(None), state.claimed_until <= now)
    wanted = state.due_at <= now if source_id is None else state.source_id == source_id
    # One statement, as runs.claim: a row that another worker is taking is passed over.
    oldest = (
        select(state.source_id)
        .where(wanted, free)
        .order_by(state.due_at, state.source_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = conn.execute(
        update(source_state)
        .where(state.source_id == oldest, free)
        .values(claim=state.claim + 1, claimed_until=now + lease)
        .returning(state.source_id)
    ).scalar()
    return None if taken is None else get(conn, taken)


def holds(conn: Connection, claimed: StoredSource) -> bool:
    """Is this claim still the newest, of the same definition? Holds the row until the transaction ends."""
    found = conn.execute(
        select(source_state.c.claim)
        .where(source_state.c.source_id == claimed.source.source_id)
        .with_for_update()
    ).scalar()
    return found == claimed.claim


def release(
    conn: Connection,
    claimed: StoredSource,
    *,
    due_at: datetime | None,
    failures: int,
    etag: str | None,
    last_modified: str | None,
    before: Before,
) -> None:
    """Give back a claim with what the pull found."""
    conn.execute(
        update(source_state)
        .where(source_state.c.source_id == claimed.source.source_id, source_state.c.claim == claimed.claim)
        .values(
            claimed_until=None,
            due_at=due_at,
            failures=failures,
            etag=etag,
            last_modified=last_modified,
            **_kept(before),
        )
    )


def accepted(conn: Connection, source_id: str, before: Before) -> None:
    """A file of this source was taken by hand: the next is judged by it, and read whole. A pull under way
    loses its claim, as what it judges by is no longer so."""
    conn.execute(
        update(source_state)
        .where(source_state.c.source_id == source_id)
        .values(
            claim=source_state.c.claim + 1, claimed_until=None, etag=None, last_modified=None, **_kept(before)
        )
    )


def _kept(before: Before) -> dict[str, Any]:
    columns = None if before.columns is None else list(before.columns)
    return {"columns": columns, "rows": before.rows, "final_newline": before.final_newline}


def _first(new: Source, at: datetime) -> datetime | None:
    return at if new.enabled and new.url is not None else None


def _content(new: Source) -> dict[str, Any]:
    # Mappings of a dataclass may be read-only views, which neither asdict nor JSON copies.
    plain = {name: getattr(new, name) for name in new.__slots__ if name not in ("source_id", "credential")}
    credential = None if new.credential is None else asdict(new.credential)
    plain |= {"columns": dict(new.columns), "series": dict(new.series), "credential": credential}
    return plain


def _stored(row: Row[Any]) -> StoredSource:
    found = row._mapping
    content = dict(found[source.c.content])
    credential = content.pop("credential")
    columns = found[source_state.c.columns]
    return StoredSource(
        source=Source(
            source_id=found[source.c.source_id],
            credential=None if credential is None else Credential(**credential),
            **content,
        ),
        version=found[source.c.version],
        changed_at=found[source.c.changed_at],
        author=found[source.c.author],
        due_at=found[source_state.c.due_at],
        claim=found[source_state.c.claim],
        claimed_until=found[source_state.c.claimed_until],
        failures=found[source_state.c.failures],
        etag=found[source_state.c.etag],
        last_modified=found[source_state.c.last_modified],
        before=Before(
            columns=None if columns is None else tuple(columns),
            rows=found[source_state.c.rows],
            final_newline=found[source_state.c.final_newline],
        ),
    )
