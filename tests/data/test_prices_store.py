"""Quotes: vintages, as_of, recorded_by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from data.errors import UnknownId
from data.store import prices
from data.types import AppendResult, Quote, Series
from forecast.errors import InputError

START = datetime(2026, 1, 1, tzinfo=UTC)


def quote(value: float = 400.0, **other: Any) -> Quote:
    """A quote of January 2026, available in February, recorded on 1 March."""
    given: dict[str, Any] = {
        "series_id": "nd-oxide-cn",
        "ds": date(2026, 1, 1),
        "value": value,
        "available_on": date(2026, 2, 1),
        "recorded_at": datetime(2026, 3, 1, tzinfo=UTC),
        "source": "exchange",
        "kind": "monthly-mean",
    }
    return Quote(**given | other)


@contextlib.contextmanager
def filled(engine: Engine, series: Series) -> Iterator[Connection]:
    """A transaction with one series in the catalogue that leaves nothing behind."""
    with engine.connect() as conn, conn.begin() as transaction:
        prices.add_series(conn, series)
        yield conn
        transaction.rollback()


def test_the_catalogue_gives_back_what_it_got(engine: Engine, nd_series: Series) -> None:
    with filled(engine, nd_series) as conn:
        assert prices.get_series(conn, "nd-oxide-cn") == nd_series
        assert prices.get_series(conn, "other") is None
        assert prices.add_series(conn, nd_series) is False
        assert prices.add_series(conn, replace(nd_series, title="Nd")) is True
        assert [s.title for s in prices.list_series(conn)] == ["Nd"]


def test_a_quote_comes_back_whole(engine: Engine, nd_series: Series) -> None:
    east = timezone(timedelta(hours=8))
    sent = quote(
        low=390.5, high=0.1 + 0.2, n_quotes=21, note="gemeldet — 氧化钕",
        recorded_at=datetime(2026, 3, 1, 7, 30, 1, 5, tzinfo=east),
    )  # fmt: skip
    with filled(engine, nd_series) as conn:
        assert prices.append(conn, [sent]) == AppendResult(added=1)
        [back] = prices.load(conn)
    assert back == sent
    assert back.recorded_at.tzinfo is UTC
    assert back.recorded_at == datetime(2026, 2, 28, 23, 30, 1, 5, tzinfo=UTC)


def test_the_same_again_changes_nothing(engine: Engine, nd_series: Series) -> None:
    rows = [quote(), quote(410.0, ds=date(2026, 2, 1), available_on=date(2026, 3, 1))]
    later = [replace(q, recorded_at=q.recorded_at + timedelta(days=9)) for q in rows]
    with filled(engine, nd_series) as conn:
        assert prices.append(conn, rows).added == 2
        assert prices.append(conn, later) == AppendResult(unchanged=2)
        assert prices.history(conn, "nd-oxide-cn") == rows


def test_a_correction_is_a_vintage_beside_the_old_one(engine: Engine, nd_series: Series) -> None:
    first = quote(400.0)
    second = quote(404.0, recorded_at=datetime(2026, 3, 5, tzinfo=UTC))
    back_again = quote(400.0, recorded_at=datetime(2026, 3, 9, tzinfo=UTC))
    with filled(engine, nd_series) as conn:
        assert prices.append(conn, [first]) == AppendResult(added=1)
        assert prices.append(conn, [second]) == AppendResult(corrected=1)
        assert prices.load(conn) == [second]
        assert prices.load(conn, recorded_by=first.recorded_at) == [first]
        assert prices.load(conn, recorded_by=datetime(2026, 2, 28, tzinfo=UTC)) == []
        assert prices.append(conn, [back_again]) == AppendResult(corrected=1)
        assert prices.load(conn) == [back_again]
        assert prices.history(conn, "nd-oxide-cn") == [first, second, back_again]


def test_a_revision_hides_nothing_from_an_earlier_reader(engine: Engine, nd_series: Series) -> None:
    first = quote(400.0)
    revised = quote(404.0, available_on=date(2026, 3, 15), recorded_at=datetime(2026, 3, 16, tzinfo=UTC))
    with filled(engine, nd_series) as conn:
        prices.append(conn, [first, revised])
        assert prices.load(conn, as_of=date(2026, 1, 31)) == []
        assert prices.load(conn, as_of=date(2026, 2, 1)) == [first]
        assert prices.load(conn, as_of=date(2026, 3, 14)) == [first]
        assert prices.load(conn, as_of=date(2026, 3, 15)) == [revised]
        # The file of the first publication again: the revision stays.
        assert prices.append(conn, [replace(first, recorded_at=START + timedelta(days=300))]).unchanged == 1
        assert prices.load(conn) == [revised]


def test_kinds_of_one_day_are_kept_apart(engine: Engine, nd_series: Series) -> None:
    with filled(engine, nd_series) as conn:
        prices.append(conn, [quote(400.0), quote(390.0, kind="annual"), quote(410.0, kind="point")])
        assert [(q.kind, q.value) for q in prices.load(conn)] == [
            ("annual", 390.0),
            ("monthly-mean", 400.0),
            ("point", 410.0),
        ]


def test_loading_some_series(engine: Engine, nd_series: Series) -> None:
    with filled(engine, nd_series) as conn:
        prices.add_series(conn, replace(nd_series, series_id="dy-oxide-cn"))
        prices.append(conn, [quote(), quote(series_id="dy-oxide-cn")])
        assert len(prices.load(conn)) == 2
        assert [q.series_id for q in prices.load(conn, ["dy-oxide-cn"])] == ["dy-oxide-cn"]
        assert prices.load(conn, []) == []


def test_a_series_that_nobody_knows_is_refused(engine: Engine, nd_series: Series) -> None:
    with filled(engine, nd_series) as conn:
        with pytest.raises(UnknownId, match="xx-oxide"):
            prices.append(conn, [quote(), quote(series_id="xx-oxide")])
        assert prices.load(conn) == []


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_no_price_is_no_number_above_zero(wrong: float) -> None:
    with pytest.raises(InputError):
        quote(wrong)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(InputError, match="recorded_at"):
        quote(recorded_at=datetime(2026, 1, 1))


def test_two_senders_of_one_file_make_one_vintage(engine: Engine, nd_series: Series) -> None:
    with engine.begin() as conn:
        prices.add_series(conn, nd_series)

    def send(_: int) -> AppendResult:
        with engine.begin() as conn:
            return prices.append(conn, [quote()])

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(send, range(2)))
    assert sorted((r.added, r.unchanged) for r in results) == [(0, 1), (1, 0)]
    with engine.connect() as conn:
        assert len(prices.history(conn, "nd-oxide-cn")) == 1


SENDINGS = st.lists(
    st.tuples(
        st.sampled_from([date(2026, 1, 1), date(2026, 2, 1)]),  # ds
        st.sampled_from([400.0, 401.0]),  # value
        st.integers(0, 3),  # available_on, days
        st.integers(0, 2),  # days since the sending before
        st.sampled_from(["exchange", "mine"]),
    ),
    max_size=12,
)


@given(sendings=SENDINGS, as_of=st.integers(-1, 4), recorded_by=st.integers(-1, 25))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reads_are_those_of_a_plain_list(
    engine: Engine, nd_series: Series, sendings: list[Any], as_of: int, recorded_by: int
) -> None:
    """Against an oracle without SQL: a growing list, filtered by both bounds, last one wins."""
    day, instant = date(2026, 3, 1) + timedelta(days=as_of), START + timedelta(days=recorded_by)
    kept: list[Quote] = []
    recorded_at = START
    with filled(engine, nd_series) as conn:
        for ds, value, available, wait, source in sendings:
            recorded_at += timedelta(days=wait)
            sent = quote(
                value, ds=ds, source=source, recorded_at=recorded_at,
                available_on=date(2026, 3, 1) + timedelta(days=available),
            )  # fmt: skip
            before = [
                q for q in kept if (q.ds, q.source) == (ds, source) and q.available_on <= sent.available_on
            ]
            repeated = bool(before) and before[-1].value == value
            assert prices.append(conn, [sent]).unchanged == int(repeated)
            if not repeated:
                kept.append(sent)
        newest: dict[date, Quote] = {}
        for q in kept:
            if q.available_on <= day and q.recorded_at <= instant:
                newest[q.ds] = q
        found = prices.load(conn, as_of=day, recorded_by=instant)
        assert found == [newest[ds] for ds in sorted(newest)]
        assert [asdict(q) for q in prices.history(conn, "nd-oxide-cn")] == [asdict(q) for q in kept]


@given(sendings=SENDINGS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_past_does_not_change(engine: Engine, nd_series: Series, sendings: list[Any]) -> None:
    """What a reader saw at an instant is what everyone sees who asks for that instant later."""
    seen: list[tuple[datetime, list[Quote]]] = []
    with filled(engine, nd_series) as conn:
        for k, (ds, value, available, _, source) in enumerate(sendings):
            recorded_at = START + timedelta(days=k)
            sent = quote(
                value, ds=ds, source=source, recorded_at=recorded_at,
                available_on=date(2026, 3, 1) + timedelta(days=available),
            )  # fmt: skip
            prices.append(conn, [sent])
            seen.append((recorded_at, prices.load(conn)))
        for instant, quotes in seen:
            assert prices.load(conn, recorded_by=instant) == quotes
