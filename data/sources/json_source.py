"""Prices from JSON: a list of rows, or an object with the one field `rows`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from data.sources.rows import (
    COLUMNS,
    BadRow,
    Limits,
    RawRow,
    RawTable,
    Records,
    column_name,
    shown,
    text_of,
    too_many,
)
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
    rows, refused = _split([_row(line, item) for line, item in _numbered(found, limits)])
    return RawTable(rows=rows, refused=refused)


def json_records(body: bytes, limits: Limits | None = None, rows_at: str = "") -> Records:
    """Rows of a JSON text with fields of its own. rows_at: the names that lead to the list, by dots; "" for a
    text that is the list. Columns are the fields of all rows, in the order they come.

    Raises InputError as read_json does, and for a text without a list there.
    """
    limits = limits or Limits()
    found = _parsed(text_of(body, limits))
    allowed = f"a list of rows at {rows_at}" if rows_at else "a list of rows"
    for name in rows_at.split(".") if rows_at else ():
        if isinstance(found, _Twice):
            raise InputError("field", f"{found.name}, twice", allowed)
        if not isinstance(found, dict) or name not in found:
            raise InputError("body", f"no {name}", allowed)
        found = found[name]
    if not isinstance(found, list):
        raise InputError("body", type(found).__name__, allowed)
    rows, refused = _split([_own_row(line, item) for line, item in _numbered(found, limits)])
    columns = dict.fromkeys(name for item in found if isinstance(item, dict) for name in item)
    return Records(columns=tuple(columns), rows=rows, refused=refused)


def _numbered(found: list[Any], limits: Limits) -> Iterator[tuple[int, object]]:
    if len(found) > limits.max_rows:
        raise too_many(limits)
    return enumerate(found, start=1)


def _split(read: Sequence[RawRow | BadRow]) -> tuple[tuple[RawRow, ...], tuple[BadRow, ...]]:
    rows = tuple(row for row in read if isinstance(row, RawRow))
    return rows, tuple(row for row in read if isinstance(row, BadRow))


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


def _own_row(line: int, item: object) -> RawRow | BadRow:
    if isinstance(item, _Twice):
        reason = "named twice; allowed: each field once"
        return BadRow(line=line, column=item.name, value=item.name, reason=reason)
    if not isinstance(item, dict):
        return BadRow(line=line, column="row", value=shown(item), reason=f"not a row; allowed: {_SHAPE}")
    return RawRow(line=line, cells={name: value for name, value in item.items() if value is not None})


def _row(line: int, item: object) -> RawRow | BadRow:
    own = _own_row(line, item)
    if isinstance(own, BadRow) or not isinstance(item, dict):
        return own
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
