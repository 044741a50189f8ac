"""Prices from CSV: a header line, commas, UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from data.sources.rows import COLUMNS, BadRow, Limits, RawRow, RawTable, column_name, shown, text_of, too_many
from forecast.errors import InputError

#: What csv_text of the service puts a quote in front of, so that no spreadsheet runs it.
_FORMULA = ("'=", "'+", "'-", "'@", "'\t", "'\r")


def read_csv(body: bytes, limits: Limits | None = None) -> RawTable:
    """Rows of a CSV file, each cell a string, empty cells left out.

    Raises InputError for what concerns the whole file: its size, encoding, header or quoting. Lines with
    more or fewer cells than the header are refused one by one.
    """
    limits = limits or Limits()
    lines = _lines(text_of(body, limits))
    header = next(lines, None)
    if header is None:
        raise InputError("file", "nothing", "a header line and rows: " + ",".join(COLUMNS[:3]))
    names = _names(header[1])
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
            kept = {n: _plain(c) for n, c in zip(names, cells, strict=True) if c.strip()}
            rows.append(RawRow(line=line, cells=kept))
    return RawTable(rows=tuple(rows), refused=tuple(refused))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line that a record starts in, its cells), without empty lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                "file", f"line {start}: {error}", 'comma-separated values, quoted with "'
            ) from error
        if cells:
            yield start, cells


def _names(header: list[str]) -> list[str]:
    """Columns of the header. Raises InputError for one that is unknown, missing or there twice."""
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise InputError("file", shown(header[0]), "columns separated by commas")
    names = [column_name(cell) for cell in header]
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
    return names


def _plain(cell: str) -> str:
    """The cell without blanks around it and without the quote that defused a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith(_FORMULA) else cell
