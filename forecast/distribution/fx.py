"""Exchange rates with their own uncertainty: published months are exact, later ones a random walk.

A rate is the monthly mean in units of the currency per US dollar, published for a month on the day
after its end. Beyond the last published month each log rate takes independent normal steps, joint
over currencies. Their size is the clipped standard deviation of the last ten years' monthly changes,
times sqrt(3/2): changes of monthly means show only two thirds of the variance of the walk beneath
(Working 1960, "Note on the correlation of first differences of averages in a random chain").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from forecast.errors import HistoryTooShort, InputError
from forecast.types import Array

BASE = "USD"
WINDOW = 120  # months of changes the volatility stands on
MIN_CHANGES = 12
CLIP = 3.0  # robust standard deviations at which one month's change is cut
SD_FLOOR = 0.005  # log units a month: a pegged rate can be unpegged
AVERAGING = 1.5  # variance of the walk over that of changes of its monthly means


@dataclass(frozen=True, slots=True, kw_only=True)
class FxPaths:
    """Joint sample paths of exchange rates over the months `periods`.

    rates: currency -> (n, steps) units of the currency per USD, > 0. last_month: the newest published
    month used. carried: True where at least one step has no published rate. monthly_sd: log step of the walk.
    """

    periods: pd.PeriodIndex
    rates: Mapping[str, Array]
    last_month: Mapping[str, pd.Period]
    carried: Mapping[str, bool]
    monthly_sd: Mapping[str, float]
    notes: tuple[str, ...]


def published(fx: pd.DataFrame, currency: str, known_at: date | None = None) -> pd.Series:
    """Rates of one currency by month (PeriodIndex, ascending) that were public at the end of `known_at`.

    Raises InputError for an unknown currency, a rate that is not a number above 0, or a month given twice.
    """
    if "month" not in fx.columns or currency not in fx.columns:
        known = sorted({BASE, *map(str, fx.columns)} - {"month"})
        raise InputError("currency", currency, "one of " + ", ".join(known))
    months = pd.PeriodIndex(pd.to_datetime(fx["month"]), freq="M")
    rates = pd.Series(fx[currency].to_numpy(float), index=months).dropna().sort_index()
    if rates.index.has_duplicates:
        twice = rates.index[rates.index.duplicated()][0]
        raise InputError("fx.month", f"{currency} {twice} twice", "one rate a month")
    bad = rates[~(np.isfinite(rates) & (rates > 0))]
    if len(bad):
        raise InputError(f"fx.{currency}", f"{bad.iloc[0]} in {bad.index[0]}", "a finite rate above 0")
    if known_at is None:
        return rates
    # The first day of the next month is the day after the month's end.
    return rates[pd.PeriodIndex(rates.index + 1).to_timestamp() <= pd.Timestamp(known_at)]


def fx_rate_on(
    fx: pd.DataFrame, currency: str, month: pd.Period, *, known_at: date | None = None
) -> tuple[float, pd.Period, bool]:
    """(rate in units per USD, month it is from, whether it was carried forward) for one month.

    A month without a published rate takes the latest published one before it, and says so.
    Raises InputError naming month and currency when there is none.
    """
    if currency == BASE:
        return 1.0, month, False
    rates = published(fx, currency, known_at)
    before = rates[rates.index <= month]
    if before.empty:
        raise _missing(currency, month, rates)
    found = before.index[-1]
    return float(before.iloc[-1]), found, bool(found != month)


def monthly_sd(rates: pd.Series) -> float:
    """Log step of the walk of one rate, per month; never below SD_FLOOR.

    Raises HistoryTooShort with fewer than MIN_CHANGES changes of neighbouring months.
    """
    changes = _changes(rates).dropna().to_numpy()[-WINDOW:]
    if len(changes) < MIN_CHANGES:
        raise HistoryTooShort("the exchange rate's volatility", len(changes), MIN_CHANGES)
    centred = changes - np.median(changes)
    robust = max(1.4826 * float(np.median(np.abs(centred))), 1e-12)
    clipped = np.clip(centred, -CLIP * robust, CLIP * robust)
    return max(SD_FLOOR, float(np.sqrt(AVERAGING * np.mean(clipped**2))))


def fx_paths(
    fx: pd.DataFrame,
    currencies: Sequence[str],
    periods: pd.PeriodIndex,
    n: int,
    rng: np.random.Generator,
    known_at: date | None = None,
) -> FxPaths:
    """`n` joint paths of the rates of `currencies` (per USD) over monthly `periods`.

    Months published by `known_at` are exact in every path; USD is 1. Raises InputError naming month and
    currency where a past month is missing, HistoryTooShort where the volatility cannot be told.
    """
    if len(periods) == 0 or periods.freqstr != "M":
        raise InputError("periods", f"{len(periods)} of {periods.freqstr}", "one month or more, freq M")
    foreign = [c for c in dict.fromkeys(currencies) if c != BASE]
    tables = {c: published(fx, c, known_at) for c in foreign}
    for currency, table in tables.items():
        if table.empty or periods[0] < table.index[0]:
            raise _missing(currency, periods[0], table)
    sds = {c: monthly_sd(table) for c, table in tables.items()}
    # One shock a calendar month for all currencies, whose publication may end in different months.
    start = min((table.index[-1] for table in tables.values()), default=periods[-1])
    walk = pd.period_range(start + 1, max(periods[-1], start), freq="M")
    shocks = rng.standard_normal((n, len(walk), len(foreign))) @ _correlation_root(tables).T
    rates: dict[str, Array] = {c: np.ones((n, len(periods))) for c in currencies if c == BASE}
    for k, currency in enumerate(foreign):
        table = tables[currency]
        ahead = np.asarray(walk > table.index[-1])
        logs = np.log(table.iloc[-1]) + np.cumsum(shocks[:, :, k] * ahead * sds[currency], axis=1)
        columns = [_column(currency, month, table, walk, logs) for month in periods]
        rates[currency] = np.stack([np.broadcast_to(c, (n,)) for c in columns], axis=1)
    last = {c: (tables[c].index[-1] if c in tables else periods[-1]) for c in rates}
    carried = {c: bool(periods.max() > last[c]) for c in rates}
    notes = tuple(
        f"{c} per USD: last published month {last[c]}; later months are a random walk with"
        f" {100 * sds[c]:.1f} % a month around that rate"
        for c in foreign
        if carried[c]
    )
    return FxPaths(
        periods=periods, rates=rates, last_month=last, carried=carried, monthly_sd=sds, notes=notes
    )


def _column(
    currency: str, month: pd.Period, table: pd.Series, walk: pd.PeriodIndex, logs: Array
) -> Array | float:
    """Rate of one month: the published number, or (n,) draws beyond the last published month."""
    if month in table.index:
        return float(table.to_numpy()[table.index.get_loc(month)])
    if month < table.index[-1]:
        raise _missing(currency, month, table)
    return np.asarray(np.exp(logs[:, walk.get_loc(month)]), dtype=np.float64)


def _changes(rates: pd.Series) -> pd.Series:
    """Log changes between neighbouring calendar months, NaN beside a hole."""
    calendar = pd.period_range(rates.index[0], rates.index[-1], freq="M") if len(rates) else rates.index
    logs = np.log(rates.reindex(calendar).to_numpy(float))
    return pd.Series(logs, index=calendar).diff()


def _correlation_root(tables: Mapping[str, pd.Series]) -> Array:
    """Lower Cholesky factor of the correlation of monthly changes, shape (k, k)."""
    changes = pd.concat([_changes(t).tail(WINDOW) for t in tables.values()], axis=1) if tables else None
    if changes is None or changes.shape[1] == 1:
        return np.eye(len(tables))
    correlation = changes.corr(min_periods=MIN_CHANGES).fillna(0.0).to_numpy()
    # Two rates tied to one another have correlation 1; a hair less keeps the factor defined.
    shrunk = 0.999 * correlation + 0.001 * np.eye(len(correlation))
    return np.asarray(np.linalg.cholesky(shrunk), dtype=np.float64)


def _missing(currency: str, month: pd.Period, table: pd.Series) -> InputError:
    span = f"published: {table.index[0]} to {table.index[-1]}" if len(table) else "none is published"
    return InputError("fx", f"no {currency} rate for {month}", f"a month with a rate ({span})")
