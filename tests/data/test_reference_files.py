"""The shipped files: complete, sourced, and free of hindsight where a model could see it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest

from data.reference.load import (
    read_catalogue,
    read_deadlines,
    read_events,
    read_exports,
    read_fx,
    read_quotes,
)
from data.validate import first_available
from forecast.events.event import Event, Stage, known_at
from forecast.vat import china_vat

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
EVENTS = {event.event_id: event for event in read_events()}
QUOTES = read_quotes(NOW)


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files("data.reference").joinpath(name).read_text("utf-8"))))


def at(event_id: str, day: date) -> Event:
    found = EVENTS[event_id].known_at(day)
    assert found is not None
    return found


def test_there_are_as_many_rows_as_were_collected() -> None:
    assert Counter(q.kind for q in QUOTES) == {"monthly-mean": 427, "point": 61, "annual": 53}
    assert len(read_fx(NOW)) == 2 * 210
    assert len(read_exports()) == 34
    assert len(EVENTS) == 69


def test_the_nine_forecast_series_have_a_basis_and_a_base() -> None:
    catalogue = {s.series_id: s for s in read_catalogue()}
    for element in ("nd", "dy", "tb"):
        home = catalogue[f"{element}-oxide-cn"]
        assert (home.currency, home.tax_basis, home.base_series) == ("CNY", "incl-vat", None)
        for market in ("eu", "fob"):
            outside = catalogue[f"{element}-oxide-{market}"]
            assert (outside.currency, outside.tax_basis) == ("USD", "ex-vat")
            assert outside.base_series == home.series_id
    assert {s.frequency for s in catalogue.values() if "usgs" in s.series_id} == {"annual"}
    assert {q.series_id for q in QUOTES} == set(catalogue)


def test_bases_come_before_what_stands_on_them() -> None:
    seen: set[str] = set()
    for series in read_catalogue():
        assert series.base_series is None or series.base_series in seen
        seen.add(series.series_id)


def test_every_number_names_its_source() -> None:
    assert all(q.source.strip() for q in QUOTES)
    assert all(q.note for q in QUOTES if q.source.endswith("dated quotes"))
    for name in ("points_outside_china.csv", "usgs_annual.csv", "exports.csv"):
        assert all(row["source_title"] for row in rows(name))
    for event in EVENTS.values():
        assert event.sources


def test_prices_are_positive_and_inside_their_ranges() -> None:
    for q in QUOTES:
        assert q.value > 0
        assert (q.low is None) == (q.high is None)
        if q.low is not None and q.high is not None:
            assert q.low <= q.value <= q.high


def test_no_price_stands_there_twice() -> None:
    assert max(Counter((q.series_id, q.ds, q.kind) for q in QUOTES).values()) == 1


def test_the_day_a_number_could_be_known_follows_the_stated_rule() -> None:
    for q in QUOTES:
        assert q.available_on == first_available(q.kind, q.ds)
        assert q.available_on <= NOW.date()
    for rate in read_fx(NOW):
        assert rate.available_on == first_available("monthly-mean", rate.month)
    one = next(q for q in QUOTES if q.kind == "annual" and q.ds.year == 2015)
    assert (one.ds, one.available_on) == (date(2015, 12, 31), date(2016, 2, 1))


def test_one_export_series_holds_old_means_and_new_points() -> None:
    own = [q for q in QUOTES if q.series_id == "dy-oxide-fob"]
    assert max(q.ds for q in own if q.kind == "monthly-mean") == date(2015, 4, 1)
    assert min(q.ds for q in own if q.kind == "point") == date(2021, 1, 22)


def test_europe_over_china_is_what_the_trade_press_counts() -> None:
    """Dysprosium in Europe over China incl. VAT: about 1.2 before the control of April 2025, 4.6 after."""
    price = {(q.series_id, q.ds): q.value for q in QUOTES}
    cny = {r.month: r.per_usd for r in read_fx(NOW) if r.currency == "CNY"}
    before = price["dy-oxide-eu", date(2025, 4, 1)] * cny[date(2025, 4, 1)]
    assert before / price["dy-oxide-cn", date(2025, 4, 1)] == pytest.approx(1.2, abs=0.06)
    after = price["dy-oxide-eu", date(2025, 12, 11)] * cny[date(2025, 12, 1)]
    assert after / price["dy-oxide-cn", date(2025, 12, 1)] == pytest.approx(4.6, abs=0.1)
    assert china_vat(date(2025, 12, 11)) == 0.13


def test_every_event_parses_starts_with_its_announcement_and_is_sorted() -> None:
    for event in EVENTS.values():
        known = [c.known_on for c in event.changes]
        assert known == sorted(known)
        assert event.changes[0].stage is Stage.ANNOUNCED
        assert event.known_on == known[0]
    order = [e.known_on for e in read_events()]
    assert order == sorted(order)


def test_a_chance_below_one_gives_its_reason() -> None:
    doubtful = [c for e in EVENTS.values() for c in e.changes if c.probability < 1]
    assert len(doubtful) > 15
    assert all(len(c.note) > 20 for c in doubtful)


def test_an_imprecise_date_says_which_day_was_taken() -> None:
    for event in EVENTS.values():
        if len(str(event.description.get("announced_as_reported", "2000-01-01"))) < 10:
            assert event.changes[0].note, event.event_id


OPEN = {"pending", "scheduled", "past_outcome_unknown"}


@pytest.mark.parametrize("event", [e for e in EVENTS.values() if e.description["status"] in OPEN], ids=str)
def test_an_open_event_holds_a_chance(event: Event) -> None:
    assert [c for c in event.changes if 0 < c.probability < 1]


@pytest.mark.parametrize(
    ("event_id", "chance"),
    [
        ("CN-2026-11-10-EXPIRY", 0.2),
        ("CN-US-2026-09-24-EXT", 0.8),
        ("US-2027-01-01-DFARS", 0.95),
        ("CN-2026-11-18-APEC", 0.5),
    ],
)
def test_what_is_ahead_has_its_stated_chance(event_id: str, chance: float) -> None:
    effective = EVENTS[event_id].change(Stage.EFFECTIVE)
    assert effective is not None
    assert effective.probability == chance


def test_the_end_of_the_duty_was_public_before_it_came() -> None:
    duty = EVENTS["CN-2008-01-TARIFF"].change(Stage.LIFTED)
    assert duty is not None
    assert (duty.on, duty.known_on) == (date(2015, 5, 1), date(2015, 4, 23))
    assert at("CN-2008-01-TARIFF", date(2015, 4, 22)).change(Stage.LIFTED) is None


def test_the_october_package_as_readers_knew_it() -> None:
    package = "CN-2025-10-09-PACKAGE"
    assert at(package, date(2025, 10, 29)).change(Stage.SUSPENDED) is None
    suspended = at(package, date(2025, 10, 30)).change(Stage.SUSPENDED)
    assert suspended is not None
    assert (suspended.on, suspended.probability) == (date(2025, 11, 10), 0.9)
    formal = at(package, date(2025, 11, 7)).change(Stage.SUSPENDED)
    assert formal is not None
    assert (formal.on, formal.probability) == (date(2025, 11, 7), 1.0)
    assert at(package, date(2026, 9, 22)).change(Stage.EXTENDED) is None
    extended = at(package, date(2026, 9, 23)).change(Stage.EXTENDED)
    assert extended is not None
    assert extended.probability < 1


def test_announcement_18_stands_and_does_not_cover_neodymium() -> None:
    event = EVENTS["CN-2025-04-04-NO18"]
    assert {c.stage for c in event.changes} == {Stage.ANNOUNCED, Stage.EFFECTIVE}
    assert {e: c.value for e, c in event.elements.items()} == {
        "Dy": "covered",
        "Tb": "covered",
        "Nd": "sympathy",
    }


def test_an_end_that_was_read_off_prices_is_no_change() -> None:
    event = EVENTS["CN-2016-12-CRACKDOWN"]
    assert event.description["end_as_reported"] == "2017-10"
    assert {c.stage for c in event.changes} == {Stage.ANNOUNCED, Stage.EFFECTIVE}


def test_hindsight_stands_in_the_description_alone() -> None:
    """Status, ends, shapes, signs and reactions were written after seeing prices."""
    hindsight = {"status", "end", "dummy", "price_reaction", "unconfirmed", "note"}
    assert not hindsight & set(Event.__dataclass_fields__)
    for event in EVENTS.values():
        assert "status" in event.description


def test_nothing_is_known_before_the_first_event() -> None:
    assert known_at(EVENTS.values(), date(2008, 1, 30)) == ()
    assert len(known_at(EVENTS.values(), date(2026, 11, 24))) == 69


def test_deadlines_ahead_belong_to_events() -> None:
    found = read_deadlines()
    assert [d.on for d in found] == sorted(d.on for d in found)
    assert {d.event_id for d in found} <= set(EVENTS)
    assert date(2027, 1, 10) in {d.on for d in found}


def test_the_terms_are_shipped_beside_the_data() -> None:
    text = files("data.reference").joinpath("LICENSE-DATA.md").read_text("utf-8")
    assert "check the terms before you redistribute" in text
    assert "ytterby data remove-reference" in text
