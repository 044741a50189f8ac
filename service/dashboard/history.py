"""Past quotes in the basis that a page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from data.store import forecasts, prices
from data.types import Quote
from service import catalogue
from service.answers import ForecastQuery
from service.context import Context
from service.conversion import conversion
from service.refusals import NotYet


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownQuote:
    """One quote to draw. at: the day it is drawn at, the middle of its month for a monthly mean."""

    ds: date
    at: date
    kind: str
    value: float
    low: float | None
    high: float | None
    source: str


def middle(first: date) -> date:
    """Where a month is drawn: a mean stands for the whole of it."""
    return first.replace(day=15)


def shown_quotes(context: Context, series_id: str, query: ForecastQuery) -> tuple[ShownQuote, ...]:
    """Quotes of a series that has a forecast, oldest first; one whose month has no exchange rate is left
    out. Raises NotKnown, NotYet, Refusal as the forecast itself does."""
    with context.engine.connect() as conn:
        series = catalogue.find(conn, series_id)
        issued = forecasts.latest(conn, series_id, issued_by=query.as_of)
        if issued is None:
            raise NotYet("forecast", "none", "a stored one")
        how = conversion(conn, series, issued, query)
        quotes = prices.load(conn, [series_id])

    def converted(quote: Quote, value: float | None) -> float | None:
        return None if value is None else how.quote(value, quote.ds)

    found = []
    for quote in sorted(quotes, key=lambda q: (q.ds, q.kind)):
        value = converted(quote, quote.value)
        if value is not None:
            found.append(
                ShownQuote(
                    ds=quote.ds,
                    at=_drawn_at(quote),
                    kind=quote.kind,
                    value=value,
                    low=converted(quote, quote.low),
                    high=converted(quote, quote.high),
                    source=quote.source,
                )
            )
    return tuple(found)


def _drawn_at(quote: Quote) -> date:
    match quote.kind:
        case "monthly-mean":
            return middle(quote.ds)
        case "annual":
            return quote.ds.replace(month=7, day=1)
        case _:
            return quote.ds


def next_month(first: date) -> date:
    """First day of the month after."""
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)
