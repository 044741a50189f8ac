"""Workbooks: what stands in them is read, and what would take the machine down ends in a process of its
own."""

from __future__ import annotations

import io
import os
import resource
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import pytest
import xlsxwriter

from data.sources import excel_source, zipped
from data.sources.excel_source import excel_records, read_excel
from data.sources.rows import Limits
from forecast.errors import InputError

NAMES = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = "xl/worksheets/sheet1.xml"


def workbook(*sheets: Sequence[Sequence[object]], formulas: Mapping[str, str] | None = None) -> bytes:
    """A workbook with these rows, as Excel would write it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write(number, column, cell)
            for cell, formula in (formulas or {}).items():
                sheet.write_formula(cell, formula, value=1510)
    return out.getvalue()


def with_part(body: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one of its parts replaced, or one more."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if member.filename != name:
                new.writestr(member, old.read(member))
        new.writestr(name, content)
    return out.getvalue()


GOOD = workbook([["unique_id", "ds", "y", "note"], ["dy-oxide-cn", date(2026, 10, 1), 1510.5, None]])


def test_days_and_numbers_are_read_as_such() -> None:
    found = read_excel(
        workbook(
            [
                ["unique_id", "ds", "value"],
                ["dy-oxide-cn", date(2026, 10, 1), 1510.5],
                [],
                ["dy-oxide-cn", datetime(2026, 11, 3, 15, 30), 1520],
                ["dy-oxide-cn", "2026-12-01", "1530"],
            ]
        )
    )
    assert [(row.line, row.cells["ds"], row.cells["y"]) for row in found.rows] == [
        (2, "2026-10-01", 1510.5),
        (4, "2026-11-03T15:30:00", 1520),
        (5, "2026-12-01", "1530"),
    ]


def test_what_excel_worked_out_is_read_and_no_formula_is_run() -> None:
    body = workbook([["ds", "y"], ["2026-10-01", 1]], formulas={"B2": "=1+1"})
    assert read_excel(body).rows[0].cells["y"] == 1510


def test_a_sheet_by_name_and_a_header_further_down() -> None:
    body = workbook([["ds", "y"]], [["Weekly review"], [], ["Day", "", "Price"], ["2026-10-01", "x", 5]])
    found = excel_records(body, sheet="Sheet2", header_line=3)
    assert found.columns == ("Day", "", "Price")
    assert [(row.line, dict(row.cells)) for row in found.rows] == [(4, {"Day": "2026-10-01", "Price": 5})]
    with pytest.raises(InputError, match="sheets Sheet1, Sheet2'; allowed: one named Prices"):
        excel_records(body, sheet="Prices")


def test_cells_beyond_the_header_are_refused_row_by_row() -> None:
    found = read_excel(workbook([["ds", "y"], ["2026-10-01", 1, "what?"], ["2026-11-01", 2]]))
    assert [bad.line for bad in found.refused] == [2]
    assert [row.line for row in found.rows] == [3]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"ds,y\n2026-10-01,1\n", "a workbook"),
        (GOOD[: len(GOOD) // 2], "half an archive"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "with a password"),
        (with_part(GOOD, "xl/vbaProject.bin", b"macros"), "a workbook with macros"),
        (with_part(GOOD, SHEET, b"<worksheet><row>"), "not a workbook, or half of one"),
        (with_part(GOOD, "xl/workbook.xml", b"\0" * 100), "not a workbook, or half of one"),
        (workbook([]), "an empty sheet"),
        (workbook([["ds", "price"]]), "column: found 'price'"),
        (GOOD + b" " * 5_000_000, "bytes'; allowed: at most 5000000"),
    ],
)
def test_what_is_no_workbook_of_prices_says_why(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_excel(body)


def test_an_archive_that_is_no_workbook_is_none() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("prices.csv", "ds,y\n")
    with pytest.raises(InputError, match="an archive that is no workbook"):
        read_excel(out.getvalue())


def test_rows_are_limited() -> None:
    body = workbook([["ds", "y"], *(["2026-10-01", 1] for _ in range(4))])
    assert len(read_excel(body, Limits(max_rows=4)).rows) == 4
    with pytest.raises(InputError, match="more than 3 rows"):
        read_excel(body, Limits(max_rows=3))


def test_a_million_empty_rows_are_passed_over() -> None:
    cells = (
        '<c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c><c r="B{0}" t="inlineStr"><is><t>{2}</t></is></c>'
    )
    rows = (
        f'<row r="{n}">{cells.format(n, a, b)}</row>'
        for n, a, b in ((1, "ds", "y"), (1_048_576, "2026-10-01", "7"))
    )
    sheet = f"<worksheet {NAMES}><sheetData>{''.join(rows)}</sheetData></worksheet>"
    found = read_excel(with_part(GOOD, SHEET, sheet.encode()))
    assert [(row.line, row.cells["y"]) for row in found.rows] == [(1_048_576, "7")]


def strings(count: int) -> bytes:
    """A table of strings that differ, as small in an archive as they come, and large in memory."""
    parts = "".join(f"<si><r><t>{number:x}</t></r></si>" for number in range(count))
    return f"<sst {NAMES}>{parts}</sst>".encode()


def test_memory_is_limited_in_the_process_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same workbook, small as a file, is read with room enough and is refused by name without."""
    body = with_part(GOOD, "xl/sharedStrings.xml", strings(400_000))
    assert len(body) < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setattr(excel_source, "MEMORY", 48 * 2**20)
    with pytest.raises(InputError, match="takes over 48 MB to read"):
        read_excel(body)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes, of this process"


