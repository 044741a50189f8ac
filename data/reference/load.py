"""Puts the shipped data into a database, and takes the demonstration prices out of it again.

Exchange rates, USGS figures (both public domain) and events (our own words) may stay, and are needed beside
a feed of one's own; only prices whose terms are not cleared are removed. The store is append-only where
people correct what they know. Data that may not be kept are the exception: their rows are deleted, with
the forecasts and scores made from them; each series says from then on that and when it happened, and the
record says how many forecasts and scores it held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select

from data.reference.files import (
    MARK,
    read_catalogue,
    read_deadlines,
    read_events,
    read_exports,
    read_fx,
    read_quotes,
)
from data.store import champions, prices
from data.store import events as event_store
from data.store import fx as fx_store
from data.store.champions import Promotion
from data.store.facts import WHOLE_RUN
from data.store.tables import backtest_score, forecast, forecast_score, model_health, quote, run_fact
from data.types import AppendResult, utc
from forecast.distribution.combination import BENCHMARK

__all__ = [
    "AUTHOR",
    "LoadSummary",
    "RemoveSummary",
    "has_reference",
    "load_reference",
    "read_catalogue",
    "read_deadlines",
    "read_events",
    "read_exports",
    "read_fx",
    "read_quotes",
    "remove_reference",
]

#: Stands beside the shipped events as the one who recorded them.
AUTHOR = "shipped with Ytterby"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSummary:
    """What loading changed: catalogue entries and events new or different, quotes and rates."""

    series: int
    events: int
    quotes: AppendResult
    rates: AppendResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSummary:
    """Rows deleted."""

    quotes: int
    forecasts: int
    scores: int


def load_reference(conn: Connection, recorded_at: datetime) -> LoadSummary:
    """Record everything that is shipped, as of that instant (aware). A second time changes nothing."""
    return LoadSummary(
        series=sum(prices.add_series(conn, series) for series in read_catalogue()),
        quotes=prices.append(conn, read_quotes(recorded_at)),
        rates=fx_store.append(conn, read_fx(recorded_at)),
        events=sum(event_store.save(conn, event, recorded_at, AUTHOR) for event in read_events()),
    )


def has_reference(conn: Connection) -> bool:
    """Is any demonstration quote stored?"""
    return bool(conn.execute(select(exists().where(quote.c.source.startswith(MARK)))).scalar())


def remove_reference(conn: Connection, removed_at: datetime) -> RemoveSummary:
    """Delete demonstration quotes, and the forecasts and scores made from them.

    Catalogue entries stay, so that quotes of one's own can take the place; theirs and all other quotes stay.
    """
    day = utc("removed_at", removed_at).date()
    marked = quote.c.source.startswith(MARK)
    bases = set(conn.execute(select(quote.c.series_id).where(marked).distinct()).scalars())
    catalogue = prices.list_series(conn)
    touched = [s.series_id for s in catalogue if s.series_id in bases or s.base_series in bases]
    for series in catalogue:
        if series.series_id in bases:
            said = f"Demonstration data were removed on {day}; what stands here now was imported."
            prices.add_series(conn, replace(series, provenance=said, licence_note="That of your own source."))
    # of a whole run too: it was estimated on these prices
    facts = run_fact.c.series_id.in_((*touched, WHOLE_RUN))
    if touched:
        conn.execute(delete(run_fact).where(facts))
    for name in touched:
        _forget(conn, name, utc("removed_at", removed_at))
    return RemoveSummary(
        forecasts=conn.execute(delete(forecast).where(forecast.c.series_id.in_(touched))).rowcount,
        scores=conn.execute(delete(backtest_score).where(backtest_score.c.series_id.in_(touched))).rowcount,
        quotes=conn.execute(delete(quote).where(marked)).rowcount,
    )


def _forget(conn: Connection, series_id: str, removed_at: datetime) -> None:
    """Delete what the record holds of a series' forecasts, and put down that it did."""
    own = forecast.c.series_id == series_id
    issued = select(forecast.c.forecast_id).where(own)
    count = conn.execute(select(func.count()).select_from(forecast).where(own)).scalar_one()
    scores = conn.execute(delete(forecast_score).where(forecast_score.c.forecast_id.in_(issued))).rowcount
    conn.execute(delete(model_health).where(model_health.c.series_id == series_id))
    champions.save(
        conn,
        Promotion(
            series_id=series_id,
            decided_at=removed_at,
            run_id=None,
            outcome="removed",
            champion=BENCHMARK,
            previous=None,
            challenger=None,
            reason=f"demonstration data were removed, and {count} forecasts with {scores} scores with them",
            author="remove-reference",
            evidence={"forecasts": count, "scores": scores},
        ),
    )
