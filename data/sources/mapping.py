"""From the columns of a source's file to ours: names, series, days, numbers, unit. Pure.

Prices are never turned from one currency or tax basis into another on the way in: what the source says of
itself stands in each row, and the check of rows refuses a row of another basis than its series. Weight and
scale are exact factors, so they are put right here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from data.sources import zipped
from data.sources.csv_source import CsvForm, csv_records
from data.sources.definition import CSV, EXCEL, Source
from data.sources.excel_source import excel_records
from data.sources.json_source import json_records
from data.sources.rows import Limits, RawRow, RawTable, Records, named, shown
from data.units import KG_PER_UNIT
from forecast.errors import InputError

#: Cells that say that there is no figure.
_NONE = frozenset({"", "-", "--", "–", "n/a", "na", "nan", "#n/a", "null", "none"})
_PRICES = ("y", "low", "high")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Rows in our form. left_out: rows without a figure, and those of series that the source does not
    name."""

    table: RawTable
    left_out: int


def records(body: bytes, source: Source, limits: Limits) -> Records:
    """A file of this source as it stands. Raises InputError for what concerns the whole file."""
    if source.format == EXCEL:
        return excel_records(body, limits, sheet=source.sheet, header_line=source.header_line)
    if source.format == CSV:
        form = CsvForm(encoding=source.encoding, delimiter=source.delimiter, header_line=source.header_line)
        return csv_records(unpacked(body, limits), limits, form)
    return json_records(body, limits, source.rows_at)


def unpacked(body: bytes, limits: Limits) -> bytes:
    """The text of a file that may come as an archive of one file."""
    return zipped.only_member(body, limits) if body.startswith(zipped.MAGIC) else body


def mapped(found: Records, source: Source, units: Mapping[str, str]) -> Mapped:
    """Rows in our form. units: series -> its own unit. Raises InputError when a column is missing or there
    twice."""
    if not source.columns:
        return Mapped(table=named(found), left_out=0)
    for name in source.columns.values():
        if found.columns.count(name) != 1:
            said = ", ".join(found.columns)
            raise InputError("column", shown(said), f"a column {name} among them, once")
    rows: list[RawRow] = []
    for row in found.rows:
        cells = {name: row.cells[theirs] for name, theirs in source.columns.items() if theirs in row.cells}
        cells = {name: cell for name, cell in cells.items() if not _is_none(cell)}
        if source.series:
            wanted = source.series.get(str(cells.get("unique_id", "")))
            if wanted is None:
                continue
            cells["unique_id"] = wanted
        elif source.series_id is not None:
            cells["unique_id"] = source.series_id
        if any(name in cells for name in _PRICES):
            rows.append(RawRow(line=row.line, cells=_in_our_form(cells, source, units)))
    table = RawTable(rows=tuple(rows), refused=found.refused)
    return Mapped(table=table, left_out=len(found.rows) - len(rows))


def _in_our_form(cells: dict[str, object], source: Source, units: Mapping[str, str]) -> dict[str, object]:
    unit = units.get(str(cells.get("unique_id")))
    factor = source.scale
    if source.unit is not None and unit is not None:
        factor *= KG_PER_UNIT[unit] / KG_PER_UNIT[source.unit]
    for name in _PRICES:
        if name in cells:
            cells[name] = _number(cells[name], source, factor)
    for name in ("ds", "available_on"):
        if name in cells and source.date_format:
            cells[name] = _day(cells[name], source.date_format)
    said = {"currency": source.currency, "tax_basis": source.tax_basis}
    return {**{name: value for name, value in said.items() if value is not None}, **cells}


def _is_none(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().casefold() in _NONE


def _number(cell: object, source: Source, factor: float) -> object:
    """The price in the unit of the series; a cell that is no number as it stands, to be refused by name."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return cell
    if isinstance(cell, str):
        text = cell.strip().replace(source.grouping, "") if source.grouping else cell.strip()
        text = text.replace(source.decimal, ".") if source.decimal != "." else text
        if not _NUMBER.fullmatch(text) or (source.decimal != "." and "." in cell and source.grouping != "."):
            return cell
        cell = float(text)
    try:
        return cell if factor == 1.0 else float(cell) * factor
    except OverflowError:
        return cell


def _day(cell: object, form: str) -> object:
    """The day in ISO form; a cell of another form as it stands, to be refused by name."""
    try:
        return datetime.strptime(str(cell).strip(), form).date().isoformat()
    except ValueError:
        return cell
