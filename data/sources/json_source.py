"""Prices from JSON: a list of rows, or an object with the one field `rows`."""

from __future__ import annotations

import json
from typing import Any

from data.sources.rows import COLUMNS, BadRow, Limits, RawRow, RawTable, column_name, shown, text_of, too_many
from forecast.errors import InputError

_SHAPE = 'a list of rows such as {"unique_id": ..., "ds": ..., "y": ...}, or {"rows": [...]}'


class _Twice(dict[str, Any]):
    """An object that names a field twice. `name` says which."""

    name: str = ""


def read_json(body: bytes, limits: Limits | None = None) -> RawTable:
    """Rows of a JSON text; `line` is the position in the list from 1, null fields are left out.

    Raises InputError for what concerns the whole text: its size, encoding, syntax or shape.
    """
    limits = limits or Limits()
    found = _parsed(text_of(body, limits))
    if isinstance(found, _Twice):
        raise InputError("field", f"{found.name}, twice", _SHAPE)
    if isinstance(found, dict):
        for name in found:
            if name != "rows":
                raise InputError("field", shown(name), _SHAPE)
        found = found.get("rows")
    if not isinstance(found, list):
        raise InputError("body", type(found).__name__, _SHAPE)
    if len(found) > limits.max_rows:
        raise too_many(limits)
    rows: list[RawRow] = []
    refused: list[BadRow] = []
    for line, item in enumerate(found, start=1):
        row = _row(line, item)
        if isinstance(row, RawRow):
            rows.append(row)
        else:
            refused.append(row)
    return RawTable(rows=tuple(rows), refused=tuple(refused))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise InputError("body", f"line {error.lineno}, column {error.colno}: {error.msg}", "JSON") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a nest without a floor
        raise InputError("body", shown(str(error)), "JSON: " + _SHAPE) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            twice = _Twice(pairs)
            twice.name = name
            return twice
        seen[name] = value
    return seen


def _row(line: int, item: object) -> RawRow | BadRow:
    if isinstance(item, _Twice):
        reason = "named twice; allowed: each field once"
        return BadRow(line=line, column=item.name, value=item.name, reason=reason)
    if not isinstance(item, dict):
        return BadRow(line=line, column="row", value=shown(item), reason=f"not a row; allowed: {_SHAPE}")
    cells: dict[str, object] = {}
    for name, value in item.items():
        column = column_name(name)
        if column not in COLUMNS:
            reason = "unknown column; allowed: " + ", ".join(COLUMNS)
            return BadRow(line=line, column=name[:100], value=shown(value), reason=reason)
        if column in cells:
            reason = f"the same as another column of this row; allowed: {column} once"
            return BadRow(line=line, column=name, value=shown(value), reason=reason)
        if value is not None:
            cells[column] = value
    return RawRow(line=line, cells=cells)
