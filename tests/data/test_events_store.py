"""Events: life-cycle, views by day, audit history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from data.errors import UnknownId
from data.store import events
from forecast.errors import InputError
from forecast.events.event import Event, EventChange, Stage

EXTENDED = EventChange(
    stage=Stage.EXTENDED, on=date(2026, 11, 10), known_on=date(2026, 10, 1), probability=0.6, note="rumour"
)


def test_an_event_comes_back_whole(engine: Engine, licence_event: Event, now: datetime) -> None:
    with engine.begin() as conn:
        assert events.save(conn, licence_event, now, "ada") is True
        assert events.save(conn, licence_event, now + timedelta(days=1), "bob") is False
    with engine.connect() as conn:
        assert events.get(conn, licence_event.event_id) == licence_event
        assert events.list_events(conn) == (licence_event,)
        assert events.get(conn, "other") is None
        assert [e.what for e in events.edits(conn, licence_event.event_id)] == [
            "recorded",
            *["change added"] * 3,
        ]


def test_a_reader_of_a_day_sees_what_was_public(engine: Engine, licence_event: Event, now: datetime) -> None:
    with engine.begin() as conn:
        events.save(conn, licence_event, now, "ada")
        assert events.list_events(conn, known_by=date(2025, 4, 3)) == ()
        [view] = events.list_events(conn, known_by=date(2025, 10, 31))
        assert view == licence_event.known_at(date(2025, 10, 31))
        assert view.change(Stage.SUSPENDED) is None
        [later] = events.list_events(conn, known_by=date(2025, 11, 1))
        assert later == licence_event


def test_the_life_cycle_grows(engine: Engine, licence_event: Event, now: datetime) -> None:
    later = now + timedelta(hours=1)
    confirmed = replace(EXTENDED, probability=1.0, known_on=date(2026, 11, 5), note="")
    with engine.begin() as conn:
        events.save(conn, licence_event, now, "ada")
        assert events.add_change(conn, licence_event.event_id, EXTENDED, later, "bob") is True
        assert events.add_change(conn, licence_event.event_id, EXTENDED, later, "bob") is False
        events.add_change(conn, licence_event.event_id, confirmed, later + timedelta(hours=1), "eve")
        found = events.get(conn, licence_event.event_id)
        assert found is not None
        assert found.changes == (*licence_event.changes, EXTENDED, confirmed)
        assert found.change(Stage.EXTENDED) == confirmed
        rumour = found.known_at(date(2026, 10, 2))
        assert rumour is not None
        assert rumour.change(Stage.EXTENDED) == EXTENDED
        # What the store held at an instant, whatever became public when.
        assert events.get(conn, licence_event.event_id, recorded_by=now) == licence_event
        assert events.list_events(conn, recorded_by=now - timedelta(seconds=1)) == ()
        added = events.edits(conn, licence_event.event_id)[-2:]
    assert [(e.author, e.what, e.recorded_at) for e in added] == [
        ("bob", "change added", later),
        ("eve", "change added", later + timedelta(hours=1)),
    ]
    assert added[0].content == {
        "stage": "extended",
        "on": "2026-11-10",
        "known_on": "2026-10-01",
        "probability": 0.6,
        "note": "rumour",
    }


def test_describing_an_event_again_keeps_both(engine: Engine, licence_event: Event, now: datetime) -> None:
    later = now + timedelta(days=1)
    renamed = replace(licence_event, title="Licences", changes=(*licence_event.changes[:2], EXTENDED))
    with engine.begin() as conn:
        events.save(conn, licence_event, now, "ada")
        assert events.save(conn, renamed, later, "bob") is True
        found = events.get(conn, licence_event.event_id)
        assert found == replace(renamed, changes=(*licence_event.changes, EXTENDED))
        assert events.get(conn, licence_event.event_id, recorded_by=now) == licence_event
        last = events.edits(conn, licence_event.event_id)[-2:]
    assert [e.what for e in last] == ["described again", "change added"]


def test_what_makes_no_life_cycle_is_refused(engine: Engine, licence_event: Event, now: datetime) -> None:
    early = EventChange(stage=Stage.LIFTED, on=date(2025, 1, 1), known_on=date(2025, 1, 1))
    with engine.begin() as conn:
        events.save(conn, licence_event, now, "ada")
        with pytest.raises(InputError, match="announcement"):
            events.add_change(conn, licence_event.event_id, early, now, "ada")
        with pytest.raises(UnknownId, match="other"):
            events.add_change(conn, "other", EXTENDED, now, "ada")
        assert events.get(conn, licence_event.event_id) == licence_event


def test_two_writers_of_one_event_make_one(engine: Engine, licence_event: Event, now: datetime) -> None:

    def write(name: str) -> bool:
        with engine.begin() as conn:
            return events.save(conn, licence_event, now, name)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(write, ("ada", "bob")))
    assert sorted(results) == [False, True]
    with engine.connect() as conn:
        assert events.get(conn, licence_event.event_id) == licence_event
