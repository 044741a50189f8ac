"""Exchange rates in the shape that the European Central Bank publishes: a day a line, units of each currency
per euro.

    Date,USD,JPY,...,CNY,...,            eurofxref-hist.csv: every day since 1999, newest first, N/A for none
    2026-11-24,1.1563,...
    Date, USD, JPY, ..., CNY, ...,       eurofxref.csv: the newest day alone
    24 November 2026, 1.1563, ...

Both come as an archive of one file as well. Our rates are monthly means in units per US dollar: each day's
rate is turned first, then the days of a month are averaged, and only those of a month that is whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import fmean

from data.sources.csv_source import csv_records
from data.sources.rows import Limits, RawRow, Records, shown
from forecast.errors import InputError

#: Days of the two forms: 2026-11-24, 24 November 2026.
_FORMS = ("%Y-%m-%d", "%d %B %Y")
#: From one rate to the next, Thursday to Tuesday over Easter; most weekdays of a month without one (Easter,
#: Christmas).
LONGEST_GAP, HOLIDAYS = timedelta(days=5), 2
_NONE = ("", "N/A")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRates:
    """One day: currency -> units per US dollar, of CNY and EUR those that are published."""

    day: date
    per_usd: Mapping[str, float]


def ecb_records(body: bytes, limits: Limits) -> Records:
    """The file as it stands. Raises InputError for what concerns all of it, a missing column among that."""
    found = csv_records(body, limits)
    for name in ("Date", "USD", "CNY"):
        if found.columns.count(name) != 1:
            raise InputError("column", shown(", ".join(found.columns)), f"a column {name} among them, once")
    return found


def read_ecb(found: Records, today: date) -> tuple[DayRates, ...]:
    """Rates by day, oldest first; a day without a dollar rate is left out. Raises InputError for a day or a
    rate that is none, a day that is there twice, or one ahead of today."""
    rates: dict[date, DayRates] = {}
    for row in found.rows:
        day = _day(row)
        if day in rates or day > today:
            why = "there twice" if day in rates else "ahead"
            raise InputError("Date", f"{day} in line {row.line}, {why}", f"each day once, up to {today}")
        usd, cny = _rate(row, "USD"), _rate(row, "CNY")
        if usd is not None:
            per_usd = {"EUR": 1 / usd} | ({} if cny is None else {"CNY": cny / usd})
            rates[day] = DayRates(day=day, per_usd=per_usd)
    return tuple(rates[day] for day in sorted(rates))


def monthly_means(days: Mapping[date, float]) -> dict[date, float]:
    """First day of a month -> mean of its days, for months that are whole: there is a rate before and one
    after the month, from the one to the other no stretch longer than LONGEST_GAP, and all weekdays but
    HOLIDAYS have one. The mean of part of a month is another number."""
    by_month: dict[date, list[date]] = {}
    for day in sorted(days):
        by_month.setdefault(day.replace(day=1), []).append(day)
    known = list(by_month.values())
    return {
        found[0].replace(day=1): fmean(days[day] for day in found)
        for before, found, after in zip(known, known[1:], known[2:], strict=False)
        if _is_whole([before[-1], *found, after[0]])
    }


def _is_whole(days: list[date]) -> bool:
    """days: the last before a month, those of the month, the first after it."""
    month = days[1].replace(day=1)
    end = (month + timedelta(days=32)).replace(day=1)
    weekdays = sum((month + timedelta(days=n)).weekday() < 5 for n in range((end - month).days))
    return len(days) - 2 >= weekdays - HOLIDAYS and all(b - a <= LONGEST_GAP for a, b in pairwise(days))


def _day(row: RawRow) -> date:
    text = str(row.cells.get("Date", ""))
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise InputError("Date", f"{shown(text)} in line {row.line}", "a day such as 2026-11-24")


def _rate(row: RawRow, name: str) -> float | None:
    text = str(row.cells.get(name, ""))
    if text in _NONE:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(name, f"{shown(text)} in line {row.line}", "a rate above 0, or N/A")
    return rate
