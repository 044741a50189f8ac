"""Exchange rates of single days, as a source published them: what monthly means are worked out from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import Connection, func, insert, select

from data.store.tables import fx_day


def append(
    conn: Connection, rates: Iterable[tuple[date, str, float]], *, source: str, recorded_at: datetime
) -> int:
    """Record (day, currency, units per US dollar) of one source where it did not say the same before; how
    many."""
    known = load(conn, source)
    new = [
        {"day": day, "currency": currency, "per_usd": rate, "recorded_at": recorded_at, "source": source}
        for day, currency, rate in rates
        if known.get(currency, {}).get(day) != rate
    ]
    if new:
        conn.execute(insert(fx_day), new)
    return len(new)


def load(conn: Connection, source: str) -> Mapping[str, Mapping[date, float]]:
    """Currency -> day -> units per US dollar: the newest word of one source."""
    latest = func.row_number().over(
        partition_by=(fx_day.c.currency, fx_day.c.day), order_by=fx_day.c.fx_day_id.desc()
    )
    inner = (
        select(fx_day.c.currency, fx_day.c.day, fx_day.c.per_usd, latest.label("rank"))
        .where(fx_day.c.source == source)
        .subquery()
    )
    rows = conn.execute(select(inner.c.currency, inner.c.day, inner.c.per_usd).where(inner.c.rank == 1))
    found: dict[str, dict[date, float]] = {}
    for currency, day, rate in rows:
        found.setdefault(currency, {})[day] = rate
    return found
