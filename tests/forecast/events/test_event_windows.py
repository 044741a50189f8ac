"""Months of news and control windows: from what was public at the time alone."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.events.windows import in_control_window, news_days, news_windows


def event(instrument: str = "licence", **changes: object) -> Event:
    """A licence on Dy, announced in April 2025, in force from May, suspended by October's news."""
    given: dict[str, object] = {
        "event_id": "E",
        "title": "made up",
        "instrument": instrument,
        "direction": "tighten",
        "jurisdiction": "CN",
        "elements": {"Dy": Coverage.COVERED, "Nd": Coverage.SYMPATHY},
        "market_side": MarketSide.BOTH,
        "changes": (
            EventChange(stage=Stage.ANNOUNCED, on=date(2025, 4, 4), known_on=date(2025, 4, 4)),
            EventChange(stage=Stage.EFFECTIVE, on=date(2025, 5, 10), known_on=date(2025, 4, 4)),
            EventChange(stage=Stage.SUSPENDED, on=date(2025, 11, 10), known_on=date(2025, 10, 30)),
        ),
    }
    return Event(**{**given, **changes})  # type: ignore[arg-type]


def test_news_is_what_a_cutoff_could_not_know() -> None:
    found = news_windows([event()], "Dy", [date(2025, 3, 31), date(2025, 4, 30)], range(1, 10))
    before = [True, True, True, False, False, False, True, True, True]
    assert found[0].tolist() == before, (
        "April to June by the announcement, October to December by the suspension"
    )
    assert found[1].tolist() == [False] * 5 + [True] * 3 + [False]


@pytest.mark.parametrize(
    ("made", "element"),
    [(event(), "Nd"), (event(), None), (event(instrument="reporting"), "Dy")],
    ids=["touched by sympathy alone", "no element", "paper without a flow"],
)
def test_what_is_no_news(made: Event, element: str | None) -> None:
    assert news_days([made], element) == []
    assert not news_windows([made], element, [date(2025, 3, 31)], range(1, 10)).any()


def test_a_control_window_is_while_a_border_measure_is_in_force() -> None:
    months = pd.period_range("2025-03", "2025-12", freq="M")
    found = [in_control_window([event()], "Dy", month) for month in months]
    assert [str(m) for m, inside in zip(months, found, strict=True) if inside] == [
        "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10",
    ]  # fmt: skip
    assert not any(in_control_window([event()], element, m) for m in months for element in ("Nd", None))


def test_what_was_learnt_later_changes_no_month_before() -> None:
    """A suspension that became public in January says nothing of a month that ended before."""
    late = EventChange(stage=Stage.SUSPENDED, on=date(2025, 6, 1), known_on=date(2026, 1, 15))
    made = event(changes=(*event().changes[:2], late))
    assert in_control_window([made], "Dy", pd.Period("2025-12", "M"))
    assert not in_control_window([made], "Dy", pd.Period("2026-01", "M"))


@pytest.mark.parametrize("instrument", ["mine-closure", "domestic-enforcement"])
def test_other_kinds_make_news_and_no_control_window(instrument: str) -> None:
    made = event(instrument=instrument)
    assert news_days([made], "Dy")
    assert not in_control_window([made], "Dy", pd.Period("2025-07", "M"))


def test_an_even_chance_counts_as_taken_and_less_does_not() -> None:
    for chance, inside in ((0.5, True), (0.49, False)):
        effective = EventChange(
            stage=Stage.EFFECTIVE, on=date(2025, 5, 10), known_on=date(2025, 4, 4), probability=chance
        )
        made = event(changes=(event().changes[0], effective))
        assert in_control_window([made], "Dy", pd.Period("2025-06", "M")) is inside
