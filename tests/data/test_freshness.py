"""When the next quote is due, and whether a silence or a repetition means anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.freshness import DEAD, DISCONTINUED, FRESH, LATE, STATES, UNCHANGED, freshness
from data.types import Quote

NOW = datetime(2026, 11, 25, tzinfo=UTC)
START = date(2026, 1, 2)


def weekly(prices: Sequence[float], name: str = "nd", start: date = START, step: int = 7) -> list[Quote]:
    return [point(start + timedelta(days=step * n), price, name) for n, price in enumerate(prices)]


def point(day: date, price: float, name: str = "nd", available_on: date | None = None) -> Quote:
    return Quote(
        series_id=name, ds=day, value=price, available_on=available_on or day, recorded_at=NOW,
        source="desk", kind="point",
    )  # fmt: skip


def monthly(count: int, lag: int = 0) -> list[Quote]:
    found = []
    for number in range(count):
        first = date(2025 + number // 12, number % 12 + 1, 1)
        next_month = (first + timedelta(days=32)).replace(day=1)
        found.append(
            Quote(
                series_id="nd", ds=first, value=500.0 + number, available_on=next_month + timedelta(days=lag),
                recorded_at=NOW, source="desk", kind="monthly-mean",
            )
        )  # fmt: skip
    return found


MOVING = [500.0 + number for number in range(20)]
LAST = START + timedelta(days=7 * 19)


@pytest.mark.parametrize(
    ("days_after", "state", "late"),
    [(0, FRESH, 0), (7, FRESH, 0), (8, FRESH, 1), (9, LATE, 2), (28, LATE, 21), (29, DEAD, 22)],
)
def test_a_weekly_price_is_due_after_a_week_late_after_its_habit_and_dead_after_four(
    days_after: int, state: str, late: int
) -> None:
    found = freshness(weekly(MOVING), {}, LAST + timedelta(days=days_after))
    assert found.next_due_on == LAST + timedelta(days=7)
    assert (found.state, found.late_by_days) == (state, late)


def test_holidays_of_the_past_make_it_patient() -> None:
    quotes = [q for n, q in enumerate(weekly(MOVING)) if n not in (14, 16)]
    assert freshness(quotes, {}, LAST + timedelta(days=14)).state == FRESH
    assert freshness(quotes, {}, LAST + timedelta(days=15)).state == LATE


def test_a_month_is_due_by_the_calendar_and_the_desks_own_lag() -> None:
    for lag in (0, 3):
        found = freshness(monthly(20, lag), {}, date(2026, 9, 10))
        assert found.next_due_on == date(2026, 10, 1) + timedelta(days=lag)
        assert found.state == FRESH
    assert freshness(monthly(20), {}, date(2026, 10, 20)).state == LATE
    assert freshness(monthly(20), {}, date(2026, 12, 20)).state == DEAD
    assert freshness(monthly(20), {}, date(2027, 9, 20)).state == DISCONTINUED


def test_a_correction_is_no_publication() -> None:
    quotes = weekly(MOVING)
    corrected = point(quotes[3].ds, 700.0, available_on=LAST + timedelta(days=5))
    found = freshness([*quotes, corrected], {}, LAST + timedelta(days=6))
    assert found.next_due_on == LAST + timedelta(days=7)


def test_a_price_that_is_left_out_while_its_feed_goes_on_is_discontinued() -> None:
    today = LAST + timedelta(days=40)
    others = {"dy": weekly([1500.0 + n for n in range(25)], "dy")}
    assert freshness(weekly(MOVING), {}, today).state == DEAD
    assert freshness(weekly(MOVING), {"dy": weekly(MOVING, "dy")}, today).state == DEAD, "it stopped as well"
    found = freshness(weekly(MOVING), others, today)
    assert found.state == DISCONTINUED
    assert "spoke of" in found.why


def test_the_same_price_under_a_new_date_is_news_until_the_whole_feed_repeats_itself() -> None:
    """As KOMIS carried its quotes forward from September 2025: every series, every week, the same price."""
    day = LAST + timedelta(days=7 * 3)
    held = weekly([*MOVING, 519.0, 519.0, 519.0])
    moving = {"dy": weekly([1500.0 + n for n in range(23)], "dy")}
    found = freshness(held, moving, day)
    assert (found.state, found.late_by_days) == (UNCHANGED, 0)
    assert "over 4 quotes" in found.why
    for weeks, alone, beside in ((7, UNCHANGED, UNCHANGED), (8, DEAD, UNCHANGED)):
        carried = weekly([*MOVING, *[519.0] * weeks])
        dy = weekly([1500.0 + n for n in range(20 + weeks)], "dy")
        day = LAST + timedelta(days=7 * weeks)
        assert freshness(carried, {"dy": weekly([*MOVING, *[519.0] * weeks], "dy")}, day).state == alone
        assert freshness(carried, {"dy": dy}, day).state == beside, "one that still moves shows that it lives"


def test_a_desk_that_always_held_its_price_for_months_is_believed_longer() -> None:
    sticky = [500.0] * 10 + [510.0] * 10 + [520.0] * 10
    for held, state in ((18, UNCHANGED), (19, DEAD)):
        prices = [*sticky, 530.0, *[530.0] * held]
        day = START + timedelta(days=7 * (len(prices) - 1))
        assert freshness(weekly(prices), {}, day).state == state


def test_a_daily_price_may_stand_for_some_weeks() -> None:
    for held, state in ((27, UNCHANGED), (28, DEAD)):
        prices = [*MOVING, *[519.0] * held]
        found = freshness(weekly(prices, step=1), {}, START + timedelta(days=len(prices) - 1))
        assert found.state == state


def test_too_few_quotes_make_no_habit() -> None:
    for count, state in ((0, DEAD), (1, FRESH), (2, FRESH)):
        found = freshness(weekly(MOVING[:count]), {}, START + timedelta(days=30))
        assert (found.next_due_on, found.late_by_days, found.state) == (None, 0, state)
    assert freshness(weekly(MOVING[:2]), {}, START + timedelta(days=400)).state == DISCONTINUED


days = st.lists(st.dates(date(2024, 1, 1), date(2026, 11, 25)), max_size=30, unique=True).map(sorted)


@given(days, st.lists(st.sampled_from([500.0, 500.0, 510.0]), min_size=30, max_size=30), days)
def test_whatever_the_quotes_the_answer_holds_together(
    own: list[date], prices: list[float], others: list[date]
) -> None:
    today = date(2026, 11, 25)
    quotes = [point(day, price) for day, price in zip(own, prices, strict=False)]
    found = freshness(quotes, {"dy": [point(day, 1.0, "dy") for day in others]}, today)
    assert found.state in STATES
    assert found.late_by_days >= 0
    if found.next_due_on is not None:
        assert found.next_due_on > own[-1]
        assert found.late_by_days == max((today - found.next_due_on).days, 0)
    if found.state in (LATE, DISCONTINUED) and found.next_due_on is not None:
        assert found.late_by_days > 0
