"""Prices from a workbook (.xlsx): one sheet, a header row and rows. Formulas are not run: what Excel last
worked out stands in the file and is read; macros are refused.

The archive is checked first, then another process with limits of its own reads it (excel_child.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.sources import zipped
from data.sources.rows import BadRow, Limits, RawRow, RawTable, Records, named, shown
from forecast.errors import InputError

#: Most memory and processor time of the reading process, and how long it is waited for.
MEMORY, CPU_SECONDS, SECONDS = 256 * 2**20, 40, 120.0
_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"
_MACROS = ("vbaproject.bin", "xl/macrosheets/")


def read_excel(body: bytes, limits: Limits | None = None) -> RawTable:
    """Rows of the first sheet of a workbook in our own form; numbers as numbers, days in ISO form, empty
    cells left out. Raises InputError for what concerns the whole file: no workbook, half of one, macros, too
    large, too many rows, a header that is not ours."""
    return named(excel_records(body, limits))


def excel_records(
    body: bytes, limits: Limits | None = None, *, sheet: str = "", header_line: int = 1
) -> Records:
    """The same for a sheet with columns of its own. sheet: "" is the first. header_line: the row that names
    the columns, from 1; rows before it are not read."""
    limits = limits or Limits()
    if len(body) > limits.max_bytes:
        raise InputError("file", f"{len(body)} bytes", f"at most {limits.max_bytes} bytes")
    _check(body)
    rows = _rows(body, limits, sheet, header_line)
    header = next(rows, None)
    if header is None:
        raise InputError("file", "an empty sheet", "a header row and rows")
    names = ["" if cell is None else str(cell).strip() for cell in header[1]]
    kept: list[RawRow] = []
    refused: list[BadRow] = []
    for line, cells in rows:
        extra = [cell for cell in cells[len(names) :] if cell is not None]
        if extra:
            reason = f"{len(cells)} cells; allowed: {len(names)}, one for each column of the header"
            refused.append(
                BadRow(line=line, column=f"after {names[-1]}", value=shown(extra[0]), reason=reason)
            )
            continue
        found = {n: cell for n, cell in zip(names, cells, strict=False) if n and cell is not None}
        kept.append(RawRow(line=line, cells=found))
    return Records(columns=tuple(names), rows=tuple(kept), refused=tuple(refused))


def _check(body: bytes) -> None:
    """Raises InputError unless the archive is that of a workbook without macros, and fit to be unpacked."""
    if body.startswith(_OLD_OR_LOCKED):
        raise InputError("file", "an .xls of before 2007, or a workbook with a password", "a plain .xlsx")
    if not body.startswith(zipped.MAGIC):
        raise InputError("file", f"bytes that begin with {body[:8]!r}", "a workbook (.xlsx)")
    names = [member.filename.lower() for member in zipped.members(body)]
    if any(mark in name for mark in _MACROS for name in names):
        raise InputError("file", "a workbook with macros", "one without: save it as .xlsx")
    if "[content_types].xml" not in names:
        raise InputError("file", "an archive that is no workbook", "a workbook (.xlsx)")


def _rows(body: bytes, limits: Limits, sheet: str, header_line: int) -> Iterator[tuple[int, list[Any]]]:
    """(row number, cells) from the process that reads. Raises InputError for whatever it could not do."""
    package = str(Path(__file__).absolute().parents[2])
    wanted = [str(n) for n in (limits.max_rows, MEMORY, CPU_SECONDS, header_line)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "data.sources.excel_child", *wanted, sheet],
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it has to say, it says in its last line
            env={"PYTHONPATH": package, "PATH": os.defpath},  # none of our secrets
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            "file", f"a workbook that takes over {SECONDS:g} s to read", "a smaller one"
        ) from error
    lines = done.stdout.splitlines()
    last = json.loads(lines[-1]) if done.returncode == 0 and lines else {}
    if "error" in last:
        raise InputError("file", last["error"], last["allowed"])
    if "end" not in last:  # killed: out of processor time or of memory
        raise InputError(
            "file", f"a workbook that takes over {CPU_SECONDS} s of work to read", "a smaller one"
        )
    for line in lines[:-1]:
        number, cells = json.loads(line)
        yield number, cells
