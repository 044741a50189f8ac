"""How figures and days are written."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.dashboard.numbers import (
    MINUS,
    NONE,
    THIN,
    age,
    count,
    day,
    effect,
    instant,
    model,
    month,
    name,
    percent,
    price,
    quoted,
    words,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3_412_345.0, f"3{THIN}412{THIN}000"),
        (12_345.0, f"12{THIN}340"),
        (1523.4, f"1{THIN}523"),
        (612.5, "612"),
        (99.97, "100"),
        (65.24, "65.2"),
        (9.999, "10.0"),
        (6.5, "6.50"),
        (0.12345, "0.123"),
        (None, NONE),
        (math.nan, NONE),
    ],
)
def test_price(value: float | None, shown: str) -> None:
    assert price(value) == shown


@given(st.floats(min_value=1e-3, max_value=1e8))
def test_price_never_says_something_else(value: float) -> None:
    shown = float(price(value).replace(THIN, ""))
    assert shown == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1507.5, f"1{THIN}507.5"),
        (850.0, "850"),
        (612.346, "612.35"),
        (400_000.0, f"400{THIN}000"),
        (None, NONE),
    ],
)
def test_quoted_keeps_published_digits(value: float | None, shown: str) -> None:
    assert quoted(value) == shown


def test_days() -> None:
    assert day(date(2026, 11, 4)) == "4 Nov 2026"
    assert month(date(2026, 1, 1)) == "Jan 2026"
    assert instant(datetime(2026, 11, 24, 9, 5, tzinfo=UTC)) == "24 Nov 2026, 09:05 UTC"
    china = timezone(timedelta(hours=8))
    assert instant(datetime(2026, 11, 24, 7, 5, tzinfo=china)) == "23 Nov 2026, 23:05 UTC"


def test_counts_and_ages() -> None:
    assert count(1, "month") == "1 month"
    assert count(1250, "day") == f"1{THIN}250 days"
    assert age(282) == "282 days old"
    assert age(1) == "1 day old"
    assert age(-6) == "today"  # the month of a mean still runs


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0"), (0.004, "<1"), (0.5, "50"), (0.95, "95"), (0.996, ">99"), (1.0, "100")],
)
def test_percent_keeps_never_and_surely_for_themselves(share: float, shown: str) -> None:
    assert percent(share) == f"{shown}{THIN}%"


def test_effect_is_a_change_of_the_price() -> None:
    assert effect(math.log(1.35)) == f"+35{THIN}%"
    assert effect(math.log(0.95)) == f"{MINUS}5{THIN}%"
    assert effect(0.001) == f"\u00b10{THIN}%"
    assert effect(math.log(25)) == f"+2{THIN}400{THIN}%"


def test_words_are_plain_and_fall_back_to_the_term() -> None:
    assert words("incl-vat") == "incl. VAT"
    assert words("CNY") == "CNY"
    assert model("rw") == "Random walk"
    assert model("newest") == "newest"
    assert name("Dysprosium oxide, Europe spot, ex VAT") == "Dysprosium oxide, Europe spot"
