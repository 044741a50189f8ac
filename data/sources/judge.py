"""Is this the file that the source always gives? Pure: of the one before, only what is passed in is known.

What looks wrong makes the whole file suspect, and nothing of it is written. What one row has wrong is no
matter of this module: data/validate.py refuses such a row alone, until there are too many of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.sources import ecb_source, mapping, zipped
from data.sources.definition import CSV, ECB, EXCEL, JSON, Source
from data.sources.rows import BadRow, Limits, Records, shown
from forecast.errors import InputError

HTML, HALF, UNREADABLE, COLUMNS, ROWS, BASIS = "html", "half", "unreadable", "columns", "rows", "basis"
KINDS = (HTML, HALF, UNREADABLE, COLUMNS, ROWS, BASIS)
#: Rows that may be refused one by one before the file as a whole is suspect, in [0, 1].
MOST_REFUSED = 0.2
_MARKS = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Why a file is kept apart. kind: one of KINDS."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Of the last file that was taken: its columns, its rows, whether its text ended with a line. None: there
    was none, or it has no such thing."""

    columns: tuple[str, ...] | None = None
    rows: int | None = None
    final_newline: bool | None = None


def read(body: bytes, source: Source, limits: Limits) -> Records | Suspicion:
    """The rows of a file as they stand, or why there are none."""
    if not body.strip():
        return Suspicion(kind=HALF, reason="an empty file")
    start = body[:200].lstrip(_MARKS)
    if start.startswith(b"<"):
        said = shown(start[:60].decode(errors="replace"))
        return Suspicion(kind=HTML, reason=f"a page, not prices: it begins with {said!r}")
    try:
        if source.format == ECB:
            return ecb_source.ecb_records(mapping.unpacked(body, limits), limits)
        return mapping.records(body, source, limits)
    except InputError as error:
        return Suspicion(kind=_kind(error, body, source), reason=str(error))


def suspect(found: Records, source: Source, before: Before) -> Suspicion | None:
    """What is wrong with the shape of a file beside the one before it."""
    if source.format in (CSV, EXCEL) and before.columns is not None:
        gone = [name for name in before.columns if name not in found.columns]
        new = [name for name in found.columns if name not in before.columns]
        if gone or new:
            said = f"columns gone: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'}"
            return Suspicion(kind=COLUMNS, reason=said[:1000])
    last = max((row.line for row in found.rows), default=0)
    cut = next((bad for bad in found.refused if bad.line > last and bad.value is None), None)
    if cut is not None:
        return Suspicion(kind=HALF, reason=f"the last line, {cut.line}, is cut: {cut.reason}")
    if before.final_newline and found.final_newline is False:
        return Suspicion(kind=HALF, reason="the last line has no end, as that of the file before had")
    if before.rows is not None:
        least = before.rows * (1 - source.max_shrink)
        if len(found.rows) < least:
            said = f"{len(found.rows)} rows; the file before had {before.rows}, allowed: at least {least:g}"
            return Suspicion(kind=HALF, reason=said)
    return None


def too_many_refused(rows: int, refused: tuple[BadRow, ...]) -> Suspicion | None:
    """rows: of the file that were looked at, the refused ones among them."""
    if rows == 0:
        return Suspicion(kind=ROWS, reason="no row with a price of a series that the source names")
    if len(refused) <= MOST_REFUSED * rows:
        return None
    said = (
        f"{len(refused)} of {rows} rows cannot be kept; allowed: at most {MOST_REFUSED:.0%}. {named(refused)}"
    )
    return Suspicion(kind=ROWS, reason=said)


def named(refused: tuple[BadRow, ...], most: int = 3) -> str:
    """The first refused rows in words."""
    said = [f"line {bad.line}, {bad.column}: {bad.value!r}: {bad.reason}" for bad in refused[:most]]
    more = f" (and {len(refused) - most} more)" if len(refused) > most else ""
    return "; ".join(said)[:1000] + more


def after(found: Records) -> Before:
    """What the next file is judged by."""
    return Before(columns=found.columns, rows=len(found.rows), final_newline=found.final_newline)


def _kind(error: InputError, body: bytes, source: Source) -> str:
    """Other columns, half a file, or what cannot be read at all."""
    if error.field == "column":
        return COLUMNS
    text = body.rstrip()
    if source.format == JSON and not text.endswith((b"]", b"}")):
        return HALF
    if source.format in (CSV, ECB) and "unexpected end of data" in str(error):
        return HALF
    is_half = body.startswith(zipped.MAGIC) and "half an archive" in str(error)
    return HALF if is_half else UNREADABLE
