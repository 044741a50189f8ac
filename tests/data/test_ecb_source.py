"""Euro reference rates in both shapes that are published, and months of which only part is there."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sources.ecb_source import ecb_records, monthly_means, read_ecb
from data.sources.rows import Limits
from forecast.errors import InputError

TODAY = date(2026, 11, 25)
HISTORY = (
    b"Date,USD,JPY,CYP,CNY,\n"
    b"2026-11-24,1.1500,180.1,N/A,8.1650,\n"
    b"2026-11-23,1.2500,180.2,N/A,8.7500,\n"
    b"2005-03-31,1.2964,138.4,0.58,N/A,\n"
)
NEWEST = b"Date, USD, JPY, CNY, \n24 November 2026, 1.1500, 180.1, 8.1650, \n"


def read(body: bytes, today: date = TODAY) -> dict[date, dict[str, float]]:
    return {one.day: dict(one.per_usd) for one in read_ecb(ecb_records(body, Limits()), today)}


def test_units_per_euro_become_units_per_dollar() -> None:
    found = read(HISTORY)
    assert list(found) == [date(2005, 3, 31), date(2026, 11, 23), date(2026, 11, 24)]
    assert found[date(2026, 11, 24)] == {"EUR": pytest.approx(1 / 1.15), "CNY": pytest.approx(7.1)}
    assert found[date(2026, 11, 23)] == {"EUR": pytest.approx(0.8), "CNY": pytest.approx(7.0)}
    assert found[date(2005, 3, 31)] == {"EUR": pytest.approx(1 / 1.2964)}, "no yuan before April 2005"


def test_the_newest_day_alone_has_its_own_shape() -> None:
    assert read(NEWEST) == {date(2026, 11, 24): {"EUR": pytest.approx(1 / 1.15), "CNY": pytest.approx(7.1)}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"Date,USD,JPY\n2026-11-24,1.1,180\n", "a column CNY among them"),
        (b"Date,USD,CNY\n24/11/2026,1.1,8\n", "'24/11/2026 in line 2'; allowed: a day"),
        (b"Date,USD,CNY\n2026-11-24,-1.1,8\n", "'-1.1 in line 2'; allowed: a rate above 0"),
        (b"Date,USD,CNY\n2026-11-24,1.1,8\n2026-11-24,1.2,8\n", "there twice"),
        (b"Date,USD,CNY\n2026-11-26,1.1,8\n", "ahead"),
    ],
)
def test_what_is_no_table_of_rates_says_why(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(body)


def weekdays(start: date, end: date) -> list[date]:
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    return [day for day in days if day.weekday() < 5]


def test_a_month_is_whole_when_a_rate_stands_before_it_and_one_after() -> None:
    days = {day: float(day.day) for day in weekdays(date(2026, 9, 30), date(2026, 11, 2))}
    assert monthly_means(days) == {date(2026, 10, 1): pytest.approx(sum(range(1, 32)) / 31, rel=0.1)}
    october = [day for day in days if day.month == 10]
    assert monthly_means(days)[date(2026, 10, 1)] == sum(day.day for day in october) / len(october)
    assert monthly_means({d: v for d, v in days.items() if d.month != 9}) == {}, (
        "its first day may be missing"
    )
    assert monthly_means({d: v for d, v in days.items() if d.month != 11}) == {}, (
        "its last day may be to come"
    )


def test_easter_and_christmas_leave_a_month_whole_and_a_broken_feed_does_not() -> None:
    days = dict.fromkeys(weekdays(date(2026, 3, 31), date(2026, 5, 4)), 1.0)
    for holiday in (date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1)):
        del days[holiday]
    assert monthly_means(days) == {date(2026, 4, 1): 1.0}
    del days[date(2026, 4, 15)]
    assert monthly_means(days) == {}


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 6, 30)), max_size=150))
def test_part_of_a_month_is_never_its_mean(days: set[date]) -> None:
    """Whatever is missing: a mean stands on all weekdays of its month but two, and on days on both sides."""
    found = monthly_means({day: 1.0 for day in days if day.weekday() < 5})
    for month in found:
        end = (month + timedelta(days=32)).replace(day=1)
        inside = weekdays(month, end - timedelta(days=1))
        assert len(set(inside) - days) <= 2
        assert any(day < month for day in days)
        assert any(day >= end for day in days)
