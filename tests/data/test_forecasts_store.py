"""Issued forecasts, exchange-rate paths and backtest figures come back bit for bit."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import default
from sqlalchemy.exc import IntegrityError, StatementError

from data.errors import BadStoredValue
from data.store import backtests, forecasts, prices, runs
from data.store.columns import Numbers
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.errors import InputError
from forecast.types import QUANTILES

MONTHS = (date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1))


def issued(run_id: int, issued_at: datetime) -> IssuedForecast:
    """Three months, two draws of paths."""
    rng = np.random.default_rng(run_id)
    return IssuedForecast(
        series_id="nd-oxide-cn",
        run_id=run_id,
        issued_at=issued_at,
        known_at=issued_at.date(),
        origin=date(2026, 9, 1),
        lag=1,
        periods=MONTHS,
        quantiles=QUANTILES,
        values=np.sort(rng.lognormal(6, 0.1, (3, len(QUANTILES)))),
        mean=rng.lognormal(6, 0.1, 3),
        paths=rng.lognormal(6, 0.1, (200, 3)).astype(np.float32),
        header={"champion": "theta", "weights": {"theta": [1.0, 0.1 + 0.2, 1e-300]}, "caveats": ["夏"]},
    )


@pytest.fixture
def two_runs(engine: Engine, nd_series: Series, now: datetime) -> tuple[int, int]:
    """Two runs, and the series they forecast."""
    with engine.begin() as conn:
        prices.add_series(conn, nd_series)
        first, second = (runs.request(conn, requested_at=now, reason=r) for r in "ab")
    return first, second


def test_round_trip(engine: Engine, two_runs: tuple[int, int], now: datetime) -> None:
    sent = issued(two_runs[0], now)
    with engine.begin() as conn:
        forecasts.save(conn, sent)
    with engine.connect() as conn:
        back = forecasts.latest(conn, "nd-oxide-cn", issued_by=None)
    assert back is not None
    for name in ("values", "mean", "paths"):
        mine, theirs = getattr(sent, name), getattr(back, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    plain = ("run_id", "issued_at", "known_at", "origin", "lag", "periods", "quantiles", "header")
    for name in plain:
        assert getattr(back, name) == getattr(sent, name)


def test_the_newest_by_an_instant(engine: Engine, two_runs: tuple[int, int], now: datetime) -> None:
    later = now + timedelta(days=30)
    with engine.begin() as conn:
        forecasts.save(conn, issued(two_runs[0], now))
        forecasts.save(conn, issued(two_runs[1], later))
        found = [
            forecasts.latest(conn, "nd-oxide-cn", issued_by=bound)
            for bound in (None, later, later - timedelta(microseconds=1), now - timedelta(microseconds=1))
        ]
        assert [f.run_id if f else None for f in found] == [two_runs[1], two_runs[1], two_runs[0], None]
        assert forecasts.latest(conn, "other") is None
        assert forecasts.latest_issued_at(conn) == {"nd-oxide-cn": later}


def test_one_forecast_a_series_and_run(engine: Engine, two_runs: tuple[int, int], now: datetime) -> None:
    with engine.begin() as conn:
        forecasts.save(conn, issued(two_runs[0], now))
    with pytest.raises(IntegrityError), engine.begin() as conn:
        forecasts.save(conn, issued(two_runs[0], now))


def test_shapes_must_agree(two_runs: tuple[int, int], now: datetime) -> None:
    good = issued(two_runs[0], now)
    with pytest.raises(InputError, match="mean"):
        replace(good, mean=good.mean[:2])
    with pytest.raises(InputError, match="paths"):
        replace(good, paths=good.paths[:, :2])
    with pytest.raises(InputError, match="values"):
        replace(good, values=good.values[:, :2])


def test_no_nan_enters_a_header(engine: Engine, two_runs: tuple[int, int], now: datetime) -> None:
    bad = replace(issued(two_runs[0], now), header={"score": float("nan")})
    # SQLAlchemy makes the JSON for SQLite and names the statement; psycopg makes it for PostgreSQL.
    with pytest.raises((StatementError, ValueError), match="not JSON compliant"), engine.begin() as conn:
        forecasts.save(conn, bad)


@pytest.mark.parametrize("raw", [b"not zlib", zlib.compress(b"not an array")])
def test_a_damaged_array_is_named(
    engine: Engine, two_runs: tuple[int, int], now: datetime, raw: bytes
) -> None:
    with engine.begin() as conn:
        forecasts.save(conn, issued(two_runs[0], now))
        conn.execute(text("UPDATE forecast SET paths = :raw"), {"raw": raw})
    with engine.connect() as conn, pytest.raises(BadStoredValue):
        forecasts.latest(conn, "nd-oxide-cn")


def test_objects_cannot_hide_in_an_array() -> None:
    kind = Numbers()
    dialect = default.DefaultDialect()
    with pytest.raises(ValueError, match="pickle"):
        kind.process_bind_param(np.full((2, 3), {}, dtype=object), dialect)
    buffer = io.BytesIO()
    np.save(buffer, np.full(2, {}, dtype=object), allow_pickle=True)
    with pytest.raises(BadStoredValue):
        kind.process_result_value(zlib.compress(buffer.getvalue()), dialect)


def test_exchange_rate_paths(engine: Engine, two_runs: tuple[int, int]) -> None:
    drawn = {c: np.random.default_rng(k).lognormal(size=(200, 3)) for k, c in enumerate(("CNY", "EUR"))}
    with engine.begin() as conn:
        forecasts.save_fx_paths(conn, two_runs[0], MONTHS, drawn)
        with pytest.raises(InputError, match="shape"):
            forecasts.save_fx_paths(conn, two_runs[1], MONTHS[:2], drawn)
    with engine.connect() as conn:
        found = forecasts.latest_fx_paths(conn, two_runs[0])
        assert forecasts.latest_fx_paths(conn, two_runs[1]) is None
    assert found is not None
    assert (found.run_id, found.periods) == (two_runs[0], MONTHS)
    for currency, paths in drawn.items():
        np.testing.assert_array_equal(found.paths[currency], paths.astype(np.float32))


def test_backtest_figures(engine: Engine, two_runs: tuple[int, int]) -> None:
    rows = pd.DataFrame(
        [
            ("nd", "naive", None, "pinball", 0.1 + 0.2, 0.1, 0.5, 240),
            ("nd", "naive", 1, "skill", float("nan"), None, None, 24),
            ("nd", "theta", 18, "skill", -0.25, None, None, 24),
        ],
        columns=list(backtests.COLUMNS),
    )
    with engine.begin() as conn:
        backtests.save(conn, two_runs[0], rows)
        backtests.save(conn, two_runs[1], rows.iloc[:0])
    with engine.connect() as conn:
        found, none = backtests.load(conn, two_runs[0]), backtests.load(conn, two_runs[1])
    expected = rows.astype({"step": "Int64", "value": float, "low": float, "high": float})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["step"].astype(object).where(found["step"].notna(), None).tolist() == [None, 1, 18]
    assert none.empty
    assert list(none.columns) == list(backtests.COLUMNS)
    assert (none.dtypes == found.dtypes)[["step", "value", "n"]].all()


def test_figures_without_a_column_are_refused(engine: Engine, two_runs: tuple[int, int]) -> None:
    with engine.begin() as conn, pytest.raises(InputError, match="metric"):
        backtests.save(conn, two_runs[0], pd.DataFrame({"series_id": ["nd"]}))
