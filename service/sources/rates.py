"""Use case: exchange rates of single days in, monthly means of whole months out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

import pandas as pd
from sqlalchemy import Connection

from data.sources import judge
from data.sources.ecb_source import DayRates, monthly_means, read_ecb
from data.sources.judge import Suspicion
from data.sources.rows import Records
from data.store import fx, fx_days, jobs
from data.types import FxRate
from data.validate import first_available
from forecast.errors import InputError
from service.context import Context

#: A repeated day may differ by this; a step may be this times the root of its months, at least one. Monthly
#: means of CNY and EUR moved by at most 11 % in a month since 1999.
SAME, STEP = 0.01, 0.15
_MONTH = 30.44


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRates:
    """added, corrected: monthly means. said: how many days they stand on, and what was left alone."""

    added: int
    corrected: int
    said: str


def keep(
    context: Context, conn: Connection, found: Records, *, source: str, trusted: bool
) -> KeptRates | Suspicion:
    """Record the days, and the mean of every month that is whole by them. A month that another source has
    given is left alone: its rate may stand behind forecasts that were issued."""
    today, now = context.clock.today(), context.clock.now()
    try:
        days = read_ecb(found, today)
    except InputError as error:
        return Suspicion(kind=judge.UNREADABLE, reason=str(error))
    known = fx_days.load(conn, source)
    slip = None if trusted else _slip(days, known, fx.load(conn))
    if slip is not None:
        return slip
    recorded = fx_days.append(
        conn,
        [(one.day, currency, rate) for one in days for currency, rate in one.per_usd.items()],
        source=source,
        recorded_at=now,
    )
    said_by = fx.said_by(conn)
    made, others = [], 0
    for currency, by_day in fx_days.load(conn, source).items():
        for month, mean in monthly_means(by_day).items():
            before = said_by.get((month, currency))
            if before not in (None, source):
                others += 1
                continue
            available_on = first_available("monthly-mean", month) if before is None else today
            made.append(
                FxRate(
                    month=month,
                    currency=currency,
                    per_usd=mean,
                    available_on=available_on,
                    recorded_at=now,
                    source=source,
                )
            )
    result = fx.append(conn, made)
    if result.added or result.corrected:
        jobs.want(conn, jobs.RETRAIN, f"new exchange rates: {result.added + result.corrected} months", now)
    said = f"{recorded} rates of single days recorded, {len(made)} monthly means stand on them"
    said += f"; {others} months of another source left alone" if others else ""
    return KeptRates(added=result.added, corrected=result.corrected, said=said)


def _slip(
    days: Sequence[DayRates], own: Mapping[str, Mapping[date, float]], monthly: pd.DataFrame
) -> Suspicion | None:
    """Rates the other way round, of another currency, or of another day than they say."""
    for currency in fx.CURRENCIES:
        given = {one.day: one.per_usd[currency] for one in days if currency in one.per_usd}
        was = own.get(currency, {})
        before = dict(was) or _middles(monthly, currency)
        repeated = [math.log(rate / was[day]) for day, rate in given.items() if day in was]
        if repeated and abs(median(repeated)) > SAME:
            times = math.exp(median(repeated))
            reason = (
                f"{currency}: {times:.4g} times what was published of {len(repeated)} days that it repeats"
            )
            return Suspicion(kind=judge.BASIS, reason=reason)
        for (day, old), (on, new) in pairwise(sorted((before | given).items())):
            most = STEP * math.sqrt(max((on - day).days / _MONTH, 1.0))
            if on in given and on not in before and abs(math.log(new / old)) > most:
                reason = (
                    f"{currency}: {new:.6g} a dollar on {on}, {new / old:.4g} times that of {day} ({old:.6g})"
                )
                return Suspicion(kind=judge.BASIS, reason=reason)
    return None


def _middles(monthly: pd.DataFrame, currency: str) -> dict[date, float]:
    """A month's mean stands for its middle."""
    known = monthly[["month", currency]].dropna()
    return {
        pd.Timestamp(month).date() + timedelta(days=14): float(rate)
        for month, rate in zip(known["month"], known[currency], strict=True)
    }