def test_work_and_time_are_limited_in_the_process_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    row = '<row r="{0}"><c r="A{0}"><v>1</v></c></row>'
    sheet = (
        f"<worksheet {NAMES}><sheetData>{''.join(map(row.format, range(1, 400_000)))}</sheetData></worksheet>"
    )
    body = with_part(GOOD, SHEET, sheet.encode())
    monkeypatch.setattr(excel_source, "CPU_SECONDS", 1)
    with pytest.raises(InputError, match="takes over 1 s of work"):
        read_excel(body)
    monkeypatch.setattr(excel_source, "SECONDS", 0.05)
    with pytest.raises(InputError, match=r"takes over 0\.05 s to read"):
        read_excel(body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<sst>" + b"\0" * 70_000_000, "that unpack to"),  # more than may be unpacked
        (b"<sst>" + b"<si><t>a</t></si>" * 1_500_000, "that unpack to"),  # more times its packed size
    ],
)
def test_a_bomb_is_not_unpacked(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_excel(with_part(GOOD, "xl/sharedStrings.xml", content))


def test_an_archive_of_many_members_is_not_opened() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(zipped.MEMBERS + 1):
            archive.writestr(f"{number}.xml", "")
    with pytest.raises(InputError, match="an archive of 201 members"):
        read_excel(out.getvalue())


def test_the_process_that_reads_gets_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Mapping[str, str]] = []
    real = excel_source.subprocess.run

    def watched(*args: object, **options: object) -> object:
        seen.append(options["env"])  # type: ignore[arg-type]
        return real(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setenv("YTTERBY_SOURCE_TOKEN", "swordfish-and-chips")
    monkeypatch.setattr(excel_source.subprocess, "run", watched)
    assert len(read_excel(GOOD).rows) == 1
    assert set(seen[0]) == {"PYTHONPATH", "PATH"}
    assert "swordfish" not in str(seen)
    assert os.environ["YTTERBY_SOURCE_TOKEN"]


def test_one_file_is_taken_out_of_an_archive() -> None:
    def packed(**files: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return out.getvalue()

    assert zipped.only_member(packed(a="ds,y\n"), Limits()) == b"ds,y\n"
    with pytest.raises(InputError, match="an archive of 2 files"):
        zipped.only_member(packed(a="1", b="2"), Limits())
    with pytest.raises(InputError, match="5000 bytes unpacked"):
        zipped.only_member(packed(a="1" * 5000), Limits(max_bytes=4000))
    with pytest.raises(InputError, match=r"does not unpack|half an archive"):
        zipped.only_member(packed(a="ds,y\n" * 100).replace(b"a", b"b", 1)[:-3], Limits())
