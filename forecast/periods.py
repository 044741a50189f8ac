"""Calendars: the period index of a series, its gaps, and what was available by a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

import numpy as np
import pandas as pd

from forecast.errors import InputError
from forecast.types import PriceHistory, SeriesKey

#: pandas offset of the caller -> (period frequency, periods in a year)
FREQUENCIES: dict[str, tuple[str, int]] = {
    "MS": ("M", 12),
    "W-SUN": ("W-SUN", 52),
    "W-MON": ("W-MON", 52),
    "W-TUE": ("W-TUE", 52),
    "W-WED": ("W-WED", 52),
    "W-THU": ("W-THU", 52),
    "W-FRI": ("W-FRI", 52),
    "W-SAT": ("W-SAT", 52),
}
STATIC = ("element", "market", "currency")


def period_frequency(freq: str) -> tuple[str, int]:
    """(period frequency, periods in a year) of an offset; InputError names the allowed ones."""
    if freq not in FREQUENCIES:
        raise InputError("freq", freq, "one of " + ", ".join(FREQUENCIES))
    return FREQUENCIES[freq]


def last_day(period: pd.Period) -> date:
    """Last calendar day of a period."""
    return period.end_time.date()


def label(periods: pd.PeriodIndex, freq: str) -> pd.DatetimeIndex:
    """The `ds` under which callers know a period: a month's first day, a week's named last day."""
    stamp = periods.to_timestamp(how="start" if freq == "MS" else "end")
    return pd.DatetimeIndex(stamp).normalize()


def to_day(known_at: date | None) -> date | None:
    """A datetime or Timestamp as its day; InputError for anything that is not a date."""
    if known_at is None:
        return None
    if not isinstance(known_at, date):
        raise InputError("known_at", known_at, "a date")
    return known_at.date() if isinstance(known_at, datetime) else known_at


def check_history(history: pd.DataFrame) -> pd.DataFrame:
    """The long frame with text ids; one that cannot be a price history is refused, naming field, found
    and allowed."""
    for column in ("unique_id", "ds", "y"):
        if column not in history.columns:
            raise InputError("history", list(map(str, history.columns)), f"a column {column!r}")
    if history.empty:
        raise InputError("history", "no rows", "at least one price")
    if not pd.api.types.is_datetime64_dtype(history["ds"]):
        raise InputError("ds", str(history["ds"].dtype), "timestamps without a time zone")
    prices = history["y"].to_numpy(float)
    bad = ~(np.isfinite(prices) & (prices > 0)) & ~np.isnan(prices)
    if bad.any():
        raise InputError("y", float(prices[bad][0]), "finite prices above 0, or NaN for no quote")
    twice = history.duplicated(["unique_id", "ds"])
    if twice.any():
        row = history[twice].iloc[0]
        raise InputError(
            "ds", f"{row['unique_id']} {row['ds'].date()} twice", "one price per series and period"
        )
    return history.assign(unique_id=history["unique_id"].astype(str))


def available(
    history: pd.DataFrame, known_at: date | None, rule: str | None = None, dated: Collection[str] = ()
) -> pd.DataFrame:
    """Rows known at the end of `known_at`: by `available_on` where the column exists, else on their day.

    With a period frequency `rule` a row is known at the end of its period, whose mean it is, unless its
    series is `dated`.
    """
    if known_at is None:
        return history
    if "available_on" in history.columns:
        days = pd.to_datetime(history["available_on"])
    elif rule is None:
        days = history["ds"]
    else:
        ends = pd.Series(pd.PeriodIndex(history["ds"], freq=rule).end_time.normalize(), index=history.index)
        days = history["ds"].where(history["unique_id"].isin(dated), ends)
    return history[days <= pd.Timestamp(known_at)]


def series_key(rows: pd.DataFrame) -> SeriesKey:
    """Key of one series from its rows; the static columns are optional."""
    static = {c: (str(rows[c].iloc[0]) if c in rows and pd.notna(rows[c].iloc[0]) else None) for c in STATIC}
    return SeriesKey(unique_id=str(rows["unique_id"].iloc[0]), **static)


def to_histories(history: pd.DataFrame, freq: str) -> list[PriceHistory]:
    """Long frame -> one PriceHistory a series, sorted by id, NaN for periods without a quote.

    Series without any price are dropped here; the caller reports them.
    """
    rule, _ = period_frequency(freq)
    found = []
    for _, rows in history.dropna(subset=["y"]).groupby("unique_id", sort=True):
        prices = pd.Series(
            rows["y"].to_numpy(float), index=pd.PeriodIndex(rows["ds"], freq=rule)
        ).sort_index()
        if prices.index.has_duplicates:
            day = prices.index[prices.index.duplicated()][0]
            raise InputError("ds", f"two prices in {day}", f"one price per period at freq {freq}")
        calendar = pd.period_range(prices.index[0], prices.index[-1], freq=rule)
        values = np.array(prices.reindex(calendar), dtype=np.float64)
        found.append(PriceHistory(key=series_key(rows), periods=calendar, y=values))
    return found


def steps_between(start: pd.Period, end: pd.Period) -> int:
    """Calendar steps from `start` to `end`."""
    return int(end.ordinal - start.ordinal)


def newest_origin(histories: Iterable[PriceHistory]) -> pd.Period:
    """The latest origin of a panel."""
    return max(h.origin for h in histories)
