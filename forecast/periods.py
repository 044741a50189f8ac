"""Calendars: the period index of a series, its gaps, and what was available by a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.errors import InputError
from forecast.types import Array, PriceHistory, SeriesKey

EPOCH = date(1970, 1, 1).toordinal()

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


def available(quotes: pd.DataFrame, known_at: date) -> pd.DataFrame:
    """Dated quotes known at the end of `known_at`: by `available_on` where the column exists, else on their
    day."""
    days = pd.to_datetime(quotes["available_on" if "available_on" in quotes.columns else "ds"])
    return quotes[days <= pd.Timestamp(known_at)]


def series_key(rows: pd.DataFrame) -> SeriesKey:
    """Key of one series from its rows; the static columns are optional."""
    static = {c: (str(rows[c].iloc[0]) if c in rows and pd.notna(rows[c].iloc[0]) else None) for c in STATIC}
    return SeriesKey(unique_id=str(rows["unique_id"].iloc[0]), **static)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Every price of one series and from when it is known, so that any past day can be looked up.

    periods: PeriodIndex without holes; y: (n,) price or NaN; known: (n,) ordinal of the day from whose end
    each price is known; counts: (n,) dated quotes that each is the mean of, NaN where not known.
    """

    key: SeriesKey
    periods: pd.PeriodIndex
    y: Array
    known: NDArray[np.int64]
    counts: Array

    def at(self, day: date | None, lag: int = 0) -> PriceHistory | None:
        """The history known at the end of `day` (all of it, for None), or None where there is no price.

        lag: the last `lag` periods up to that of `day` are withheld, as if they were late.
        """
        seen = np.isfinite(self.y)
        if day is not None:
            seen &= self.known <= day.toordinal()
        if lag and day is not None:
            seen &= self.periods.asi8 <= pd.Period(day, self.periods.freqstr).ordinal - lag
        at = np.flatnonzero(seen)
        if not len(at):
            return None
        span = slice(int(at[0]), int(at[-1]) + 1)
        return PriceHistory(
            key=self.key,
            periods=self.periods[span],
            y=np.where(seen[span], self.y[span], np.nan),
            counts=self.counts[span],
        )


def to_books(history: pd.DataFrame, freq: str) -> list[Book]:
    """Long frame -> one Book a series, sorted by id. A price is known from its `available_on` where the
    column exists, else at the end of its period, whose mean it is.

    A series without any price has an empty Book.
    """
    rule, _ = period_frequency(freq)
    found = []
    for _, every in history.groupby("unique_id", sort=True):
        rows = every.dropna(subset=["y"])
        periods = pd.PeriodIndex(rows["ds"], freq=rule)
        if periods.has_duplicates:
            day = periods[periods.duplicated()][0]
            raise InputError("ds", f"two prices in {day}", f"one price per period at freq {freq}")
        calendar = pd.period_range(periods.min(), periods.max(), freq=rule) if len(periods) else periods
        at = periods.asi8 - (calendar[0].ordinal if len(calendar) else 0)
        y, counts = np.full((2, len(calendar)), np.nan)
        y[at] = rows["y"].to_numpy(float)
        if "n_quotes" in rows:
            counts[at] = rows["n_quotes"].to_numpy(float)
        days = rows.get("available_on", periods.end_time)
        known = np.zeros(len(calendar), dtype=np.int64)
        known[at] = pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]").astype(np.int64) + EPOCH
        found.append(Book(key=series_key(every), periods=calendar, y=y, known=known, counts=counts))
    return found


def steps_between(start: pd.Period, end: pd.Period) -> int:
    """Calendar steps from `start` to `end`."""
    return int(end.ordinal - start.ordinal)
