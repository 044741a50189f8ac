"""Use cases about the sources themselves: adding, changing, removing, and how each of them stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection

from data.sources.definition import Credential, Source
from data.store import prices, quarantine
from data.store import sources as store
from data.store.quarantine import Result
from data.store.sources import StoredSource
from service.addresses import check_url
from service.context import Context
from service.refusals import NotKnown, Outdated, Refusal

#: Most sources, and most results that are shown of one.
MOST, RESULTS = 500, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer:
    """A source and what its newest pulls came to, the newest first."""

    stored: StoredSource
    results: tuple[Result, ...]

    def plain(self) -> dict[str, Any]:
        """Every field by name, for API and files."""
        stored = self.stored
        own = {f.name: getattr(stored.source, f.name) for f in fields(stored.source)}
        about = ("version", "changed_at", "author", "due_at", "failures")
        return own | {name: getattr(stored, name) for name in about} | {"results": self.results}


def list_sources(context: Context) -> tuple[SourceAnswer, ...]:
    """All sources by id, each with its newest result."""
    with context.engine.connect() as conn:
        last = quarantine.last_results(conn)
        return tuple(
            SourceAnswer(
                stored=found, results=(last[name],) if (name := found.source.source_id) in last else ()
            )
            for found in store.list_sources(conn)
        )


def get_source(context: Context, source_id: str) -> SourceAnswer:
    """One source. Raises NotKnown."""
    with context.engine.connect() as conn:
        return _answer(conn, source_id)


def add_source(context: Context, content: Mapping[str, Any], *, author: str) -> SourceAnswer:
    """Keep a new source, due at once. Raises Refusal for an id that is taken, and for what cannot be one."""
    new = build(content)
    with context.engine.begin() as conn:
        _possible(context, conn, new)
        if len(store.list_sources(conn)) >= MOST:
            raise Refusal("source_id", new.source_id, f"at most {MOST} sources; remove one first")
        if not store.add(conn, new, at=context.clock.now(), author=author):
            raise Refusal("source_id", new.source_id, "an id that is not taken")
        return _answer(conn, new.source_id)


def replace_source(
    context: Context, source_id: str, content: Mapping[str, Any], *, version: int, author: str
) -> SourceAnswer:
    """Put another definition in the place of that version. Raises NotKnown, Outdated, and Refusal as
    add_source."""
    new = build({**content, "source_id": source_id})
    with context.engine.begin() as conn:
        current = find(conn, source_id).version
        _possible(context, conn, new)
        if not store.replace(conn, new, version, at=context.clock.now(), author=author):
            raise Outdated(version, current)
        return _answer(conn, source_id)


def remove_source(context: Context, source_id: str, *, version: int, author: str) -> None:
    """Take a source away; its quotes and results stay. Raises NotKnown, Outdated."""
    with context.engine.begin() as conn:
        current = find(conn, source_id).version
        if not store.remove(conn, source_id, version, at=context.clock.now(), author=author):
            raise Outdated(version, current)


def find(conn: Connection, source_id: str) -> StoredSource:
    """Raises NotKnown, naming the sources there are."""
    found = store.get(conn, source_id)
    if found is None:
        known = ", ".join(s.source.source_id for s in store.list_sources(conn)[:20])
        raise NotKnown("source_id", source_id, f"one of {known or 'none yet: ytterby sources add'}")
    return found


def build(content: Mapping[str, Any]) -> Source:
    """A Source from plain values. Raises InputError naming what cannot be used."""
    values = {name: value for name, value in content.items() if value is not None}
    credential = values.pop("credential", None)
    return Source(credential=None if credential is None else Credential(**credential), **values)


def _possible(context: Context, conn: Connection, new: Source) -> None:
    """Raises Refusal for a url that may not be called, a series that is not there, a label that is another
    source's, and a currency or tax basis that is not that of every series."""
    if new.url is not None:
        check_url(new.url, context.settings.networks)
    for other in store.list_sources(conn):
        if other.source.label == new.label and other.source.source_id != new.source_id:
            raise Refusal(
                "label", new.label, f"another than that of {other.source.source_id}: quotes bear it"
            )
    known = {s.series_id: s for s in prices.list_series(conn)}
    wanted: Iterable[str] = new.series.values() if new.series else filter(None, (new.series_id,))
    for series_id in wanted:
        series = known.get(series_id)
        if series is None:
            listed = ", ".join(known) or "none yet"
            raise Refusal("series" if new.series else "series_id", series_id, f"one of {listed}")
        for name in ("currency", "tax_basis"):
            said, own = getattr(new, name), getattr(series, name)
            if said is not None and said != own:
                raise Refusal(
                    name, said, f"{own}, that of {series_id}: prices are never converted on the way in"
                )


def _answer(conn: Connection, source_id: str) -> SourceAnswer:
    return SourceAnswer(
        stored=find(conn, source_id), results=quarantine.results(conn, source_id, limit=RESULTS)
    )
