"""Prices from CSV: a header line and rows. In our own form: commas, UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from data.sources.rows import (
    COLUMNS,
    BadRow,
    Limits,
    RawRow,
    RawTable,
    Records,
    named,
    shown,
    text_of,
    too_many,
)
from forecast.errors import InputError

#: What csv_text of the service puts a quote in front of, so that no spreadsheet runs it.
_FORMULA = ("'=", "'+", "'-", "'@", "'\t", "'\r")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvForm:
    """How a file is written. header_line: the line that names the columns, from 1; those before it are not
    read."""

    encoding: str = "utf-8"
    delimiter: str = ","
    header_line: int = 1


def read_csv(body: bytes, limits: Limits | None = None) -> RawTable:
    """Rows of a CSV file in our own form, each cell a string, empty cells left out.

    Raises InputError for what concerns the whole file: its size, encoding, header or quoting. Lines with
    more or fewer cells than the header are refused one by one.
    """
    return named(csv_records(body, limits))


def csv_records(body: bytes, limits: Limits | None = None, form: CsvForm | None = None) -> Records:
    """The same for a file with columns of its own. Raises InputError as read_csv does, but for their
    names."""
    limits, form = limits or Limits(), form or CsvForm()
    text = text_of(body, limits, form.encoding)
    lines = (item for item in _lines(text, form.delimiter) if item[0] >= form.header_line)
    header = next(lines, None)
    if header is None:
        raise InputError("file", "nothing", "a header line and rows: " + ",".join(COLUMNS[:3]))
    names = _names(header[1], form.delimiter)
    rows: list[RawRow] = []
    refused: list[BadRow] = []
    for line, cells in lines:
        if len(rows) + len(refused) == limits.max_rows:
            raise too_many(limits)
        if len(cells) > len(names):
            extra = shown(",".join(cells[len(names) :]))
            reason = f"{len(cells)} cells; allowed: {len(names)}, one for each column of the header"
            refused.append(BadRow(line=line, column=f"after {names[-1]}", value=extra, reason=reason))
        elif len(cells) < len(names):
            reason = f"{len(cells)} cells; allowed: {len(names)}, one for each column of the header"
            refused.append(BadRow(line=line, column=names[len(cells)], value=None, reason=reason))
        else:
            kept = {n: _plain(c) for n, c in zip(names, cells, strict=True) if n and c.strip()}
            rows.append(RawRow(line=line, cells=kept))
    return Records(
        columns=tuple(names),
        rows=tuple(rows),
        refused=tuple(refused),
        final_newline=text.endswith(("\n", "\r")),
    )


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line that a record starts in, its cells), without empty lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            allowed = f'values separated by {DELIMITERS[delimiter]}, quoted with "'
            raise InputError("file", f"line {start}: {error}", allowed) from error
        if cells:
            yield start, cells


def _names(header: list[str], delimiter: str) -> list[str]:
    """Columns of the header. Raises InputError for a line without the delimiter but with another one."""
    if len(header) == 1 and any(mark in header[0] for mark in DELIMITERS if mark != delimiter):
        raise InputError("file", shown(header[0]), f"columns separated by {DELIMITERS[delimiter]}")
    return [cell.strip() for cell in header]


def _plain(cell: str) -> str:
    """The cell without blanks around it and without the quote that defused a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith(_FORMULA) else cell
