"""Sources in versions, claims that only their newest holder may use, and files that were kept apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from data.sources.definition import Credential, Source
from data.sources.judge import Before
from data.store import fx, fx_days, quarantine, sources
from data.store.quarantine import DISMISSED, DROPPED, HELD, MOST_HELD, TAKEN, Result
from data.types import FxRate

LEASE = timedelta(minutes=10)
DESK = Source(
    source_id="desk",
    label="Desk",
    format="csv",
    url="https://desk.example/prices.csv",
    columns={"ds": "Date", "y": "Price", "unique_id": "Symbol"},
    series={"DY": "dy-oxide-cn"},
    credential=Credential(variable="YTTERBY_SOURCE_DESK"),
)
MANUAL = Source(source_id="manual", label="By hand", format="xlsx")


@pytest.fixture
def filled(engine: Engine, now: datetime) -> Engine:
    """Two sources, one of them pulled by itself."""
    with engine.begin() as conn:
        assert sources.add(conn, DESK, at=now, author="test")
        assert sources.add(conn, MANUAL, at=now, author="test")
        assert not sources.add(conn, DESK, at=now, author="test")
    return engine


def test_a_definition_comes_back_as_it_was(filled: Engine, now: datetime) -> None:
    with filled.connect() as conn:
        found = sources.list_sources(conn)
        raw = conn.execute(text("SELECT content FROM source WHERE source_id = 'desk'")).scalar()
    assert [one.source for one in found] == [DESK, MANUAL]
    assert [(one.version, one.author, one.due_at) for one in found] == [(1, "test", now), (1, "test", None)]
    assert "YTTERBY_SOURCE_DESK" in str(raw)


def test_only_the_newest_version_is_replaced(filled: Engine, now: datetime) -> None:
    changed, later = replace(DESK, every_minutes=60), now + timedelta(hours=1)
    with filled.begin() as conn:
        assert sources.replace(conn, changed, 1, at=later, author="other")
        assert not sources.replace(conn, DESK, 1, at=later, author="other")
        found = sources.get(conn, "desk")
        assert found is not None
        assert (found.source, found.version, found.author, found.due_at) == (changed, 2, "other", later)


def test_a_removed_source_is_gone_and_may_come_back(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        assert not sources.remove(conn, "desk", 7, at=now, author="test")
        assert sources.remove(conn, "desk", 1, at=now, author="test")
        assert sources.get(conn, "desk") is None
        assert sources.claim(conn, now=now, lease=LEASE) is None
        assert sources.add(conn, DESK, at=now, author="test")
        again = sources.get(conn, "desk")
    assert again is not None
    assert again.version == 3


def test_a_claim_is_one_workers_until_its_lease_is_over(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        first = sources.claim(conn, now=now, lease=LEASE)
        assert first is not None
        assert first.source == DESK
        assert sources.claim(conn, now=now, lease=LEASE) is None
        assert sources.claim(conn, now=now, lease=LEASE, source_id="desk") is None
        assert sources.holds(conn, first)
    with filled.begin() as conn:
        second = sources.claim(conn, now=now + LEASE, lease=LEASE)
        assert second is not None
        assert not sources.holds(conn, first), "a worker that was gone too long may not write any more"
        assert sources.holds(conn, second)
        sources.release(conn, first, due_at=None, failures=9, etag="old", last_modified=None, before=Before())
        found = sources.get(conn, "desk")
        assert found is not None
        assert (found.failures, found.etag) == (0, None), "nor give back what is not its own"


def test_what_a_pull_found_is_there_for_the_next(filled: Engine, now: datetime) -> None:
    before = Before(columns=("Date", "Price"), rows=20, final_newline=True)
    with filled.begin() as conn:
        claimed = sources.claim(conn, now=now, lease=LEASE)
        assert claimed is not None
        sources.release(
            conn, claimed, due_at=now + LEASE, failures=2, etag='"a"', last_modified="Tue", before=before
        )
    with filled.begin() as conn:
        assert sources.claim(conn, now=now, lease=LEASE) is None, "not due yet"
        again = sources.claim(conn, now=now + LEASE, lease=LEASE)
    assert again is not None
    assert (again.failures, again.etag, again.last_modified, again.before) == (2, '"a"', "Tue", before)


def test_a_change_takes_the_claim_from_a_pull_under_way(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        claimed = sources.claim(conn, now=now, lease=LEASE)
        assert claimed is not None
        assert sources.replace(conn, replace(DESK, label="Desk 2"), 1, at=now, author="test")
        assert not sources.holds(conn, claimed)
        assert sources.claim(conn, now=now, lease=LEASE) is not None
        sources.accepted(conn, "desk", Before(rows=3))
        found = sources.get(conn, "desk")
        assert found is not None
        assert (found.before.rows, found.claimed_until) == (3, None)


def hold(conn: object, body: bytes, at: datetime, source_id: str | None = "desk") -> quarantine.Held:
    return quarantine.hold(
        conn, body, source_id=source_id, origin="desk.csv", at=at, form="csv", kind="html", reason="a page"
    )  # type: ignore[arg-type]


def test_the_same_bytes_are_one_entry_also_after_they_were_dismissed(filled: Engine, now: datetime) -> None:
    later = now + timedelta(hours=1)
    with filled.begin() as conn:
        first = hold(conn, b"<html>", now)
        assert hold(conn, b"<html>", later).quarantine_id == first.quarantine_id
        quarantine.decide(conn, first.quarantine_id, DISMISSED, at=later, by="test")
        again = hold(conn, b"<html>", later)
        assert (again.quarantine_id, again.state, again.seen) == (first.quarantine_id, DISMISSED, 3)
        assert hold(conn, b"<html>", now, None).quarantine_id != first.quarantine_id
        assert hold(conn, b"<p>", now).state == HELD


def test_the_bytes_are_shown_in_part_and_dropped_when_decided(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        held = hold(conn, b"<html>" + b"\xff" * 5000, now)
        assert quarantine.body_of(conn, held.quarantine_id, most=8) == b"<html>\xff\xff"
        assert len(quarantine.body_of(conn, held.quarantine_id) or b"") == held.size == 5006
        quarantine.decide(conn, held.quarantine_id, "accepted", at=now, by="test")
        assert quarantine.body_of(conn, held.quarantine_id) is None


def test_what_is_held_of_one_source_has_an_end(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        ids = [hold(conn, b"%d" % n, now).quarantine_id for n in range(MOST_HELD + 2)]
        other = hold(conn, b"other", now, None)
        found = {one.quarantine_id: one.state for one in quarantine.list_held(conn)}
        assert [found[n] for n in ids] == [DROPPED, DROPPED] + [HELD] * MOST_HELD
        assert found[other.quarantine_id] == HELD
        assert quarantine.body_of(conn, ids[0]) is None
        assert len(quarantine.list_held(conn, state=HELD, source_id="desk")) == MOST_HELD


def test_results_are_read_newest_first(filled: Engine, now: datetime) -> None:
    with filled.begin() as conn:
        for rows in (1, 2):
            for name in ("desk", None):
                quarantine.record(conn, Result(source_id=name, origin="x", at=now, outcome=TAKEN, rows=rows))
        assert [one.rows for one in quarantine.results(conn, "desk")] == [2, 1]
        assert len(quarantine.results(conn)) == 4
        assert {name: one.rows for name, one in quarantine.last_results(conn).items()} == {"desk": 2}


def test_rates_of_days_are_kept_where_they_say_something_new(engine: Engine, now: datetime) -> None:
    day = date(2026, 11, 24)
    with engine.begin() as conn:
        assert (
            fx_days.append(conn, [(day, "EUR", 0.9), (day, "CNY", 7.1)], source="ecb", recorded_at=now) == 2
        )
        assert (
            fx_days.append(conn, [(day, "EUR", 0.9), (day, "CNY", 7.2)], source="ecb", recorded_at=now) == 1
        )
        assert fx_days.load(conn, "ecb") == {"EUR": {day: 0.9}, "CNY": {day: 7.2}}
        assert fx_days.load(conn, "other") == {}


def test_who_gave_the_newest_rate_of_a_month(engine: Engine, now: datetime) -> None:
    month = date(2026, 10, 1)
    with engine.begin() as conn:
        for source, per_usd, later in (("bank", 0.9, 0), ("ecb", 0.91, 1)):
            rate = FxRate(
                month=month,
                currency="EUR",
                per_usd=per_usd,
                available_on=date(2026, 11, 1),
                recorded_at=now + timedelta(hours=later),
                source=source,
            )
            fx.append(conn, [rate])
        assert fx.said_by(conn) == {(month, "EUR"): "ecb"}
