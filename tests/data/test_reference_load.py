"""Loading twice changes nothing; removing takes the demonstration prices, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from data.reference.load import has_reference, load_reference, read_catalogue, remove_reference
from data.store import events as event_store
from data.store import forecasts, prices, runs
from data.store import fx as fx_store
from data.store.engine import make_engine
from data.store.forecasts import IssuedForecast
from data.store.migrate import migrate
from data.types import AppendResult, Quote

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = make_engine(f"sqlite:///{tmp_path / 'reference.db'}")
    migrate(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def own_quote(series_id: str) -> Quote:
    return Quote(
        series_id=series_id,
        ds=date(2026, 10, 1),
        value=1500.0,
        low=None,
        high=None,
        available_on=date(2026, 11, 1),
        recorded_at=LATER,
        source="my desk",
        kind="monthly-mean",
        n_quotes=None,
        note=None,
    )


def issue(conn: Connection, series_id: str) -> None:
    run = runs.request(conn, requested_at=NOW, reason="test")
    forecasts.save(
        conn,
        IssuedForecast(
            series_id=series_id,
            run_id=run,
            issued_at=NOW,
            known_at=NOW.date(),
            origin=date(2026, 9, 1),
            lag=1,
            periods=[date(2026, 10, 1), date(2026, 11, 1)],
            quantiles=(0.1, 0.5, 0.9),
            values=np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
            mean=np.array([2.0, 2.0]),
            paths=np.ones((2, 2), dtype=np.float32),
            header={},
        ),
    )


def test_loading_twice_changes_nothing(conn: Connection) -> None:
    first = load_reference(conn, NOW)
    assert (first.series, first.events, first.quotes.added, first.rates.added) == (16, 69, 541, 420)
    second = load_reference(conn, LATER)
    assert (second.series, second.events) == (0, 0)
    assert second.quotes == AppendResult(added=0, corrected=0, unchanged=541)
    assert second.rates == AppendResult(added=0, corrected=0, unchanged=420)
    assert len(event_store.list_events(conn)) == 69


def test_a_reader_of_the_past_sees_what_was_available(conn: Connection) -> None:
    load_reference(conn, NOW)
    known = prices.load(conn, ["dy-oxide-cn"], as_of=date(2025, 5, 31))
    assert max(q.ds for q in known) == date(2025, 4, 1)
    assert prices.load(conn, ["dy-oxide-cn"], as_of=date(2025, 6, 1))[-1].ds == date(2025, 5, 1)


def test_removing_takes_demonstration_prices_and_what_was_made_of_them(conn: Connection) -> None:
    load_reference(conn, NOW)
    prices.append(conn, [own_quote("dy-oxide-cn")])
    issue(conn, "dy-oxide-cn")
    assert has_reference(conn)
    gone = remove_reference(conn, LATER)
    assert (gone.quotes, gone.forecasts) == (488, 1)
    assert not has_reference(conn)
    assert [q.source for q in prices.load(conn, ["dy-oxide-cn"])] == ["my desk"]
    assert forecasts.latest(conn, "dy-oxide-cn", issued_by=None) is None


def test_what_is_free_of_doubt_stays(conn: Connection) -> None:
    load_reference(conn, NOW)
    remove_reference(conn, LATER)
    assert len(event_store.list_events(conn)) == 69
    assert len(fx_store.load(conn)) == 210
    assert len(prices.load(conn, ["dy-oxide-usgs"])) == 11
    assert {s.series_id for s in prices.list_series(conn)} == {s.series_id for s in read_catalogue()}


def test_the_removal_is_written_down_and_can_be_undone(conn: Connection) -> None:
    load_reference(conn, NOW)
    remove_reference(conn, LATER)
    entry = prices.get_series(conn, "tb-oxide-eu")
    assert entry is not None
    assert "removed on 2026-11-25" in entry.provenance
    assert load_reference(conn, LATER).quotes.added == 488
    assert prices.get_series(conn, "tb-oxide-eu") in read_catalogue()
    assert remove_reference(conn, LATER).quotes == 488
    assert remove_reference(conn, LATER).quotes == 0
