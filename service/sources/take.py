"""Use case: take one file of a source in, or keep it apart whole. Whoever brings it (a pull, the folder, an
operator who accepts it) does so in one transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath

from sqlalchemy import Connection

from data import slips
from data.sources import judge, mapping
from data.sources.definition import CSV, ECB, EXCEL, JSON, Source
from data.sources.judge import Before, Suspicion
from data.sources.rows import RawTable, Records
from data.store import fx, prices, quarantine
from data.store.quarantine import QUARANTINED, TAKEN, UNCHANGED, Held, Result
from data.types import Quote
from data.units import FxTable
from data.validate import read as read_rows
from forecast.errors import InputError
from service import ingest
from service.context import Context
from service.refusals import WrongShape
from service.sources import rates

#: Files in our own form, by how their names end.
_FORMS: Mapping[str, str] = {".csv": CSV, ".xlsx": EXCEL, ".json": JSON}
#: Longer than any file takes: after it a worker is thought dead, and its work may be done by another.
LEASE = timedelta(minutes=10)
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a source. origin: where it came from, without secrets. known: the source is stored; a file of
    no source is described by one made for it. before: the file before it. trusted: an operator looked at it,
    so that only what no row of ours may be is refused."""

    source: Source
    body: bytes
    origin: str
    at: datetime
    known: bool = True
    before: Before = field(default_factory=Before)
    trusted: bool = False

    @property
    def source_id(self) -> str | None:
        """Under which its results stand."""
        return self.source.source_id if self.known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a file. before: what the next one is judged by. held: where it was kept apart, None if
    it was not."""

    result: Result
    before: Before
    held: Held | None = None


def own_form(name: str) -> Source:
    """What stands for the source of a file that has none. Raises WrongShape for one that is not read, by its
    name."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in _FORMS:
        raise WrongShape(suffix or "no suffix", tuple(_FORMS))
    return Source(source_id="folder", label=f"file {PurePath(name).name}"[:200], format=_FORMS[suffix])


def read(context: Context, file: File) -> Records | Suspicion:
    """Its rows as they stand. Not in a transaction: a workbook takes a process and up to two minutes."""
    return judge.read(file.body, file.source, ingest.limits(context))


def take(context: Context, conn: Connection, file: File, found: Records | Suspicion) -> Taken:
    """Keep its rows, or all of it apart; either way its result is recorded."""
    if isinstance(found, Suspicion):
        return apart(conn, file, found)
    suspicion = None if file.trusted else judge.suspect(found, file.source, file.before)
    if suspicion is not None:
        return apart(conn, file, suspicion)
    savepoint = conn.begin_nested()
    kept = (_rates if file.source.format == ECB else _prices)(context, conn, file, found)
    if isinstance(kept, Suspicion):
        savepoint.rollback()
        return apart(conn, file, kept, rows=len(found.rows))
    savepoint.commit()
    quarantine.record(conn, kept)
    return Taken(result=kept, before=judge.after(found))


def apart(conn: Connection, file: File, why: Suspicion, *, rows: int = 0) -> Taken:
    """Keep a file apart, with its reason."""
    reason = why.reason[:_LONGEST_REASON]
    held = quarantine.hold(
        conn,
        file.body,
        source_id=file.source_id,
        origin=file.origin,
        at=file.at,
        form=file.source.format,
        kind=why.kind,
        reason=reason,
    )
    result = Result(
        source_id=file.source_id,
        origin=file.origin,
        at=file.at,
        outcome=QUARANTINED,
        rows=rows,
        reason=f"{why.kind}: {reason}",
        quarantine_id=held.quarantine_id,
    )
    quarantine.record(conn, result)
    return Taken(result=result, before=file.before, held=held)


def _prices(context: Context, conn: Connection, file: File, found: Records) -> Result | Suspicion:
    source = file.source
    units = {s.series_id: s.unit for s in prices.list_series(conn)}
    try:
        mapped = mapping.mapped(found, source, units)
    except InputError as error:
        return Suspicion(kind=judge.COLUMNS, reason=str(error))
    table = ingest.storable(mapped.table)
    if not file.trusted and (slip := _slip(context, conn, file, table)) is not None:
        return slip
    kept = ingest.keep(context, conn, table, source=source.label, series_id=source.series_id)
    looked_at = len(table.rows) + len(table.refused)
    many = judge.too_many_refused(looked_at, kept.refused)
    if many is not None and (not file.trusted or len(kept.refused) == looked_at):
        return many
    said = [f"{mapped.left_out} rows left out"] if mapped.left_out else []
    said += [f"{len(kept.refused)} rows refused: {judge.named(kept.refused)}"] if kept.refused else []
    return _result(
        file, found, added=kept.added, corrected=kept.corrected, refused=len(kept.refused), said=said
    )


def _slip(context: Context, conn: Connection, file: File, table: RawTable) -> Suspicion | None:
    """Another unit, tax basis or currency than what is known."""
    known = ingest.known(context, conn, file.source.series_id, file.source.label)
    given = _by_series(read_rows(table, known).quotes)
    own = _by_series(prices.load(conn, sorted(given), source=file.source.label))
    stored = _by_series(known.quotes)
    evidence = [
        slips.Evidence(
            series=known.series[name], known=stored.get(name, ()), own=own.get(name, ()), given=quotes
        )
        for name, quotes in given.items()
    ]
    found = slips.find_slip(evidence, FxTable(fx.load(conn)))
    return None if found is None else Suspicion(kind=judge.BASIS, reason=found.reason)


def _rates(context: Context, conn: Connection, file: File, found: Records) -> Result | Suspicion:
    kept = rates.keep(context, conn, found, source=file.source.label, trusted=file.trusted)
    if isinstance(kept, Suspicion):
        return kept
    return _result(file, found, added=kept.added, corrected=kept.corrected, refused=0, said=[kept.said])


def _by_series(quotes: Sequence[Quote]) -> dict[str, list[Quote]]:
    found: dict[str, list[Quote]] = {}
    for quote in quotes:
        found.setdefault(quote.series_id, []).append(quote)
    return found


def _result(
    file: File, found: Records, *, added: int, corrected: int, refused: int, said: list[str]
) -> Result:
    return Result(
        source_id=file.source_id,
        origin=file.origin,
        at=file.at,
        outcome=TAKEN if added or corrected else UNCHANGED,
        rows=len(found.rows),
        added=added,
        corrected=corrected,
        refused=refused,
        reason="; ".join(said)[:_LONGEST_REASON] or None,
    )
