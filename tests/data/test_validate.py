"""Every refusal by line, column, value and reason; good rows are kept whatever stands beside them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reference.load import read_catalogue, read_quotes
from data.sources.csv_source import read_csv
from data.sources.json_source import read_json
from data.sources.rows import RawRow, RawTable
from data.types import Quote
from data.validate import Checked, Known, check, first_available

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SERIES = {s.series_id: s for s in read_catalogue()}


def stored(ds: date, value: float, series_id: str = "dy-oxide-cn") -> Quote:
    return Quote(
        series_id=series_id,
        ds=ds,
        value=value,
        low=None,
        high=None,
        available_on=first_available("monthly-mean", ds),
        recorded_at=NOW,
        source="test",
        kind="monthly-mean",
        n_quotes=None,
        note=None,
    )


KNOWN = Known(
    series=SERIES,
    quotes=(stored(date(2026, 8, 1), 1500.0), stored(date(2026, 9, 1), 1520.0)),
    today=TODAY,
    recorded_at=NOW,
)


def judge(*rows: dict[str, object], known: Known = KNOWN) -> Checked:
    given_rows = ({"unique_id": "dy-oxide-cn", "ds": "2026-10-01", "y": "1510"} | row for row in rows)
    kept = ({name: cell for name, cell in row.items() if cell is not None} for row in given_rows)
    return check(
        RawTable(rows=tuple(RawRow(line=n, cells=cells) for n, cells in enumerate(kept, start=2))), known
    )


def test_a_good_row_becomes_a_quote_with_three_dates() -> None:
    (quote,) = judge({}).quotes
    assert (quote.series_id, quote.ds, quote.value) == ("dy-oxide-cn", date(2026, 10, 1), 1510.0)
    assert (quote.kind, quote.available_on, quote.recorded_at) == ("monthly-mean", date(2026, 11, 1), NOW)
    assert quote.source == "import"


def test_every_field_of_the_fuller_form_is_kept() -> None:
    row = {
        "low": 1500,
        "high": "1520.5",
        "currency": "cny",
        "unit": "kg",
        "tax_basis": "incl-vat",
        "kind": "point",
        "ds": "2026-11-20",
        "available_on": "2026-11-21",
        "source": "my desk",
        "n_quotes": "3",
        "note": "by telephone",
        "recorded_at": "2020-01-01T00:00:00Z",
    }
    (quote,) = judge(row).quotes
    assert (quote.low, quote.high, quote.kind) == (1500.0, 1520.5, "point")
    assert (quote.source, quote.n_quotes, quote.note) == ("my desk", 3, "by telephone")
    assert (quote.available_on, quote.recorded_at) == (date(2026, 11, 21), NOW)


def test_a_range_without_a_price_is_its_middle() -> None:
    (quote,) = judge({"y": None, "low": 1400, "high": 1600}).quotes
    assert (quote.value, quote.low, quote.high) == (1500.0, 1400.0, 1600.0)


@pytest.mark.parametrize("ds", ["2026-10-01", "2026-10", "2026-10-01 00:00:00", "2026-10-01T00:00"])
def test_days_as_tables_write_them(ds: str) -> None:
    assert judge({"ds": ds}).quotes[0].ds == date(2026, 10, 1)


POINT = {"kind": "point", "ds": "2026-11-20"}
BAD: list[tuple[dict[str, Any], str, object, str]] = [
    ({"y": "-5"}, "y", "-5", "negative"),
    ({"y": 0}, "y", 0, "zero"),
    ({"y": "nan"}, "y", "nan", "not finite"),
    ({"y": math.nan}, "y", "nan", "not finite"),
    ({"y": math.inf}, "y", "inf", "not finite"),
    ({"y": "1e999"}, "y", "1e999", "not finite"),
    ({"y": 10**400}, "y", "1" + "0" * 98 + "…", "not finite"),
    ({"y": "1,510"}, "y", "1,510", "no other separators"),
    ({"y": "1_510"}, "y", "1_510", "no other separators"),
    ({"y": "n/a"}, "y", "n/a", "not a number"),
    ({"y": True}, "y", "True", "not a number"),
    ({"y": [1]}, "y", "[1]", "not a number"),
    ({"y": None}, "y", None, "missing; allowed: a price, or low and high"),
    ({"y": "30401"}, "y", 30401.0, "20 times the price of 2026-09-01"),
    ({"y": "75.9"}, "y", 75.9, "allowed: 76 to 30400"),
    ({"ds": None}, "ds", None, "missing"),
    ({"ds": "01.10.2026"}, "ds", "01.10.2026", "not a day; allowed: YYYY-MM-DD"),
    ({"ds": "2026-02-30"}, "ds", "2026-02-30", "not a day"),
    ({"ds": 20261001}, "ds", 20261001, "not text"),
    ({"ds": "2026-12-01"}, "ds", "2026-12-01", "in the future; allowed: a day up to 2026-11-24"),
    ({"ds": "2026-11-01"}, "ds", "2026-11-01", "a month that is not over"),
    ({"ds": "2026-10-05"}, "ds", "2026-10-05", "not the first of its month"),
    ({"kind": "annual", "ds": "2025-01-01"}, "ds", "2025-01-01", "allowed for a figure of a year"),
    ({"kind": "weekly"}, "kind", "weekly", "monthly-mean, point, annual"),
    ({"available_on": "2026-10-31"}, "available_on", "2026-10-31", "2026-11-01 or later"),
    ({"available_on": "2026-11-25"}, "available_on", "2026-11-25", "in the future"),
    ({**POINT, "available_on": "2026-11-19"}, "available_on", "2026-11-19", "2026-11-20 or later"),
    ({"currency": "USD"}, "currency", "USD", "allowed: CNY"),
    ({"unit": "tonne"}, "unit", "tonne", "allowed: kg"),
    ({"tax_basis": "ex-vat"}, "tax_basis", "ex-vat", "allowed: incl-vat"),
    ({"unique_id": "la-oxide-cn"}, "unique_id", "la-oxide-cn", "unknown series; allowed: dy-oxide-cn"),
    ({"unique_id": None}, "unique_id", None, "missing; allowed: a series"),
    ({"unique_id": "x" * 101}, "unique_id", "x" * 99 + "…", "101 characters"),
    ({"low": 1520, "high": 1500}, "low", 1520.0, "above high"),
    ({"low": 1511, "high": 1520}, "y", 1510.0, "outside its range"),
    ({"low": 1500}, "high", None, "both ends of a range"),
    ({"high": 1500}, "low", None, "both ends of a range"),
    ({"low": -1, "high": 2000}, "low", -1, "negative"),
    ({"n_quotes": "2.5"}, "n_quotes", "2.5", "a whole number"),
    ({"note": "x" * 1001}, "note", "x" * 99 + "…", "at most 1000"),
    ({"source": 7}, "source", 7, "not text"),
]


@pytest.mark.parametrize(("row", "column", "value", "reason"), BAD)
def test_a_bad_row_is_refused_and_its_neighbours_are_kept(
    row: dict[str, Any], column: str, value: object, reason: str
) -> None:
    good = {"unique_id": "tb-oxide-cn", "y": "6100"}
    found = judge(good, row)
    assert [q.series_id for q in found.quotes] == ["tb-oxide-cn"]
    (bad,) = found.refused
    assert (bad.line, bad.column) == (3, column)
    assert bad.value == value or str(bad.value) == str(value)
    assert reason in bad.reason
    assert "allowed" in bad.reason
    json.dumps(bad.value, allow_nan=False)


def test_a_month_is_over_on_the_first_day_of_the_next() -> None:
    assert len(judge({}, known=replace(KNOWN, today=date(2026, 11, 1))).quotes) == 1
    assert "not over" in judge({}, known=replace(KNOWN, today=date(2026, 10, 31))).refused[0].reason


def test_equal_rows_are_kept_once_and_differing_ones_not_at_all() -> None:
    other = {"unique_id": "tb-oxide-cn"}
    found = judge({}, {}, {**other, "y": "6100"}, {**other, "y": "6200"})
    assert [q.series_id for q in found.quotes] == ["dy-oxide-cn"]
    assert [(b.line, b.reason.split(";")[0]) for b in found.refused] == [
        (3, "the same as line 2"),
        (4, "another price than line 5 for the same day"),
        (5, "another price than line 4 for the same day"),
    ]


def test_the_last_price_may_stand_in_the_same_file_in_any_order() -> None:
    rows = [{"ds": "2026-10-01", "y": 40000}, {"ds": "2026-09-01", "y": 20000}]
    assert [q.value for q in judge(*rows).quotes] == [20000.0, 40000.0][::-1]


def test_a_correction_of_an_absurd_price_is_taken() -> None:
    slip = replace(KNOWN, quotes=(*KNOWN.quotes, stored(date(2026, 10, 1), 1_510_000.0)))
    assert len(judge({}, known=slip).quotes) == 1


def test_the_first_price_of_a_series_has_nothing_to_be_measured_by() -> None:
    assert len(judge({"y": 1e7}, known=replace(KNOWN, quotes=())).quotes) == 1


def test_an_older_price_is_measured_by_the_oldest_known() -> None:
    assert len(judge({"ds": "2026-07-01", "y": 1400}).quotes) == 1
    assert len(judge({"ds": "2026-07-01", "y": 14}).refused) == 1


def test_rows_without_a_series_take_the_one_addressed_and_others_are_refused() -> None:
    known = replace(KNOWN, default_series="dy-oxide-cn")
    found = judge({"unique_id": None}, {"unique_id": "tb-oxide-cn"}, known=known)
    assert [q.series_id for q in found.quotes] == ["dy-oxide-cn"]
    assert found.refused[0].reason == "another series than the one addressed; allowed: dy-oxide-cn"


def test_points_and_means_of_one_day_are_two_quotes() -> None:
    known = replace(KNOWN, default_series="dy-oxide-fob")
    rows = [{"unique_id": None, "y": 300, "kind": kind} for kind in ("point", "monthly-mean")]
    assert len(judge(*rows, known=known).quotes) == 2


@pytest.mark.parametrize(
    ("series_id", "kind"),
    [("dy-oxide-cn", "monthly-mean"), ("dy-oxide-eu", "point"), ("dy-oxide-fob", "point")],
)
def test_a_kind_that_is_not_said_is_that_of_the_series(series_id: str, kind: str) -> None:
    assert judge({"unique_id": series_id}, known=replace(KNOWN, quotes=())).quotes[0].kind == kind


def test_what_is_shipped_can_be_sent_back() -> None:
    """Every shipped quote, written as rows, passes and says the same."""
    shipped = read_quotes(NOW)
    names = ("series_id", "ds", "value", "low", "high", "kind", "available_on", "source", "n_quotes", "note")
    rows = [{name: getattr(q, name) for name in names} for q in shipped]
    table = read_json(json.dumps(rows, default=str).encode())
    found = check(table, replace(KNOWN, quotes=shipped))
    assert found.refused == ()
    assert found.quotes == shipped


def test_bad_lines_of_the_file_stand_among_bad_rows_in_order() -> None:
    table = read_csv(
        b"unique_id,ds,y\ndy-oxide-cn,2026-10-01,-1\ndy-oxide-cn,2026-09-01\ndy-oxide-cn,2026-08-01,0\n"
    )
    assert [b.line for b in check(table, KNOWN).refused] == [2, 3, 4]


ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["2026-10-01", "dy-oxide-cn", "point", "CNY", "1510"]),
    st.lists(st.integers(), max_size=2),
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["unique_id", "ds", "y", "low", "high", "kind", "note"]), ANY))
)
def test_every_row_is_kept_or_refused_never_lost(rows: list[dict[str, Any]]) -> None:
    table = RawTable(
        rows=tuple(
            RawRow(line=n, cells={k: v for k, v in row.items() if v is not None})
            for n, row in enumerate(rows, start=1)
        )
    )
    found = check(table, KNOWN)
    assert len(found.quotes) + len(found.refused) == len(rows)
    assert all(q.value > 0 and q.ds <= TODAY and q.available_on <= TODAY for q in found.quotes)
    json.dumps([b.value for b in found.refused], allow_nan=False)


def test_a_correction_is_public_from_today_unless_it_says_otherwise() -> None:
    """Else a reader of August would be shown what was only known in November."""
    first = stored(date(2026, 8, 1), 1500.0).available_on
    (changed,) = judge({"ds": "2026-08-01", "y": 1550}).quotes
    assert changed.available_on == TODAY
    (same,) = judge({"ds": "2026-08-01", "y": 1500}).quotes
    assert same.available_on == first
    (said,) = judge({"ds": "2026-08-01", "y": 1550, "available_on": "2026-09-15"}).quotes
    assert said.available_on == date(2026, 9, 15)
    corrected = replace(KNOWN, quotes=(replace(KNOWN.quotes[0], value=1550.0, available_on=TODAY),))
    (again,) = judge({"ds": "2026-08-01", "y": 1550}, known=corrected).quotes
    assert again.available_on == TODAY
