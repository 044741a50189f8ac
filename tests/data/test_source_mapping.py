"""How a source describes its files, how they are brought into our form, and what is suspect about their
shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data.sources import judge
from data.sources.definition import Credential, Source
from data.sources.judge import Before, Suspicion
from data.sources.mapping import mapped, records
from data.sources.rows import Limits, Records
from forecast.errors import InputError

UNITS = {"dy-oxide-cn": "kg", "nd-oxide-cn": "kg"}
COLUMNS = {"unique_id": "Symbol", "ds": "Date", "y": "Price"}
LIMITS = Limits()


def source(**changes: Any) -> Source:
    values: dict[str, Any] = {"source_id": "desk", "label": "Desk", "format": "csv", "columns": COLUMNS}
    return Source(**values | changes)


def rows(body: str | bytes, given: Source) -> list[dict[str, object]]:
    found = records(body.encode(given.encoding) if isinstance(body, str) else body, given, LIMITS)
    return [dict(row.cells) for row in mapped(found, given, UNITS).table.rows]


def test_columns_series_days_and_numbers_of_another_form() -> None:
    given = source(
        series={"DY": "dy-oxide-cn"}, currency="CNY", unit="tonne", tax_basis="incl-vat", scale=10_000,
        date_format="%d.%m.%Y", decimal=",", grouping=".", delimiter=";", header_line=2, encoding="latin-1",
    )  # fmt: skip
    head = "Wochenübersicht\nSymbol;Date;Price;Remark\n"
    body = head + "DY;24.11.2026;151,05;ä\nXX;24.11.2026;1;x\nDY;25.11.2026;1.510,5;\n"
    assert rows(body, given) == [
        {
            "unique_id": "dy-oxide-cn",
            "ds": "2026-11-24",
            "y": 1510.5,
            "currency": "CNY",
            "tax_basis": "incl-vat",
        },
        {
            "unique_id": "dy-oxide-cn",
            "ds": "2026-11-25",
            "y": 15105.0,
            "currency": "CNY",
            "tax_basis": "incl-vat",
        },
    ]


def test_rows_without_a_figure_are_left_out_and_counted() -> None:
    given = source(columns={"ds": "Date", "low": "Low", "high": "High"}, series_id="dy-oxide-cn")
    body = b"Date,Low,High\n2026-11-23,N/A,-\n2026-11-24,1500,1520\n"
    found = mapped(records(body, given, LIMITS), given, UNITS)
    assert found.left_out == 1
    assert [dict(row.cells) for row in found.table.rows] == [
        {"unique_id": "dy-oxide-cn", "ds": "2026-11-24", "low": 1500.0, "high": 1520.0}
    ]


def test_what_is_no_number_or_day_stays_as_it_is_to_be_refused_by_name() -> None:
    given = source(series_id="dy-oxide-cn", columns={"ds": "Date", "y": "Price"}, date_format="%d/%m/%Y")
    body = b'Date,Price\n31/02/2026,5\n24/11/2026,"1,510"\n24/11/2026,about 5\n'
    assert [(row["ds"], row["y"]) for row in rows(body, given)] == [
        ("31/02/2026", 5.0),
        ("2026-11-24", "1,510"),
        ("2026-11-24", "about 5"),
    ]


def test_json_is_found_where_it_lies() -> None:
    given = source(format="json", rows_at="data.items", series={"DY": "dy-oxide-cn"})
    body = {"data": {"items": [{"Symbol": "DY", "Date": "2026-11-24", "Price": 1510, "x": None}]}, "n": 1}
    assert rows(json.dumps(body), given) == [{"unique_id": "dy-oxide-cn", "ds": "2026-11-24", "y": 1510}]
    for wrong in ({"data": []}, {"data": {"items": {}}}, [], 7):
        with pytest.raises(InputError, match=r"allowed: a list of rows at data\.items"):
            rows(json.dumps(wrong), given)


def test_a_file_in_our_own_form_needs_no_columns() -> None:
    given = source(columns={}, series_id="dy-oxide-cn")
    assert rows("ds,y,source\n2026-11-24,5,me\n", given) == [{"ds": "2026-11-24", "y": "5", "source": "me"}]
    with pytest.raises(InputError, match="column: found 'price'"):
        rows("ds,price\n", given)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source_id": "Desk 1"}, "source_id"),
        ({"source_id": "done"}, "source_id"),
        ({"label": " "}, "label"),
        ({"format": "xls"}, "format"),
        ({"every_minutes": 1}, "every_minutes"),
        ({"max_shrink": 1.1}, "max_shrink"),
        ({"encoding": "utf-7"}, "encoding"),
        ({"decimal": ",", "grouping": ","}, "grouping"),
        ({"currency": "GBP"}, "currency"),
        ({"unit": "lb"}, "unit"),
        ({"scale": 0.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"sheet": "Prices"}, "sheet"),
        ({"rows_at": "data"}, "rows_at"),
        ({"date_format": "iso"}, "date_format"),
        ({"columns": {"ds": "Date", "price": "Price"}}, "columns"),
        ({"columns": {"ds": "Date"}}, "columns"),
        ({"columns": {"ds": "Date", "y": "Price"}}, "series_id"),
        ({"series_id": "dy-oxide-cn"}, "series_id"),
        ({"columns": {}, "unit": "tonne"}, "unit"),
        ({"columns": {}, "series": {"DY": "dy-oxide-cn"}}, "series"),
        ({"format": "ecb-csv"}, "columns"),
        ({"credential": Credential(variable="YTTERBY_SOURCE_X")}, "credential"),
    ],
)
def test_a_description_that_cannot_be_says_why(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        source(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "credential",
    [
        {"variable": "YTTERBY_DATABASE_URL"},
        {"variable": "HOME"},
        {"variable": "YTTERBY_SOURCE_x"},
        {"variable": "YTTERBY_SOURCE_X", "use": "query"},
        {"variable": "YTTERBY_SOURCE_X", "use": "header"},
        {"variable": "YTTERBY_SOURCE_X", "use": "header", "header": "Host"},
        {"variable": "YTTERBY_SOURCE_X", "header": "X-Api-Key"},
    ],
)
def test_only_variables_that_were_meant_for_sources_can_be_named(credential: dict[str, str]) -> None:
    with pytest.raises(InputError, match="credential"):
        Credential(**credential)


LINES = b"Symbol,Date,Price\n" + b"".join(b"DY,2026-11-%02d,1510\n" % day for day in range(1, 21))


def verdict(body: bytes, before: Before | None = None, **changes: Any) -> Suspicion | None:
    given = source(**changes)
    found = judge.read(body, given, LIMITS)
    return found if isinstance(found, Suspicion) else judge.suspect(found, given, before or Before())


def before(body: bytes = LINES, **changes: Any) -> Before:
    found = judge.read(body, source(**changes), LIMITS)
    assert isinstance(found, Records)
    return judge.after(found)


JSON_ROWS = json.dumps([{"Symbol": "DY", "Date": "2026-11-24", "Price": 1510}] * 20).encode()


@pytest.mark.parametrize(
    ("body", "changes", "kind", "words"),
    [
        (b"", {}, "half", "an empty file"),
        (b" \n", {}, "half", "an empty file"),
        (b"<!DOCTYPE html><html>", {}, "html", "a page, not prices: it begins with '<!DOCTYPE html>"),
        (b"\xef\xbb\xbf\r\n<HTML>", {"format": "json"}, "html", "a page"),
        (LINES[:-14], {}, "half", "the last line, 21, is cut"),
        (LINES[:-1], {}, "half", "the last line has no end"),
        (LINES[:-3], {}, "half", "the last line has no end"),
        (LINES + b'DY,"2026', {}, "half", "unexpected end of data"),
        (LINES[: len(LINES) // 2], {}, "half", ""),
        (
            b"".join(LINES.splitlines(True)[:16]),
            {},
            "half",
            "15 rows; the file before had 20, allowed: at least 16",
        ),
        (LINES.replace(b"Price", b"Price USD"), {}, "columns", "gone: Price; new: Price USD"),
        (LINES.replace(b"\n", b",5\n").replace(b"Price,5", b"Price,Volume"), {}, "columns", "new: Volume"),
        (LINES.decode().encode("utf-16"), {}, "unreadable", "UTF-16"),
        (LINES + "DY,2026-11-24,£5\n".encode("latin-1"), {}, "unreadable", "byte 0xa3 in line 22"),
        (b"PK\x03\x04" + b"x" * 100, {}, "half", "half an archive"),
        (JSON_ROWS[:-20], {"format": "json"}, "half", "line 1, column"),
        (b'{"error": "no such account"}', {"format": "json"}, "unreadable", "a list of rows"),
    ],
)
def test_what_is_not_the_file_of_always_is_told_by_its_shape(
    body: bytes, changes: dict[str, Any], kind: str, words: str
) -> None:
    known = before() if not changes else Before(columns=("Symbol", "Date", "Price"), rows=20)
    found = verdict(body, known, **changes)
    assert found is not None
    assert found.kind == kind
    assert words in found.reason


def test_the_file_of_always_is_not_suspect() -> None:
    assert verdict(LINES, before()) is None
    assert verdict(LINES + b"DY,2026-11-24,1510\n", before()) is None
    assert verdict(b"".join(LINES.splitlines(True)[:17]), before()) is None, "16 of 20 rows, as allowed"
    assert verdict(b"".join(LINES.splitlines(True)[:2]), before(), max_shrink=1.0) is None
    assert verdict(LINES[:-1]) is None, "a first file may end as it likes"
    assert verdict(LINES.decode().encode("utf-16"), encoding="utf-16") is None
    wider = json.dumps([{"Symbol": "DY", "Date": "2026-11-24", "Price": 1, "Remark": "x"}] * 20).encode()
    assert verdict(wider, before(JSON_ROWS, format="json"), format="json") is None, (
        "fields come and go in JSON"
    )
