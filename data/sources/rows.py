"""What every source gives: rows of named cells, each with the line it came from. Nothing is judged here.

A file is read into Records, cells under the names that the file itself gives its columns. `named` turns those
of a file in our own form into a RawTable; mapping.py does it for a file in a form of its own.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from forecast.errors import InputError

#: Columns of the long form and of the fuller one; either name of a pair.
SYNONYMS: Mapping[str, str] = {"series_id": "unique_id", "value": "y"}
COLUMNS: tuple[str, ...] = (
    "unique_id",
    "ds",
    "y",
    "low",
    "high",
    "currency",
    "unit",
    "tax_basis",
    "kind",
    "available_on",
    "source",
    "n_quotes",
    "note",
    "recorded_at",  # stands in what is read out; what comes in is recorded when it comes in
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most bytes and rows of one file."""

    max_bytes: int = 5_000_000
    max_rows: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """line: in the file, or position in the list, from 1. cells: column of COLUMNS -> as it stood."""

    line: int
    cells: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is not kept: where, what stood there, and why with what is allowed."""

    line: int
    column: str
    value: str | float | int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Rows that have the shape of rows, and those that have not."""

    rows: tuple[RawRow, ...]
    refused: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A file as it stands: `columns` as it names them, rows whose cells bear those names, empty cells left
    out.

    final_newline: whether the text ends with one; None where a form has no such thing.
    """

    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    refused: tuple[BadRow, ...] = ()
    final_newline: bool | None = None


def named(records: Records) -> RawTable:
    """Records of a file in our own form. Raises InputError for a column that is unknown, missing or there
    twice."""
    names = [column_name(cell) for cell in records.columns]
    for name in names:
        if name not in COLUMNS:
            raise InputError("column", shown(name), "one of " + ", ".join(COLUMNS))
        if names.count(name) > 1:
            raise InputError(
                "column", f"{name}, twice", "each column once (series_id is unique_id, value is y)"
            )
    if "ds" not in names:
        raise InputError("column", ", ".join(names), "a column ds among them")
    if "y" not in names and not {"low", "high"} <= set(names):
        raise InputError("column", ", ".join(names), "a column y among them, or low and high")
    rows = (
        RawRow(line=row.line, cells={column_name(name): cell for name, cell in row.cells.items()})
        for row in records.rows
    )
    return RawTable(rows=tuple(rows), refused=records.refused)


def text_of(body: bytes, limits: Limits, encoding: str = "utf-8") -> str:
    """The body as text; with or without a byte order mark. Raises InputError when it is too long or of
    another encoding than the stated one, which is never guessed."""
    if len(body) > limits.max_bytes:
        raise InputError("file", f"{len(body)} bytes", f"at most {limits.max_bytes} bytes")
    allowed = f"{encoding.upper()}, with or without a byte order mark"
    if encoding == "utf-8" and body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError("encoding", "UTF-16, as its first two bytes say", allowed)
    try:
        text = body.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{body[error.start]:02x} in line {line}"
        raise InputError("encoding", found, allowed) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("encoding", f"a zero byte in line {line}", f"{encoding.upper()} text")
    return text


def too_many(limits: Limits) -> InputError:
    """The error for a file with too many rows."""
    return InputError("file", f"more than {limits.max_rows} rows", f"at most {limits.max_rows} rows")


def column_name(name: str) -> str:
    """The name that a column goes by here: trimmed, and of two names for one thing the long form's."""
    return SYNONYMS.get(name.strip(), name.strip())


def shown(value: object) -> str | float | int | None:
    """A value fit for a message: short, and never one that JSON cannot hold."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    text = str(value)
    return text if len(text) <= 100 else text[:99] + "…"
