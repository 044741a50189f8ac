"""The process that reads one workbook: python -m data.sources.excel_child ROWS MEMORY SECONDS FROM SHEET.

The workbook comes by standard input, its rows leave by standard output, one JSON text a line: [line,
[cells]], then {"end": rows} or {"error": what, "allowed": what}. A workbook of 190 KB can take 1.4 GB and
minutes, so this process takes its own limits before it reads: what goes wrong in here ends here.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

#: Widest row, longest text of a cell (the check of rows allows less), most bytes handed back.
COLUMNS, TEXT, OUT = 100, 4_000, 32_000_000


class _Stop(Exception):
    """A workbook that cannot be used: what was found, what is allowed."""


def main(arguments: list[str]) -> int:
    """Read, write, say how it ended; the exit code is 0 whenever that could be said."""
    max_rows, memory, seconds, first = (int(given) for given in arguments[:4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # openpyxl takes these two when they are there; they would cost more memory than the workbook.
    sys.modules.update({"numpy": None, "PIL": None})  # type: ignore[dict-item]
    last: dict[str, object]
    try:
        last = {"end": _write(sys.stdin.buffer.read(), arguments[4], first, max_rows)}
    except _Stop as stop:
        last = {"error": stop.args[0], "allowed": stop.args[1]}
    except MemoryError:
        last = {
            "error": f"a workbook that takes over {memory // 2**20} MB to read",
            "allowed": "a smaller one",
        }
    except Exception as error:  # noqa: BLE001 - whatever a broken workbook makes openpyxl trip over
        said = f"{type(error).__name__}: {error}"[:200]
        last = {"error": f"not a workbook, or half of one ({said})", "allowed": "a whole .xlsx"}
    print(json.dumps(last))  # noqa: T201 - the answer
    return 0


def _write(body: bytes, sheet: str, first: int, max_rows: int) -> int:
    """Rows from row `first` on, the header among them; how many."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
    known = [found.title for found in book.worksheets]
    if not known or (sheet and sheet not in known):
        raise _Stop(
            f"sheets {', '.join(known)[:200] or 'none'}", f"one named {sheet}" if sheet else "a sheet"
        )
    chosen: Any = book[sheet] if sheet else book.worksheets[0]
    chosen.reset_dimensions()  # what a workbook says of its own size need not be so
    rows = written = 0
    for number, cells in _filled(chosen, first):
        rows += 1
        if rows > max_rows + 1:
            raise _Stop(f"more than {max_rows} rows", f"at most {max_rows} rows")
        text = json.dumps([number, cells], ensure_ascii=True)
        written += len(text)
        if written > OUT:
            raise _Stop(f"more than {OUT} bytes of cells", "fewer rows or shorter texts")
        print(text)  # noqa: T201 - the rows
    return rows


def _filled(sheet: Any, first: int) -> Iterator[tuple[int, list[Any]]]:
    """(row number, its cells to the last that holds something), without empty rows."""
    rows = sheet.iter_rows(min_row=first, max_col=COLUMNS, values_only=True)
    for number, values in enumerate(rows, start=first):
        if values.count(None) == len(values):  # a sheet may hold a million of them
            continue
        cells = [_plain(value) for value in values]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield number, cells


def _plain(value: Any) -> Any:
    """What JSON can hold: days and instants in ISO form, an instant at midnight as its day."""
    match value:
        case dt.datetime():
            return (value.date() if value.time() == dt.time() else value).isoformat()
        case dt.date() | dt.time():
            return value.isoformat()
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)[:TEXT].strip() or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
