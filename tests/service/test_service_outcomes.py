"""The vintages of a month's price, and that a later one never changes an earlier one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from data.types import Quote
from service.record.outcomes import Outcome, outcomes

TODAY = date(2026, 11, 24)
JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def quote(
    value: float, recorded: datetime, *, ds: date = JUNE, kind: str = "monthly-mean", known: date = JULY
) -> Quote:
    return Quote(
        series_id="s",
        ds=ds,
        value=value,
        available_on=known,
        recorded_at=recorded,
        source="made up",
        kind=kind,
    )


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def said(found: tuple[Outcome, ...]) -> list[tuple[date, int, float]]:
    return [(o.ds, o.vintage, o.value) for o in found]


def test_each_revision_is_a_vintage_and_a_repetition_is_none() -> None:
    quotes = [
        quote(100.0, at(date(2026, 7, 2))),
        quote(100.0, at(date(2026, 7, 9))),
        quote(104.0, at(date(2026, 8, 2)), known=date(2026, 8, 2)),
    ]
    found = outcomes(quotes, TODAY)
    assert said(found) == [(JUNE, 1, 100.0), (JUNE, 2, 104.0)]
    assert [o.published_on for o in found] == [JULY, date(2026, 8, 2)]


def test_what_is_not_public_or_not_over_did_not_come() -> None:
    quotes = [quote(100.0, at(date(2026, 6, 20)), known=date(2026, 7, 10))]
    assert said(outcomes(quotes, date(2026, 6, 30))) == []
    assert said(outcomes(quotes, date(2026, 7, 9))) == []
    assert said(outcomes(quotes, date(2026, 7, 10))) == [(JUNE, 1, 100.0)]


def test_dated_quotes_of_a_running_month_count_together_once_it_is_over() -> None:
    days = [(3, 90.0), (12, 100.0), (25, 110.0)]
    quotes = [
        quote(value, at(date(2026, 6, day)), ds=date(2026, 6, day), kind="point", known=date(2026, 6, day))
        for day, value in days
    ]
    assert said(outcomes(quotes, date(2026, 6, 30))) == []
    assert said(outcomes(quotes, JULY)) == [(JUNE, 1, 100.0)]
    late = quote(140.0, at(date(2026, 7, 5)), ds=date(2026, 6, 28), kind="point", known=date(2026, 7, 5))
    assert said(outcomes([*quotes, late], TODAY)) == [(JUNE, 1, 100.0), (JUNE, 2, 110.0)]
    mean = quote(101.0, at(date(2026, 7, 20)), known=date(2026, 7, 20))
    assert said(outcomes([*quotes, late, mean], TODAY))[-1] == (JUNE, 3, 101.0)


def test_an_annual_figure_is_no_month() -> None:
    assert outcomes([quote(1.0, at(JULY), ds=date(2025, 12, 31), kind="annual")], TODAY) == ()


made = st.tuples(
    st.sampled_from([date(2026, 5, 1), JUNE, JULY]),
    st.sampled_from(["monthly-mean", "point"]),
    st.integers(0, 27),
    st.sampled_from([90.0, 100.0, 110.0]),
)


@given(rows=st.lists(made, max_size=14), cut=st.integers(0, 14))
def test_what_is_recorded_later_never_changes_what_was_said(
    rows: list[tuple[date, str, int, float]], cut: int
) -> None:
    """Quotes arrive one an hour; what stood after the first `cut` of them stands after all."""
    start = at(date(2026, 9, 1), 0)
    quotes = [
        quote(
            value,
            start + timedelta(hours=k),
            ds=month if kind == "monthly-mean" else month + timedelta(days=day),
            kind=kind,
            known=month + timedelta(days=32),
        )
        for k, (month, kind, day, value) in enumerate(rows)
    ]
    before, after = said(outcomes(quotes[:cut], TODAY)), said(outcomes(quotes, TODAY))
    for month in {ds for ds, _, _ in before}:
        earlier = [row for row in before if row[0] == month]
        assert [row for row in after if row[0] == month][: len(earlier)] == earlier
