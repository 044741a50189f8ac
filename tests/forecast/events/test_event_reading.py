"""When an event starts, how sure it is, and what a life-cycle does to it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from forecast.events.event import Event
from forecast.events.reading import PENDING_DELAY, Reading, read_events
from tests.forecast.events.makers import DAY, change, event, in_force


def read(*events: Event, day: date = DAY, market: str | None = "cn") -> dict[str, Reading]:
    return {r.event_id: r for r in read_events(events, market, day)}


def test_a_licence_starts_when_it_takes_effect() -> None:
    found = event("A", date(2026, 1, 1), changes=[change("effective", date(2026, 3, 1), date(2026, 1, 1))])
    assert read(found)["A"].on == date(2026, 3, 1)
    assert read(found)["A"].state == "past"
    assert read(found, day=date(2026, 2, 1))["A"].state == "scheduled"
    assert read(found, day=date(2025, 12, 31)) == {}


def test_a_threat_starts_when_it_is_spoken() -> None:
    found = event(
        "A",
        date(2026, 1, 1),
        instrument="threat",
        changes=[change("effective", date(2026, 3, 1), date(2026, 1, 1))],
    )
    assert read(found)["A"].on == date(2026, 1, 1)


def test_a_date_that_may_not_hold_moves_any_anchor_to_it() -> None:
    found = event(
        "A",
        date(2026, 1, 1),
        instrument="truce",
        direction="ease",
        changes=[change("effective", date(2026, 12, 1), date(2026, 1, 1), 0.3)],
    )
    reading = read(found)["A"]
    assert (reading.on, reading.state, reading.probability) == (date(2026, 12, 1), "pending", 0.3)
    assert read(found, day=date(2026, 12, 1))["A"].state == "unknown-outcome"


def test_the_last_word_on_a_probability_counts_and_the_first_chance_says_since_when() -> None:
    found = event("A", date(2026, 1, 1), changes=[
        change("effective", date(2026, 6, 1), date(2026, 1, 1), 0.3),
        change("effective", date(2026, 7, 1), date(2026, 6, 15), 1.0),
    ])  # fmt: skip
    before, after = read(found, day=date(2026, 6, 14))["A"], read(found)["A"]
    assert (before.on, before.state, before.probability) == (date(2026, 6, 1), "unknown-outcome", 0.3)
    assert (after.on, after.state, after.known_on) == (date(2026, 7, 1), "past", date(2026, 1, 1))


def test_a_probability_of_zero_is_no_event() -> None:
    found = event(
        "A", date(2026, 1, 1), changes=[change("effective", date(2027, 1, 1), date(2026, 1, 1), 0.0)]
    )
    assert read(found) == {}


def test_without_a_date_it_pends_and_in_time_is_given_up() -> None:
    found = event("A", date(2026, 1, 1))
    reading = read(found)["A"]
    assert (reading.state, reading.probability, reading.on) == ("pending", 0.5, DAY + PENDING_DELAY)
    assert read(found, day=date(2026, 1, 1) + timedelta(days=548))
    assert read(found, day=date(2026, 1, 1) + timedelta(days=549)) == {}


@pytest.mark.parametrize("stage", ["suspended", "lifted", "superseded"])
def test_ended_before_it_began_is_no_event(stage: str) -> None:
    end = change(stage, date(2026, 5, 1))
    assert read(event("A", date(2026, 1, 1), changes=[end])) == {}
    dated = change("effective", date(2026, 6, 1), date(2026, 1, 1))
    assert read(event("A", date(2026, 1, 1), changes=[dated, end])) == {}


def test_lifting_a_standing_measure_is_an_easing_of_its_own() -> None:
    effective, end = change("effective", date(2026, 1, 1)), change("lifted", date(2026, 6, 1))
    found = event("A", date(2026, 1, 1), changes=[effective, end])
    readings = read(found)
    assert set(readings) == {"A", "A:lifting"}
    lifting = readings["A:lifting"]
    assert (lifting.rule.event_type, lifting.on, lifting.state) == ("easing", date(2026, 6, 1), "past")
    assert readings["A"].on == date(2026, 1, 1)
    assert set(read(found, day=date(2026, 5, 31))) == {"A"}


def test_a_suspension_ahead_enters_with_its_probability() -> None:
    end = change("suspended", date(2027, 2, 1), date(2026, 6, 1), 0.4)
    reading = read(in_force("B", date(2026, 1, 1)), event("A", date(2026, 1, 1), changes=[
        change("effective", date(2026, 1, 1)), end]))["A:lifting"]  # fmt: skip
    assert (reading.state, reading.probability) == ("pending", 0.4)


def test_an_easing_event_of_the_list_is_the_lifting() -> None:
    found = event("A", date(2026, 1, 1), changes=[
        change("effective", date(2026, 1, 1)), change("lifted", date(2026, 6, 1))])  # fmt: skip
    easing = in_force("E", date(2026, 5, 20), instrument="licence", direction="ease")
    assert set(read(found, easing)) == {"A", "E"}
    elsewhere = in_force("E", date(2026, 5, 20), direction="ease", elements={"Nd": "covered"})
    assert set(read(found, elsewhere)) == {"A", "E", "A:lifting"}
    much_later = in_force("E", date(2026, 8, 1), direction="ease")
    assert set(read(found, much_later)) == {"A", "E", "A:lifting"}


@pytest.mark.parametrize("instrument", ["mine-closure", "threat"])
def test_what_decays_runs_its_course(instrument: str) -> None:
    found = event("A", date(2026, 1, 1), instrument=instrument, changes=[
        change("effective", date(2026, 1, 1)), change("lifted", date(2026, 6, 1))])  # fmt: skip
    assert set(read(found)) == {"A"}


def test_superseding_and_extending_move_nothing() -> None:
    plain = in_force("A", date(2026, 1, 1))
    other = event("A", date(2026, 1, 1), changes=[
        change("effective", date(2026, 1, 1)),
        change("superseded", date(2026, 6, 1)),
        change("extended", date(2026, 7, 1)),
    ])  # fmt: skip
    assert read(plain) == read(other)


def test_a_measure_abroad_reaches_china_by_a_tight_spill_over_only() -> None:
    mine = {"instrument": "mine-closure", "elements": {"Dy": "supply"}}
    both = read(in_force("A", date(2026, 1, 1), **mine))["A"]  # type: ignore[arg-type]
    abroad = read(in_force("A", date(2026, 1, 1), side="ex-china", **mine))["A"]  # type: ignore[arg-type]
    assert not both.spill
    assert abroad.spill
    assert (abroad.mean, abroad.scale) == (0.0, 0.05)
    assert both.group != abroad.group


def test_outside_china_the_priors_of_base_and_premium_add() -> None:
    licence = in_force("A", date(2026, 1, 1))
    reading = read(licence, market="eu")["A"]
    assert reading.mean == pytest.approx(0.5)
    assert reading.scale == pytest.approx((0.8**2 + 0.05**2) ** 0.5)
    inside = in_force("B", date(2026, 1, 1), instrument="domestic-enforcement", side="china-domestic")
    assert read(inside, market="eu")["B"].scale == pytest.approx(0.1)


def test_paper_has_no_term() -> None:
    assert read(in_force("A", date(2026, 1, 1), instrument="reporting")) == {}


def test_a_measure_dated_back_acts_from_its_announcement() -> None:
    found = event(
        "A", date(2023, 11, 7), changes=[change("effective", date(2023, 10, 31), date(2023, 11, 7))]
    )
    assert read(found)["A"].on == date(2023, 11, 7)
    assert read(found, day=date(2023, 11, 6)) == {}
