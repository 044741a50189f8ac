"""Dummies against a slow twin that adds up calendar days one by one."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.errors import InputError
from forecast.events.dummies import columns, decaying_step, design, design_by_type, pulse, ramp, step
from forecast.events.reading import read_events
from tests.forecast.events.makers import DAY, change, event, in_force

MONTH_DAYS = 365.25 / 12


def twin(periods: pd.PeriodIndex, on: date, value) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Mean over the days of each period of value(days since `on`), 0 before it."""
    out = []
    for period in periods:
        day, last, values = period.start_time.date(), period.end_time.date(), []
        while day <= last:
            since = (day - on).days
            values.append(value(since) if since >= 0 else 0.0)
            day += timedelta(days=1)
        out.append(sum(values) / len(values))
    return np.array(out)


def ramp_value(months: float):  # type: ignore[no-untyped-def]
    length = max(round(months * MONTH_DAYS), 1)
    return lambda since: min((since + 1) / length, 1.0)


SHAPES = {
    "step": (lambda p, on: step(p, on), lambda since: 1.0),
    "pulse": (lambda p, on: pulse(p, on, 28), lambda since: float(since < 28)),
    "ramp": (lambda p, on: ramp(p, on, 3), ramp_value(3)),
    "short ramp": (lambda p, on: ramp(p, on, 0.01), ramp_value(0.01)),
    "decaying step": (
        lambda p, on: decaying_step(p, on, 4),
        lambda since: 0.5 ** (since / (4 * MONTH_DAYS)),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("freq", ["M", "W-FRI", "W-SUN"])
@pytest.mark.parametrize("on", [date(2020, 2, 29), date(2020, 3, 1), date(2019, 12, 31), date(2020, 1, 17)])
def test_every_shape_equals_its_daily_twin(shape: str, freq: str, on: date) -> None:
    fast, daily = SHAPES[shape]
    periods = pd.period_range("2019-11-01", "2021-03-01", freq=freq)
    np.testing.assert_allclose(fast(periods, on), twin(periods, on, daily), rtol=0, atol=1e-12)


def test_a_step_on_the_fourth_of_a_30_day_month_is_nine_tenths_of_a_step() -> None:
    periods = pd.period_range("2025-03", "2025-05", freq="M")
    np.testing.assert_allclose(step(periods, date(2025, 4, 4)), [0, 27 / 30, 1], rtol=0, atol=1e-15)


def test_reference_numbers() -> None:
    """By hand: 10 January 2021 has 22 days left in its month of 31."""
    periods = pd.period_range("2021-01", periods=3, freq="M")
    on = date(2021, 1, 10)
    np.testing.assert_allclose(pulse(periods, on, 28), [22 / 31, 6 / 28, 0], atol=1e-15)
    # a month's ramp (30 days) has sum 22 * 23 / 60 in January and is full on 8 February
    expected = [22 * 23 / 60 / 31, (sum(range(23, 31)) / 30 + 20) / 28, 1]
    np.testing.assert_allclose(ramp(periods, on, 1), expected, atol=1e-15)
    q = 0.5 ** (12 / 365.25)
    expected = [
        (1 - q**22) / (1 - q) / 31,
        q**22 * (1 - q**28) / (1 - q) / 28,
        q**50 * (1 - q**31) / (1 - q) / 31,
    ]
    np.testing.assert_allclose(decaying_step(periods, on, 1), expected, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    on=st.dates(date(2008, 1, 1), date(2030, 1, 1)),
    freq=st.sampled_from(["M", "W-FRI"]),
    cut=st.integers(1, 59),
    months=st.floats(0.1, 24),
)
def test_shape_properties(on: date, freq: str, cut: int, months: float) -> None:
    periods = pd.period_range("2017-05-01", periods=60, freq=freq)
    for values in (
        step(periods, on),
        pulse(periods, on),
        ramp(periods, on, months),
        decaying_step(periods, on, months),
    ):
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()
        assert not values[[p.end_time.date() < on for p in periods]].any()
    for values in (step(periods, on), ramp(periods, on, months)):
        assert (np.diff(values) >= -1e-12).all()
    late = periods[cut:]
    np.testing.assert_array_equal(decaying_step(late, on, months), decaying_step(periods, on, months)[cut:])
    np.testing.assert_array_equal(ramp(late, on, months), ramp(periods, on, months)[cut:])


def test_periods_need_not_be_contiguous() -> None:
    periods = pd.PeriodIndex(["2025-06", "2025-04", "2026-04"], freq="M")
    np.testing.assert_allclose(step(periods, date(2025, 4, 4)), [1, 0.9, 1])
    assert len(step(periods[:0], date(2025, 4, 4))) == 0


@pytest.mark.parametrize(
    "call", [lambda p: ramp(p, DAY, 0), lambda p: decaying_step(p, DAY, -1), lambda p: pulse(p, DAY, 0)]
)
def test_a_shape_needs_a_length(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="above 0"):
        call(pd.period_range("2025-01", periods=2, freq="M"))


def world() -> tuple:  # type: ignore[type-arg]
    return (
        in_force("LIC", date(2025, 4, 4)),
        in_force(
            "MINE", date(2024, 10, 19), instrument="mine-closure", elements={"Dy": "supply", "Nd": "none"}
        ),
        event(
            "EXPIRY",
            date(2025, 11, 7),
            elements={"Dy": "partial", "Nd": "technology"},
            changes=[change("effective", date(2026, 11, 10), date(2025, 11, 7), 0.2)],
        ),
        event(
            "SCHED",
            date(2024, 5, 30),
            instrument="ban",
            elements={"Dy": "partial"},
            changes=[change("effective", date(2027, 1, 1), date(2024, 5, 30))],
        ),
        in_force("TALK", date(2025, 6, 11), instrument="demand-support", direction="ease"),
    )


def test_design_names_states_and_weights() -> None:
    periods = pd.period_range("2024-09", "2027-03", freq="M")
    found = design(world(), periods, "Dy", "cn", DAY)
    assert found.event_ids == ("MINE", "LIC", "EXPIRY", "SCHED")
    assert found.states == ("past", "past", "unknown-outcome", "scheduled")
    np.testing.assert_array_equal(found.probabilities, [1, 1, 0.2, 1])
    np.testing.assert_array_equal(found.weights, [1, 1, 0.5, 0.5])
    assert found.matrix.shape == (31, 4)
    assert found.matrix[periods.get_loc("2026-11"), 2] == pytest.approx(0.5 * 21 / 30)
    assert design(world(), periods, "Nd", "cn", DAY).event_ids == ("EXPIRY",)


def test_future_rows_equal_the_past_rows_of_later() -> None:
    early, late = date(2025, 4, 30), date(2026, 10, 31)
    events = world()[:2]
    future = design(events, pd.period_range("2025-05", "2026-10", freq="M"), "Dy", "cn", early)
    later = design(events, pd.period_range("2024-01", "2026-10", freq="M"), "Dy", "cn", late)
    assert future.event_ids == later.event_ids
    np.testing.assert_array_equal(future.matrix, later.matrix[-18:])


@pytest.mark.parametrize(("element", "market"), [(None, "cn"), ("Dy", None), ("La", "cn"), (None, None)])
def test_no_element_or_market_no_columns(element: str | None, market: str | None) -> None:
    periods = pd.period_range("2024-09", periods=5, freq="M")
    found = design(world(), periods, element, market, DAY)
    assert found.event_ids == ()
    assert found.matrix.shape == (5, 0)
    names, matrix = design_by_type(world(), periods, element, market, DAY)
    assert names == ()
    assert matrix.shape == (5, 0)


def test_regressors_by_type() -> None:
    periods = pd.period_range("2024-09", "2027-03", freq="M")
    events = (
        *world(),
        in_force("MINE2", date(2026, 5, 1), instrument="mine-closure", elements={"Dy": "supply"}),
        event(
            "MINE3",
            date(2026, 6, 1),
            instrument="mine-closure",
            elements={"Dy": "supply"},
            changes=[change("effective", date(2026, 12, 1), date(2026, 6, 1), 0.4)],
        ),
        event(
            "LATER",
            date(2026, 9, 1),
            instrument="quota",
            elements={"Dy": "supply"},
            changes=[change("effective", date(2027, 1, 1), date(2026, 9, 1), 0.4)],
        ),
    )
    names, matrix = design_by_type(events, periods, "Dy", "cn", DAY)
    # the licence reaches China by spill-over only, and nothing of LATER has happened yet
    assert names == ("feed-loss",)
    expected = sum(decaying_step(periods, on, 4) for on in (date(2024, 10, 19), date(2026, 5, 1)))
    future = np.asarray(periods > pd.Period("2026-11", freq="M"))
    expected = expected + 0.4 * future * decaying_step(periods, date(2026, 12, 1), 4)
    np.testing.assert_allclose(matrix[:, 0], expected, atol=1e-12)
    assert design_by_type(events, periods, "Dy", "eu", DAY)[0] == ("export-barrier", "feed-loss")


def test_columns_of_a_mixed_set_are_those_of_the_single_shapes() -> None:
    periods = pd.period_range("2024-09", periods=30, freq="M")
    readings = read_events(world(), "cn", DAY)
    together = columns(readings, periods)
    for k, reading in enumerate(readings):
        np.testing.assert_array_equal(together[:, k], columns([reading], periods)[:, 0])
