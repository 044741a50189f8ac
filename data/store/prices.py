"""Series and their quotes. A quote is never changed: a correction is a new vintage beside the old one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from data.errors import UnknownId
from data.store.tables import quote, series
from data.types import AppendResult, Quote, Series

_SERIES_COLUMNS = [series.c[f.name] for f in fields(Series)]
_QUOTE_COLUMNS = [quote.c[f.name] for f in fields(Quote)]
_Identity = tuple[str, date, str]


def add_series(conn: Connection, new: Series) -> bool:
    """Put a series into the catalogue, or change its entry; False if it already said exactly that."""
    known = get_series(conn, new.series_id)
    if known == new:
        return False
    if known is None:
        conn.execute(insert(series).values(**asdict(new)))
    else:
        conn.execute(update(series).where(series.c.series_id == new.series_id).values(**asdict(new)))
    return True


def list_series(conn: Connection) -> tuple[Series, ...]:
    """The catalogue, by id."""
    rows = conn.execute(select(*_SERIES_COLUMNS).order_by(series.c.series_id))
    return tuple(Series(**row._mapping) for row in rows)


def get_series(conn: Connection, series_id: str) -> Series | None:
    """One entry of the catalogue, or None."""
    row = conn.execute(select(*_SERIES_COLUMNS).where(series.c.series_id == series_id)).first()
    return None if row is None else Series(**row._mapping)


def lock(conn: Connection, series_id: str | None = None) -> None:
    """Hold the catalogue's row of a series (of every one, for None) until the transaction ends.

    SQLite has one writer anyway.
    """
    rows = select(series.c.series_id)
    if series_id is not None:
        rows = rows.where(series.c.series_id == series_id)
    conn.execute(rows.order_by(series.c.series_id).with_for_update())


def append(conn: Connection, quotes: Iterable[Quote]) -> AppendResult:
    """Record quotes, each as a vintage, unless its source already said the same.

    A quote says nothing new when the newest vintage of the same series, day, kind and source that was
    available by the quote's own `available_on` has the same figures and note. So sending a file again
    changes nothing, and neither does sending the first publication again after its revision.
    Raises UnknownId for a series that is not in the catalogue.
    """
    given = list(quotes)
    ids = sorted({q.series_id for q in given})
    # Two writers of one series wait for each other; SQLite ignores the clause and has one writer anyway.
    found = conn.execute(
        select(series.c.series_id)
        .where(series.c.series_id.in_(ids))
        .order_by(series.c.series_id)
        .with_for_update()
    ).scalars()
    for missing in sorted(set(ids) - set(found)):
        raise UnknownId("series_id", missing, "a series of the catalogue; add it first")
    known: dict[_Identity, list[Quote]] = {}
    for old in _vintages(conn, ids):
        known.setdefault(_identity(old), []).append(old)
    added = corrected = 0
    new: list[dict[str, Any]] = []
    for q in given:
        vintages = known.setdefault(_identity(q), [])
        if _says_nothing_new(q, vintages):
            continue
        added, corrected = (added, corrected + 1) if vintages else (added + 1, corrected)
        vintages.append(q)
        vintages.sort(key=lambda v: v.recorded_at)
        new.append(asdict(q))
    if new:
        conn.execute(insert(quote), new)
    return AppendResult(added=added, corrected=corrected, unchanged=len(given) - len(new))


def load(
    conn: Connection,
    series_ids: Sequence[str] | None = None,
    *,
    as_of: date | None = None,
    recorded_by: datetime | None = None,
    source: str | None = None,
) -> list[Quote]:
    """The newest vintage of each (series, ds, kind), sorted so; of all series for None.

    as_of: only what the market could read by the end of that day. recorded_by: only what this store held
    at that instant. source: only what that one said. The newest is the one recorded last among those.
    """
    latest = func.row_number().over(
        partition_by=(quote.c.series_id, quote.c.ds, quote.c.kind),
        order_by=(quote.c.recorded_at.desc(), quote.c.quote_id.desc()),
    )
    ranked = select(*_QUOTE_COLUMNS, latest.label("rank"))
    if series_ids is not None:
        ranked = ranked.where(quote.c.series_id.in_(list(series_ids)))
    if as_of is not None:
        ranked = ranked.where(quote.c.available_on <= as_of)
    if recorded_by is not None:
        ranked = ranked.where(quote.c.recorded_at <= recorded_by)
    if source is not None:
        ranked = ranked.where(quote.c.source == source)
    inner = ranked.subquery()
    rows = conn.execute(
        select(*(inner.c[c.name] for c in _QUOTE_COLUMNS))
        .where(inner.c.rank == 1)
        .order_by(inner.c.series_id, inner.c.ds, inner.c.kind)
    )
    return [_quote(row) for row in rows]


def history(conn: Connection, series_id: str) -> list[Quote]:
    """Every vintage of every quote of one series, in the order they were recorded."""
    return _vintages(conn, [series_id])


def fed_by(conn: Connection, source: str) -> tuple[str, ...]:
    """Series that a source has a quote of, by id."""
    rows = conn.execute(
        select(quote.c.series_id).where(quote.c.source == source).distinct().order_by(quote.c.series_id)
    )
    return tuple(rows.scalars())


def _vintages(conn: Connection, ids: Sequence[str]) -> list[Quote]:
    rows = conn.execute(
        select(*_QUOTE_COLUMNS)
        .where(quote.c.series_id.in_(list(ids)))
        .order_by(quote.c.recorded_at, quote.c.quote_id)
    )
    return [_quote(row) for row in rows]


def _identity(q: Quote) -> _Identity:
    return q.series_id, q.ds, q.kind


def _says_nothing_new(q: Quote, vintages: Iterable[Quote]) -> bool:
    same_source = [v for v in vintages if v.source == q.source and v.available_on <= q.available_on]
    return bool(same_source) and _figures(same_source[-1]) == _figures(q)


def _figures(q: Quote) -> tuple[object, ...]:
    return q.value, q.low, q.high, q.n_quotes, q.note


def _quote(row: Row[Any]) -> Quote:
    return Quote(**row._mapping)
