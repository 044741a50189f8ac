"""Which events are marked, where and how."""

from __future__ import annotations

from datetime import date
from typing import Any

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from service.dashboard.timeline import marks, timeline

KNOWN_AT = date(2026, 11, 24)


def use(event_id: str, **values: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "title": f"Title of {event_id}",
        "event_type": "threat",
        "state": "past",
        "probability": 1.0,
        "effect_mean": 0.1,
        "effect_low": 0.0,
        "effect_high": 0.2,
        "events_behind": 3,
        "joint_with": [],
        **values,
    }


def event(event_id: str, on: date, *, element: str = "Dy", probability: float = 1.0) -> Event:
    changes = (
        EventChange(stage=Stage.ANNOUNCED, on=date(2025, 1, 1), known_on=date(2025, 1, 1)),
        EventChange(stage=Stage.EFFECTIVE, on=on, known_on=date(2025, 1, 1), probability=probability),
    )
    return Event(
        event_id=event_id,
        title=event_id,
        instrument="licence",
        direction="tighten",
        jurisdiction="CN",
        elements={element: Coverage.COVERED},
        market_side=MarketSide.EX_CHINA,
        changes=changes,
    )


def test_marks_are_numbered_by_date_and_undated_ones_come_last() -> None:
    uses = [use("undated"), use("late", joint_with=["early", "gone"]), use("early")]
    found = marks(uses, {"late": date(2026, 5, 1), "early": date(2025, 4, 4)})
    assert [(m.number, m.event_id, m.on) for m in found] == [
        (1, "early", date(2025, 4, 4)),
        (2, "late", date(2026, 5, 1)),
        (3, "undated", None),
    ]
    assert found[1].joint_with == ("1", "gone")


def test_an_open_event_shows_its_probability() -> None:
    sure, open_ = marks(
        [use("a"), use("b", state="pending", probability=0.6)],
        {"a": date(2025, 1, 1), "b": date(2027, 1, 1)},
    )
    assert (sure.certain, sure.label) == (True, "1")
    assert (open_.certain, open_.label) == (False, "2: 60\u202f%")


def test_an_effect_on_the_premium_is_marked_and_an_older_forecast_speaks_of_the_price() -> None:
    said = [use("a"), use("b", acts_on="price"), use("c", acts_on="premium over the Chinese price")]
    assert [mark.on_premium for mark in marks(said, {})] == [False, False, True]


def test_two_past_events_or_fewer_are_prior_led() -> None:
    found = marks([use(str(n), events_behind=n) for n in range(4)], {})
    assert [m.prior_led for m in found] == [True, True, True, False]


def test_the_rest_is_background_and_other_elements_are_not_shown() -> None:
    events = [
        event("used", date(2025, 4, 4)),
        event("old", date(2025, 3, 1)),
        event("ahead", date(2027, 1, 10), probability=0.4),
        event("other metal", date(2025, 5, 1), element="Nd"),
    ]
    used, rest = timeline(events, [use("used")], element="Dy", market="eu", known_at=KNOWN_AT)
    assert [(m.event_id, m.on) for m in used] == [("used", date(2025, 4, 4))]
    assert [(b.event_id, b.state, b.probability) for b in rest] == [
        ("old", "past", 1.0),
        ("ahead", "pending", 0.4),
    ]


def test_a_series_outside_the_catalogue_has_only_what_its_forecast_names() -> None:
    used, rest = timeline(
        [event("x", date(2025, 4, 4))], [use("x")], element=None, market=None, known_at=KNOWN_AT
    )
    assert [m.on for m in used] == [None]
    assert rest == ()
