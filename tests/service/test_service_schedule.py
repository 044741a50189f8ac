"""When a job is due: cron lines and intervals, the nights on which clocks are changed, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.refusals import Refusal
from service.schedule import between, parse, parse_length, parse_zone, upcoming

STOCKHOLM = "Europe/Stockholm"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
ZONES = st.sampled_from([STOCKHOLM, "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "UTC"])
LINES = st.builds(
    "cron: {} {} {} * {}".format,
    st.sampled_from(["0", "30", "*/15", "7,50"]),
    st.sampled_from(["*", "2", "0-3", "*/6", "5"]),
    st.sampled_from(["*", "1-7", "29"]),
    st.sampled_from(["*", "mon-fri", "sun", "tue,sat"]),
)
TEXTS = LINES | st.builds("every: {}{}".format, st.integers(1, 90), st.sampled_from("smhd"))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1)).map(lambda d: d.replace(tzinfo=UTC))


def of_day(text: str, zone: str, day: date) -> list[datetime]:
    """Slots from one local midnight to the next, on the clock on the wall."""
    begin, end = (
        datetime.combine(d, time(), ZoneInfo(zone)).astimezone(UTC) for d in (day, day + timedelta(days=1))
    )
    instant = timedelta(microseconds=1)
    found = between(parse(text, zone), begin - instant, end - instant)
    return [slot.astimezone(ZoneInfo(zone)) for slot in found]


@given(TEXTS, ZONES, INSTANTS)
def test_slots_rise_and_do_not_depend_on_who_asks_or_when(text: str, zone: str, start: datetime) -> None:
    schedule = parse(text, zone)
    slots = upcoming(schedule, start, 12)
    assert all(slot.utcoffset() == timedelta(0) for slot in slots)
    for earlier, later in pairwise((start, *slots)):
        assert earlier < later
        for between_them in (earlier, earlier + (later - earlier) / 2, later - timedelta(microseconds=1)):
            assert schedule.next_after(between_them) == later
    assert list(between(schedule, start, slots[7])) == list(slots[:8])


@given(st.integers(0, 23), st.integers(0, 59), ZONES, st.dates(date(2026, 1, 1), date(2027, 12, 30)))
@example(2, 30, STOCKHOLM, SPRING)
@example(2, 0, STOCKHOLM, SPRING)
@example(2, 30, STOCKHOLM, AUTUMN)
@example(2, 15, "Australia/Lord_Howe", date(2026, 10, 4))
@example(1, 45, "Australia/Lord_Howe", date(2026, 4, 5))
def test_a_daily_slot_comes_once_a_day_whatever_the_clock_does(h: int, m: int, zone: str, day: date) -> None:
    (slot,) = of_day(f"cron: {m} {h} * * *", zone, day)
    shown = slot.time()
    exists = datetime.combine(day, time(h, m), ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone))
    assert shown == time(h, m) if exists.time() == time(h, m) else shown > time(h, m)


def test_an_hour_left_out_counts_at_the_change_and_one_shown_twice_the_first_time() -> None:
    spring = of_day("cron: */30 * * * *", STOCKHOLM, SPRING)
    assert [f"{s:%H:%M}" for s in spring[:5]] == ["00:00", "00:30", "01:00", "01:30", "03:00"]
    assert len(spring) == 46
    autumn = of_day("cron: */30 * * * *", STOCKHOLM, AUTUMN)
    assert [f"{s:%H:%M %Z}" for s in autumn[3:8]] == [
        "01:30 CEST", "02:00 CEST", "02:30 CEST", "03:00 CET", "03:30 CET"
    ]  # fmt: skip
    assert len(autumn) == 48


def test_the_nights_on_which_clocks_change_to_the_minute() -> None:
    (left_out,) = of_day("cron: 30 2 * * *", STOCKHOLM, SPRING)
    assert f"{left_out:%H:%M %Z}" == "03:00 CEST"
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # a quarter past two, again
    assert parse("cron: 30 2 * * *", STOCKHOLM).next_after(second_time) == datetime(
        2026, 10, 26, 1, 30, tzinfo=UTC
    )


def test_an_interval_goes_on_through_the_night() -> None:
    assert [len(of_day("every: 1h", STOCKHOLM, day)) for day in (SPRING, AUTUMN)] == [23, 25]


def test_weekdays_are_those_of_the_wall_clock() -> None:
    slot = parse("cron: 30 0 * * mon", "Asia/Shanghai").next_after(datetime(2026, 11, 24, tzinfo=UTC))
    assert slot == datetime(2026, 11, 29, 16, 30, tzinfo=UTC)  # Monday in Shanghai, Sunday in UTC


def test_off_is_never() -> None:
    assert upcoming(parse("off", "UTC"), datetime(2026, 11, 24, tzinfo=UTC), 5) == ()


@pytest.mark.parametrize("days", ["1", "0-4", "*/2", "mon,3", "7", "monday"])
def test_weekdays_in_numbers_are_refused_with_the_reason(days: str) -> None:
    with pytest.raises(Refusal, match="weekdays by name"):
        parse(f"cron: 30 5 * * {days}", "UTC")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "every: NUMBER"),
        ("30 5 * * *", "every: NUMBER"),
        ("off: 3", "every: NUMBER"),
        ("cron: 30 5 * *", "every: NUMBER"),
        ("cron: 61 5 * * *", "higher than the maximum"),
        ("cron: a 5 * * *", "a line of cron"),
        ("cron: 0 5 30 2 *", "no day there is"),
        ("every: 0s", "such as 15m"),
        ("every: -3m", "such as 15m"),
        ("every: 400d", "at most 366d"),
        ("every: 5", "such as 15m"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        parse(text, "UTC")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "/etc/localtime"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="Europe/Stockholm"):
        parse_zone(name)


def test_lengths() -> None:
    assert [parse_length(t) for t in ("90s", "15m", "6H", " 2d ")] == [
        timedelta(seconds=90), timedelta(minutes=15), timedelta(hours=6), timedelta(days=2)
    ]  # fmt: skip
