"""CSV and JSON to rows: what concerns the file is an error, what concerns a row is a refused row."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sources.csv_source import read_csv
from data.sources.json_source import read_json
from data.sources.rows import COLUMNS, Limits
from forecast.errors import InputError

SMALL = Limits(max_bytes=100, max_rows=2)


def test_the_long_form_is_read() -> None:
    table = read_csv(b"unique_id,ds,y\r\ndy-oxide-cn,2026-10-01,1510.0\r\n")
    assert table.refused == ()
    assert [(r.line, dict(r.cells)) for r in table.rows] == [
        (2, {"unique_id": "dy-oxide-cn", "ds": "2026-10-01", "y": "1510.0"})
    ]


def test_the_fuller_names_mean_the_same() -> None:
    table = read_csv(b"series_id,ds,value,low,high\nx,2026-10-01,,1,2\n")
    assert dict(table.rows[0].cells) == {"unique_id": "x", "ds": "2026-10-01", "low": "1", "high": "2"}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_makes_no_difference(mark: bytes) -> None:
    assert read_csv(mark + b"ds,y\n2026-10-01,1\n").rows[0].cells["y"] == "1"
    assert read_json(mark + b'[{"ds": "2026-10-01", "y": 1}]').rows[0].cells["y"] == 1


@pytest.mark.parametrize("read", [read_csv, read_json])
def test_another_encoding_is_named(read: object) -> None:
    with pytest.raises(InputError, match="encoding: found 'byte 0xa3 in line 2'; allowed: UTF-8"):
        read("ds,y\n2026-10-01,1 \xa3\n".encode("latin-1"))  # type: ignore[operator]
    for order in ("utf-16-le", "utf-16-be"):
        with pytest.raises(InputError, match="encoding: found 'UTF-16"):
            read("\ufeffds,y\n".encode(order))  # type: ignore[operator]


@pytest.mark.parametrize("read", [read_csv, read_json])
def test_a_zero_byte_is_refused(read: object) -> None:
    with pytest.raises(InputError, match="zero byte in line 2"):
        read(b"ds,y\n2026\x00,1\n")  # type: ignore[operator]


def test_lines_are_those_of_the_file() -> None:
    table = read_csv(b'ds,y,note\n\n2026-10-01,1,"two\nlines"\n\n2026-10-02,2,x\n')
    assert [r.line for r in table.rows] == [3, 6]


def test_ragged_lines_are_refused_one_by_one() -> None:
    table = read_csv(b"ds,y\n2026-10-01,1\n2026-10-02\n2026-10-03,1,5\n2026-10-04,2\n")
    assert [r.line for r in table.rows] == [2, 5]
    assert [(b.line, b.column, b.value) for b in table.refused] == [(3, "y", None), (4, "after y", "5")]
    assert all("2, one for each column of the header" in b.reason for b in table.refused)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "file: found 'nothing'"),
        (b"unique_id;ds;y\n", "separated by commas"),
        (b"ds,y,price\n", "column: found 'price'; allowed: one of unique_id"),
        (b"ds,y,value\n", "'y, twice'"),
        (b"unique_id,y\n", "a column ds among them"),
        (b"ds,low\n", "a column y among them, or low and high"),
        (b'ds,y\n2026-10-01,"1\n', "file: found 'line 2"),
        (b'ds,y\n2026-10-01,"1"2\n', "file: found 'line 2"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_csv(body)


def test_size_and_rows_are_limited() -> None:
    with pytest.raises(InputError, match="101 bytes"):
        read_csv(b"x" * 101, SMALL)
    with pytest.raises(InputError, match="more than 2 rows"):
        read_csv(b"ds,y\n" + b"2026-10-01,1\n" * 3, SMALL)
    with pytest.raises(InputError, match="more than 2 rows"):
        read_json(b"[1,1,1]", SMALL)
    with pytest.raises(InputError, match="101 bytes"):
        read_json(b" " * 101, SMALL)


def test_a_defused_formula_comes_back_as_it_was() -> None:
    """What is read out puts a quote before =, +, - and @; it is taken off again on the way in."""
    table = read_csv(b"ds,y,note\n2026-10-01,1,'=SUM(A1)\n2026-10-02,1,'plain\n")
    assert [r.cells["note"] for r in table.rows] == ["=SUM(A1)", "'plain"]


@pytest.mark.parametrize("wrap", [False, True])
def test_json_is_a_list_or_an_object_with_rows(wrap: bool) -> None:
    rows = [{"series_id": "x", "ds": "2026-10-01", "value": 1.5, "note": None}]
    table = read_json(json.dumps({"rows": rows} if wrap else rows).encode())
    assert dict(table.rows[0].cells) == {"unique_id": "x", "ds": "2026-10-01", "y": 1.5}
    assert table.rows[0].line == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b"7", "body: found 'int'; allowed: a list of rows"),
        (b"{}", "body: found 'NoneType'"),
        (b'{"rows": [], "more": 1}', "field: found 'more'"),
        (b'{"rows": [], "rows": []}', "rows, twice"),
        (b"[" * 100_000, "allowed: JSON"),
        (b'[{"y": ' + b"1" * 5000 + b"}]", "allowed: JSON"),
    ],
)
def test_json_that_cannot_be_read_says_why(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_json(body)


def test_json_rows_of_another_shape_are_refused_one_by_one() -> None:
    body = b'[1, {"ds": "2026-10-01", "y": 1}, {"price": 1}, {"y": 1, "y": 2}, {"y": 1, "value": 2}]'
    table = read_json(body)
    assert [r.line for r in table.rows] == [2]
    assert [(b.line, b.column) for b in table.refused] == [(1, "row"), (3, "price"), (4, "y"), (5, "value")]
    assert all("allowed" in b.reason for b in table.refused)


CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=10))
def test_csv_cells_come_back_as_written(cells: list[tuple[str, str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["ds", "y", "note"])
    writer.writerows(cells)
    table = read_csv(out.getvalue().encode())
    assert table.refused == ()
    wanted = [
        {n: c.strip() for n, c in zip(("ds", "y", "note"), row, strict=True) if c.strip()} for row in cells
    ]
    found = [dict(r.cells) for r in table.rows]
    plain = [w for w in wanted if not any(v.startswith("'") for v in w.values())]
    assert len(found) == len(wanted)
    assert [f for f, w in zip(found, wanted, strict=True) if w in plain] == plain


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_an_input_error(body: bytes) -> None:
    for read in (read_csv, read_json):
        try:
            table = read(body)
        except InputError:
            continue
        assert all(set(row.cells) <= set(COLUMNS) for row in table.rows)
