"""When a delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.retries import DELAYS, LONGEST_WAIT, next_delay, retry_after

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_the_table_is_the_promised_one() -> None:
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert [round(delay.total_seconds() / 3600, 9) for delay in DELAYS] == [round(h, 9) for h in hours]


@given(st.integers(1, len(DELAYS)), st.text())
def test_a_delay_strays_by_a_fifth_at_most_and_is_the_same_each_time(failures: int, message: str) -> None:
    found = next_delay(failures, message)
    assert found is not None
    assert 0.8 <= found / DELAYS[failures - 1] <= 1.2
    assert next_delay(failures, message) == found


def test_delays_spread_over_the_whole_range() -> None:
    shares = [(next_delay(2, f"msg_{i}") or timedelta(0)) / DELAYS[1] for i in range(500)]
    assert min(shares) < 0.82
    assert max(shares) > 1.18
    assert abs(sum(shares) / len(shares) - 1) < 0.02


def test_after_the_last_delay_it_is_given_up() -> None:
    assert next_delay(len(DELAYS), "msg") is not None
    assert next_delay(len(DELAYS) + 1, "msg") is None
    assert next_delay(len(DELAYS) + 1, "msg", timedelta(seconds=1)) is None


@given(st.integers(1, len(DELAYS)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_wish_is_granted_between_the_delay_and_a_day(failures: int, wished: timedelta) -> None:
    scheduled, found = next_delay(failures, "msg"), next_delay(failures, "msg", wished)
    assert scheduled is not None
    assert found == max(scheduled, min(wished, LONGEST_WAIT))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", 10**9),
        ("Tue, 24 Nov 2026 09:31:00 GMT", 60),
        ("Tue, 24 Nov 2026 09:29:00 GMT", 0),
        ("Tue, 24 Nov 2026 10:31:00 +0100", 60),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Tue, 99 Nov 2026 09:31:00 GMT", None),
        ("Tue, 24 Nov 2026 09:31:00 -0000", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    found = retry_after(header, NOW)
    assert found == (None if seconds is None else timedelta(seconds=seconds))
