"""Bad input gets a sensible, labelled answer: a refusal that names field, found and allowed, or a forecast
that says what is wrong with what it stands on, and never a changed answer for the series beside it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.caveats import history_caveats
from forecast.errors import InputError
from forecast.periods import to_books
from forecast.pipeline import backtest_panel, forecast_panel, run_panel
from forecast.types import QUANTILES
from tests.support.bad_input import (
    AHEAD,
    BAD,
    DAY,
    HIGH,
    KNOWN,
    LOW,
    MEDIAN,
    PAST,
    Rows,
    beside,
    check_numbers,
    late,
    licence,
    of,
    since,
    sound,
    walk,
    width,
    without,
)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_history_gets_finite_ordered_ranges(kind: str) -> None:
    run = beside(kind)
    assert not run.failures
    found = of(run, "bad")
    check_numbers(found)
    assert 0.7 < found.values[-1, MEDIAN] / found.last_price < 1.4


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_history_leaves_the_ranges_of_others_alone(kind: str) -> None:
    for name in ("dy", "nd"):
        alone, together = of(beside(None), name), of(beside(kind), name)
        assert together.caveats == alone.caveats
        ratio = width(together) / width(alone)
        assert (ratio > 0.75).all()
        assert (ratio < 1.3).all()
        moved = np.log(together.values[:, MEDIAN] / alone.values[:, MEDIAN])
        assert (np.abs(moved) < 0.25 * width(alone)).all()


def test_a_sound_history_has_nothing_said_of_it() -> None:
    assert all(f.caveats == () for f in beside(None).forecasts)


def test_a_constant_price_is_a_point_and_says_so() -> None:
    found = of(beside("constant"), "bad")
    assert found.calibration.note == "the price never moved: its range is a point, not a finding"
    assert found.values == pytest.approx(np.full(found.values.shape, 50.0), rel=0.01)


@pytest.mark.parametrize("kind", ["two points", "two equal points"])
def test_two_points_get_the_range_that_is_typical_and_say_so(kind: str) -> None:
    """Two equal quotes are no price that never moves, and two alike no calm one."""
    found = of(beside(kind), "bad")
    assert found.calibration.kind == "prior"
    assert "fewer than 25 quotes" in found.calibration.note
    assert any("left out" in c and "2 observations" in c for c in found.caveats)
    typical = width(of(beside(kind), "dy"))
    assert (width(found) > 0.5 * typical).all()
    assert (width(found) < 2.0 * typical).all()


def test_two_points_alone_in_the_panel_get_the_shipped_range() -> None:
    alone = BAD["two equal points"](walk("bad", 3))
    found = run_panel(alone, horizon=6, freq="MS").forecasts[0]
    assert found.calibration.volatility == pytest.approx(0.05, rel=0.2)
    assert found.calibration.kind == "prior"
    check_numbers(found)


def test_a_gap_of_two_years_is_named() -> None:
    found = of(beside("a gap of two years"), "bad")
    said = "no price from 2021-01 to 2022-12, 24 periods: nothing stands in for them"
    assert found.caveats[0] == said
    assert sum("no price" in c for c in found.caveats) == 1
    assert found.calibration.n_errors < of(beside(None), "dy").calibration.n_errors


def factor(rows: Rows, month: str) -> str:
    """How a caveat names a month whose price is a multiple of the one before."""
    y = rows.set_index(rows["ds"].dt.strftime("%Y-%m"))["y"]
    return f"{month} ({(y / y.shift())[month]:.3g} times the price before)"


@pytest.mark.parametrize(
    ("kind", "months"),
    [
        ("ten times the level", ("2022-03",)),
        ("ten times, last month", ("2024-06",)),
        ("ten times for a month", ("2022-03", "2022-04")),
    ],
)
def test_ten_times_the_level_is_flagged_with_period_and_factor(kind: str, months: tuple[str, ...]) -> None:
    found = of(beside(kind), "bad")
    named = ", ".join(factor(BAD[kind](walk("bad", 3)), month) for month in months)
    said = f"a slip of unit, currency or basis? {named}: taken for a real move until corrected"
    assert found.caveats[0] == said
    assert (width(found) > width(of(beside(None), "dy"))).all(), "held as a move that may come again"


def test_after_a_fresh_slip_the_random_walk_is_served_and_says_why() -> None:
    """Momentum in it, or a way back, would put the range where the price is under neither reading."""
    rows = [walk("dy", 1, months=66), walk("nd", 2, months=66)]
    rows.append(BAD["ten times, last month"](walk("bad", 3, "Tb", months=66)))
    run = run_panel(pd.concat(rows, ignore_index=True), horizon=6, freq="MS", known_at=DAY)
    found = of(run, "bad")
    assert (found.champion, set(found.weights)) == ("rw", {"rw"})
    for other in ("dy", "nd"):
        assert "looks like a slip" not in of(run, other).promotion_reason
    assert "the newest price looks like a slip" in found.promotion_reason
    assert (found.values[:, LOW] < found.last_price).all()
    assert (found.values[:, HIGH] > found.last_price).all()


def test_a_real_shock_is_no_slip() -> None:
    """European dysprosium has tripled within a month, and over a year prices quadruple."""
    tripled = since(walk("dy", 1), "2022-03-01", 3.0)
    slow = without(since(walk("nd", 2), "2022-03-01", 5.0), "2022-03-01", "2022-06-01")
    for rows in (tripled, slow):
        assert history_caveats(to_books(rows, "MS")[0].at(DAY), 12) == ()


def test_missing_rows_at_the_end_are_no_quotes_and_lengthen_the_lag() -> None:
    found = of(beside("no price at the end"), "bad")
    assert (str(found.origin), found.lag, len(found.periods)) == ("2023-08", 10, 16)
    assert width(found)[10] > 2.0 * width(found)[0], "its first month is the eleventh since the last price"
    left_out = pd.concat([sound(), late(walk("bad", 3, "Tb")).dropna()], ignore_index=True)
    again = of(run_panel(left_out, horizon=6, freq="MS", known_at=DAY), "bad")
    np.testing.assert_array_equal(found.values, again.values)


def test_a_series_without_a_price_is_reported_and_the_others_served() -> None:
    rows = pd.concat([sound(), walk("bad", 3).assign(y=np.nan)], ignore_index=True)
    run = run_panel(rows, horizon=6, freq="MS", known_at=DAY)
    assert run.failures == (("bad", "no price was available by the day asked for"),)
    np.testing.assert_array_equal(of(run, "dy").values, of(beside(None), "dy").values)
    with pytest.raises(InputError, match="no price was available"):
        forecast_panel(rows, horizon=6, freq="MS", known_at=DAY)
    with pytest.raises(InputError, match="no series with two available prices"):
        run_panel(rows[rows["unique_id"] == "bad"], horizon=6, freq="MS", known_at=DAY)


@pytest.mark.parametrize(
    ("day", "y", "found"),
    [("2024-06-01", None, "dy 2024-06-01 twice"), ("2024-06-20", 7.0, "two prices in 2024-06")],
)
def test_duplicate_dates_are_refused_alike_or_not(day: str, y: float | None, found: str) -> None:
    """In a frame nothing says which of two is right, so equal ones are refused, too."""
    extra = walk("dy", 1).tail(1).assign(ds=pd.Timestamp(day))
    rows = pd.concat([sound(), extra if y is None else extra.assign(y=y)], ignore_index=True)
    for call in (run_panel, lambda *a, **k: backtest_panel(*a, cutoffs=[date(2023, 1, 1)], **k)):
        with pytest.raises(InputError) as caught:
            call(rows, horizon=3, freq="MS")
        assert (caught.value.field, caught.value.found) == ("ds", found)
        assert "one price per" in caught.value.allowed


def test_a_backtest_over_all_of_them_gives_what_was_possible_at_each_cutoff() -> None:
    """One cutoff lies in the gap; two quotes were not there at either."""
    kinds = {k: f"s{i}" for i, k in enumerate(BAD) if k not in ("constant", "ten times for a month")}
    rows = pd.concat([walk("dy", 1), *(BAD[k](walk(n, 3)) for k, n in kinds.items())], ignore_index=True)
    cutoffs = [date(2022, 6, 1), date(2024, 3, 1)]
    folds = backtest_panel(rows, horizon=3, freq="MS", cutoffs=cutoffs)
    numbers = folds[["mean", *(f"q{q:g}" for q in QUANTILES)]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers > 0).all()
    assert (np.diff(numbers[:, 1:], axis=1) >= 0).all()
    champions = folds[folds["model"] == "champion"].groupby("cutoff")["unique_id"].agg(set)
    expected = {"dy", *kinds.values()} - {kinds["two points"], kinds["two equal points"]}
    assert champions.tolist() == [expected, expected]


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """2 to 80 prices of any size with random gaps between them."""
    n = draw(st.integers(2, 80))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    gaps = rng.choice([1, 1, 1, 1, 2, 5, 30], n)
    size = draw(st.sampled_from([0.0, 1e-6, 0.05, 1.0, 20.0]))
    level = draw(st.floats(-200.0, 200.0))
    logs = np.clip(level + np.cumsum(rng.standard_t(3, n) * size), -600.0, 600.0)
    months = pd.period_range("1900-01", periods=int(gaps.sum()) + 1, freq="M")[np.cumsum(gaps)]
    return pd.DataFrame({"unique_id": "any", "ds": months.to_timestamp(), "y": np.exp(logs)})


@settings(max_examples=6, deadline=None, derandomize=True)
@given(histories())
def test_any_positive_history_gives_ordered_positive_quantiles(rows: Rows) -> None:
    run = run_panel(rows, horizon=4, freq="MS")
    assert not run.failures
    check_numbers(run.forecasts[0])


EVENTS = (licence("PAST", PAST, PAST), licence("NEXT", AHEAD, KNOWN, probability=0.4))


def test_the_unit_does_not_matter() -> None:
    """Prices of a tonne are a thousand prices of a kilogram, and so are their forecasts."""
    factor = 1000.0
    rows = pd.concat([BAD["a gap of two years"](walk("c", 3, "Dy")), BAD["two points"](walk("b", 4))])
    one, other = (
        run_panel(r, horizon=6, freq="MS", known_at=DAY, events=EVENTS)
        for r in (rows, rows.assign(y=rows["y"] * factor))
    )
    for a, b in zip(one.forecasts, other.forecasts, strict=True):
        np.testing.assert_allclose(b.values, a.values * factor, rtol=1e-6)
        np.testing.assert_allclose(b.mean, a.mean * factor, rtol=1e-6)
        assert (a.champion, a.caveats) == (b.champion, b.caveats)
