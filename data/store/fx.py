"""Monthly exchange rates, in vintages like the quotes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, func, insert, select

from data.store.tables import fx_rate
from data.types import AppendResult, FxRate

#: The currencies that rates are given of, each in units per US dollar.
CURRENCIES = ("CNY", "EUR")
_COLUMNS = [fx_rate.c[f.name] for f in fields(FxRate)]


def append(conn: Connection, rates: Iterable[FxRate]) -> AppendResult:
    """Record rates, each as a vintage, unless its source already said the same by that day."""
    known: dict[tuple[date, str], list[FxRate]] = {}
    for rate in history(conn):
        known.setdefault((rate.month, rate.currency), []).append(rate)
    added = corrected = unchanged = 0
    new = []
    for rate in rates:
        vintages = known.setdefault((rate.month, rate.currency), [])
        same = [v for v in vintages if v.source == rate.source and v.available_on <= rate.available_on]
        if same and same[-1].per_usd == rate.per_usd:
            unchanged += 1
            continue
        added, corrected = (added, corrected + 1) if vintages else (added + 1, corrected)
        vintages.append(rate)
        vintages.sort(key=lambda v: v.recorded_at)
        new.append(asdict(rate))
    if new:
        conn.execute(insert(fx_rate), new)
    return AppendResult(added=added, corrected=corrected, unchanged=unchanged)


def history(conn: Connection) -> list[FxRate]:
    """Every vintage of every rate, in the order they were recorded."""
    rows = conn.execute(select(*_COLUMNS).order_by(fx_rate.c.recorded_at, fx_rate.c.fx_rate_id))
    return [FxRate(**row._mapping) for row in rows]


def load(conn: Connection, as_of: date | None = None, *, recorded_by: datetime | None = None) -> pd.DataFrame:
    """Columns month (Timestamp, first day, growing), CNY, EUR: units per US dollar, NaN where not known.

    The newest vintage that was available by `as_of` and recorded by `recorded_by`.
    """
    latest = func.row_number().over(
        partition_by=(fx_rate.c.month, fx_rate.c.currency),
        order_by=(fx_rate.c.recorded_at.desc(), fx_rate.c.fx_rate_id.desc()),
    )
    ranked = select(fx_rate.c.month, fx_rate.c.currency, fx_rate.c.per_usd, latest.label("rank"))
    if as_of is not None:
        ranked = ranked.where(fx_rate.c.available_on <= as_of)
    if recorded_by is not None:
        ranked = ranked.where(fx_rate.c.recorded_at <= recorded_by)
    inner = ranked.subquery()
    rows = conn.execute(
        select(inner.c.month, inner.c.currency, inner.c.per_usd)
        .where(inner.c.rank == 1)
        .order_by(inner.c.month)
    )
    by_month: dict[date, dict[str, float]] = {}
    for month, currency, per_usd in rows:
        by_month.setdefault(month, {})[currency] = per_usd
    return pd.DataFrame(
        {
            "month": pd.to_datetime(pd.Series(list(by_month), dtype="object")).astype("datetime64[us]"),
            **{
                name: pd.Series([found.get(name, float("nan")) for found in by_month.values()], dtype=float)
                for name in CURRENCIES
            },
        }
    )


def said_by(conn: Connection) -> dict[tuple[date, str], str]:
    """(month, currency) -> source of the rate recorded last."""
    rows = conn.execute(
        select(fx_rate.c.month, fx_rate.c.currency, fx_rate.c.source).order_by(
            fx_rate.c.recorded_at, fx_rate.c.fx_rate_id
        )
    )
    return {(month, currency): source for month, currency, source in rows}


def currencies(conn: Connection) -> tuple[str, ...]:
    """Currencies that some rate is stored of, per US dollar."""
    found = conn.execute(select(fx_rate.c.currency).distinct().order_by(fx_rate.c.currency))
    return tuple(found.scalars())
