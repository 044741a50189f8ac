"""Exchange rates in vintages."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from data.store import fx
from data.types import AppendResult, FxRate
from forecast.errors import InputError


def rate(month: date, currency: str, per_usd: float, recorded_at: datetime, day: int = 1) -> FxRate:
    """A monthly mean, available in the month after."""
    available = (month + timedelta(days=32)).replace(day=day)
    return FxRate(
        month=month,
        currency=currency,
        per_usd=per_usd,
        available_on=available,
        recorded_at=recorded_at,
        source="bank",
    )


def test_rates_by_month(engine: Engine, now: datetime) -> None:
    january, february = date(2026, 1, 1), date(2026, 2, 1)
    rates = [
        rate(february, "CNY", 7.1, now),
        rate(january, "CNY", 7.2, now),
        rate(january, "EUR", 0.9, now),
    ]
    with engine.begin() as conn:
        assert fx.append(conn, rates) == AppendResult(added=3)
        assert fx.append(conn, rates) == AppendResult(unchanged=3)
        everything, early = fx.load(conn), fx.load(conn, date(2026, 2, 1))
    expected = pd.DataFrame(
        {
            "month": pd.to_datetime(["2026-01-01", "2026-02-01"]).astype("datetime64[us]"),
            "CNY": [7.2, 7.1],
            "EUR": [0.9, np.nan],
        }
    )
    pd.testing.assert_frame_equal(everything, expected)
    pd.testing.assert_frame_equal(early, expected.iloc[:1])


def test_a_corrected_rate(engine: Engine, now: datetime) -> None:
    january, later = date(2026, 1, 1), now + timedelta(days=1)
    with engine.begin() as conn:
        fx.append(conn, [rate(january, "EUR", 0.9, now)])
        assert fx.append(conn, [rate(january, "EUR", 0.91, later, day=20)]) == AppendResult(corrected=1)
        assert fx.load(conn)["EUR"].tolist() == [0.91]
        assert fx.load(conn, date(2026, 2, 19))["EUR"].tolist() == [0.9]
        assert fx.load(conn, recorded_by=now)["EUR"].tolist() == [0.9]


def test_no_rates_is_an_empty_table_of_the_same_shape(engine: Engine) -> None:
    with engine.connect() as conn:
        found = fx.load(conn)
    assert found.empty
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "month": "datetime64[us]",
        "CNY": "float64",
        "EUR": "float64",
    }


def test_a_rate_is_of_a_month(now: datetime) -> None:
    with pytest.raises(InputError, match="month"):
        rate(date(2026, 1, 2), "EUR", 0.9, now)
