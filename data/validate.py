"""Which rows can be kept, and why the others cannot. Pure: what is known and what day it is are passed in.

One reason a row: the first thing that is wrong with it, with what would have been taken.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from data.sources.rows import BadRow, RawRow, RawTable, shown
from data.types import Quote, Series

KINDS = ("monthly-mean", "point", "annual")
#: A price this many times the one before, or this part of it, is a slip of unit or decimal point.
ABSURD = 20.0
DEFAULT_SOURCE = "import"
_TEXT = {"unique_id": 100, "source": 200, "note": 1000}  # most characters
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]00:00(:00(\.0+)?)?)?")
_MONTH = re.compile(r"\d{4}-\d{2}")
_NOT_A_NUMBER = {"nan", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rows are judged by.

    series: id -> catalogue entry. quotes: the newest vintage of what is stored of them. today: no quote is
    of a later day. recorded_at: instant (aware) that kept rows get. default_series: the series of rows that
    name none; rows that name another are refused. default_source: of rows that name none.
    """

    series: Mapping[str, Series]
    quotes: Sequence[Quote]
    today: date
    recorded_at: datetime
    default_series: str | None = None
    default_source: str = DEFAULT_SOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Quotes that can be kept, and every row that cannot; both in the order of the file."""

    quotes: tuple[Quote, ...]
    refused: tuple[BadRow, ...]


class _Bad(Exception):
    """One cell that cannot be used."""

    def __init__(self, column: str, value: object, reason: str) -> None:
        self.column, self.value, self.reason = column, value, reason
        super().__init__(reason)


def check(table: RawTable, known: Known) -> Checked:
    """Judge every row of a table: each cell, then rows against each other, then against what is known."""
    refused: list[BadRow] = []
    return _checked(_absurd(_read(table, known, refused), known.quotes, refused), refused)


def read(table: RawTable, known: Known) -> Checked:
    """The same without the last step: what the file says, however far from what is known."""
    refused: list[BadRow] = []
    return _checked(_read(table, known, refused), refused)


def _read(table: RawTable, known: Known, refused: list[BadRow]) -> list[tuple[int, Quote]]:
    refused += table.refused
    found: list[tuple[int, Quote]] = []
    stored = {(q.series_id, q.ds, q.kind): q for q in known.quotes}
    for row in table.rows:
        try:
            found.append((row.line, _dated(_quote(row, known), row, stored, known.today)))
        except _Bad as bad:
            refused.append(_bad_row(row.line, bad))
    return _twice(found, refused)


def _checked(kept: list[tuple[int, Quote]], refused: list[BadRow]) -> Checked:
    return Checked(
        quotes=tuple(quote for _, quote in sorted(kept, key=lambda item: item[0])),
        refused=tuple(sorted(refused, key=lambda bad: bad.line)),
    )


def first_available(kind: str, ds: date) -> date:
    """Day by which a quote can be known when nothing else is said: the day after its month, the day of a
    point, 1 February after its year."""
    match kind:
        case "monthly-mean":
            return (ds.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "annual":
            return date(ds.year + 1, 2, 1)
        case _:
            return ds


def _bad_row(line: int, bad: _Bad) -> BadRow:
    return BadRow(line=line, column=bad.column, value=shown(bad.value), reason=bad.reason)


def _quote(row: RawRow, known: Known) -> Quote:
    cells = row.cells
    series = _series(cells, known)
    _same_basis(cells, series)
    kind = _kind(cells, series)
    ds, available_on = _days(cells, kind, known.today)
    value, low, high = _prices(cells)
    return Quote(
        series_id=series.series_id,
        ds=ds,
        value=value,
        low=low,
        high=high,
        available_on=available_on,
        recorded_at=known.recorded_at,
        source=_text(cells, "source") or known.default_source,
        kind=kind,
        n_quotes=_count(cells),
        note=_text(cells, "note"),
    )


def _dated(quote: Quote, row: RawRow, stored: Mapping[tuple[str, date, str], Quote], today: date) -> Quote:
    """A correction that does not say since when it was public is public since today, not since the price
    it corrects: else a forecast of an earlier day would be shown figures that nobody had."""
    before = stored.get((quote.series_id, quote.ds, quote.kind))
    if before is None or _day(row.cells, "available_on") is not None:
        return quote
    same = (before.value, before.low, before.high) == (quote.value, quote.low, quote.high)
    return replace(quote, available_on=before.available_on if same else today)


def _series(cells: Mapping[str, object], known: Known) -> Series:
    named = _text(cells, "unique_id")
    wanted = known.default_series
    if named is None and wanted is None:
        raise _Bad("unique_id", None, "missing; allowed: a series of the catalogue")
    if named is not None and wanted is not None and named != wanted:
        raise _Bad("unique_id", named, f"another series than the one addressed; allowed: {wanted}")
    found = known.series.get(named or wanted or "")
    if found is None:
        listed = ", ".join(sorted(known.series)) or "none yet"
        raise _Bad("unique_id", named or wanted, f"unknown series; allowed: {listed}")
    return found


def _same_basis(cells: Mapping[str, object], series: Series) -> None:
    """Prices are never converted on the way in: another basis is refused."""
    own = {"currency": series.currency, "unit": series.unit, "tax_basis": series.tax_basis}
    for column, allowed in own.items():
        found = _text(cells, column)
        if found is not None and found.casefold() != allowed.casefold():
            raise _Bad(column, found, f"not the basis of {series.series_id}; allowed: {allowed}")


def _kind(cells: Mapping[str, object], series: Series) -> str:
    said = _text(cells, "kind")
    if said is None:
        return series.frequency if series.frequency in KINDS else "point"
    if said not in KINDS:
        raise _Bad("kind", said, "unknown; allowed: " + ", ".join(KINDS))
    return said


def _days(cells: Mapping[str, object], kind: str, today: date) -> tuple[date, date]:
    ds = _day(cells, "ds")
    if ds is None:
        raise _Bad("ds", None, "missing; allowed: a day such as 2026-10-01")
    if ds > today:
        raise _Bad("ds", ds, f"in the future; allowed: a day up to {today}")
    if kind == "monthly-mean" and ds.day != 1:
        raise _Bad("ds", ds, f"not the first of its month; allowed for a monthly mean: {ds.replace(day=1)}")
    if kind == "annual" and (ds.month, ds.day) != (12, 31):
        raise _Bad("ds", ds, f"not the last of its year; allowed for a figure of a year: {ds.year}-12-31")
    earliest = first_available(kind, ds)
    if kind == "monthly-mean" and earliest > today:
        raise _Bad("ds", ds, f"a month that is not over; allowed: from {earliest} on, or kind point")
    available_on = _day(cells, "available_on") or min(earliest, today)
    if kind != "annual" and available_on < earliest:
        raise _Bad("available_on", available_on, f"before it could be known; allowed: {earliest} or later")
    if available_on < ds:
        raise _Bad("available_on", available_on, f"before the day itself; allowed: {ds} or later")
    if available_on > today:
        raise _Bad("available_on", available_on, f"in the future; allowed: a day up to {today}")
    return ds, available_on


def _prices(cells: Mapping[str, object]) -> tuple[float, float | None, float | None]:
    """(value, low, high). Without a value it is the middle of the range."""
    value, low, high = (_price(cells, name) for name in ("y", "low", "high"))
    for name, bound, other in (("low", low, high), ("high", high, low)):
        if bound is None and other is not None:
            raise _Bad(name, None, "missing; allowed: both ends of a range, or neither")
    if low is None or high is None:
        if value is None:
            raise _Bad("y", None, "missing; allowed: a price, or low and high")
        return value, None, None
    if low > high:
        raise _Bad("low", low, f"above high; allowed: at most {high:g}")
    if value is None:
        return low + (high - low) / 2, low, high
    if not low <= value <= high:
        raise _Bad("y", value, f"outside its range; allowed: {low:g} to {high:g}")
    return value, low, high


def _price(cells: Mapping[str, object], column: str) -> float | None:
    found = _number(cells, column)
    if found is not None and found <= 0:
        word = "zero" if found == 0 else "negative"
        raise _Bad(column, cells[column], f"{word}; allowed: a price above 0")
    return found


def _number(cells: Mapping[str, object], column: str) -> float | None:
    found = cells.get(column)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise _Bad(column, found, "not a number; allowed: a price such as 1510.5")
    if isinstance(found, str) and not _NUMBER.fullmatch(found.strip()):
        if found.strip().casefold() in _NOT_A_NUMBER:
            raise _Bad(column, found, "not finite; allowed: a finite price above 0")
        raise _Bad(column, found, "not a number; allowed: digits with a decimal point, no other separators")
    try:
        number = float(found)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise _Bad(column, found, "not finite; allowed: a finite price above 0")
    return number


def _count(cells: Mapping[str, object]) -> int | None:
    found = _number(cells, "n_quotes")
    if found is None:
        return None
    if found < 1 or found != int(found) or found > 1_000_000:
        raise _Bad("n_quotes", cells["n_quotes"], "not a count; allowed: a whole number from 1 to 1000000")
    return int(found)


def _day(cells: Mapping[str, object], column: str) -> date | None:
    found = _text(cells, column)
    if found is None:
        return None
    day = _DAY.fullmatch(found)
    text = day[1] if day else f"{found}-01" if _MONTH.fullmatch(found) and column == "ds" else ""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Bad(column, found, "not a day; allowed: YYYY-MM-DD, such as 2026-10-01") from None


def _text(cells: Mapping[str, object], column: str) -> str | None:
    found = cells.get(column)
    if found is None:
        return None
    if not isinstance(found, str):
        raise _Bad(column, found, "not text; allowed: text in quotes")
    longest = _TEXT.get(column, 40)
    if len(found) > longest:
        raise _Bad(column, found, f"{len(found)} characters; allowed: at most {longest}")
    return found.strip() or None


def _twice(read: list[tuple[int, Quote]], refused: list[BadRow]) -> list[tuple[int, Quote]]:
    """Rows of one series, day and kind: of equal ones the first is kept, of differing ones none."""
    groups: dict[tuple[str, date, str], list[tuple[int, Quote]]] = {}
    for line, quote in read:
        groups.setdefault((quote.series_id, quote.ds, quote.kind), []).append((line, quote))
    kept = []
    for group in groups.values():
        first_line, first = group[0]
        agree = all((q.value, q.low, q.high) == (first.value, first.low, first.high) for _, q in group)
        if agree:
            kept.append(group[0])
        for line, quote in group[1:] if agree else group:
            others = ", ".join(str(other) for other, _ in group if other != line)
            reason = (
                f"the same as line {first_line}; allowed: each day once"
                if agree
                else f"another price than line {others} for the same day; allowed: each day once"
            )
            refused.append(BadRow(line=line, column="ds", value=quote.ds.isoformat(), reason=reason))
    return kept


def _absurd(
    read: list[tuple[int, Quote]], stored: Iterable[Quote], refused: list[BadRow]
) -> list[tuple[int, Quote]]:
    """Leave out prices over ABSURD times the last before them, or under that part of it.

    The last is the newest earlier quote, stored or of this file; without one, the oldest later stored quote.
    """
    lines: dict[str, list[tuple[date, float]]] = {}
    replaced = {(q.series_id, q.ds, q.kind) for _, q in read}
    for q in stored:
        if (q.series_id, q.ds, q.kind) not in replaced:
            insort(lines.setdefault(q.series_id, []), (q.ds, q.value))
    kept = []
    for line, quote in sorted(read, key=lambda item: (item[1].ds, item[0])):
        neighbours = lines.setdefault(quote.series_id, [])
        place = bisect_right(neighbours, (quote.ds, math.inf))
        if neighbours:
            day, last = neighbours[place - 1] if place else neighbours[0]
            if not last / ABSURD <= quote.value <= last * ABSURD:
                times = quote.value / last
                reason = (
                    f"{times:.3g} times the price of {day} ({last:g}); allowed: {last / ABSURD:g} to "
                    f"{last * ABSURD:g}, in the unit and currency of the series"
                )
                refused.append(BadRow(line=line, column="y", value=quote.value, reason=reason))
                continue
        neighbours.insert(place, (quote.ds, quote.value))
        kept.append((line, quote))
    return kept
