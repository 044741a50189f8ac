"""What came, and how often it was said anew: the vintages of each month's price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from data.types import Quote
from service.inputs import month_after, monthly


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The price of a month as one vintage said it. vintage: 1 is what was published first."""

    ds: date
    vintage: int
    value: float
    published_on: date


def outcomes(quotes: Iterable[Quote], today: date) -> tuple[Outcome, ...]:
    """Every vintage of every month that has ended, by month and vintage.

    quotes: all vintages of all quotes of one series, as recorded. A month's price is that of a training run:
    the published mean, or the mean of its dated quotes. Dated quotes recorded while their month ran count
    together, from its end on. A vintage that says the same as the one before is none.
    """
    by_month: dict[date, list[Quote]] = {}
    for quote in quotes:
        month = quote.ds.replace(day=1)
        if quote.kind != "annual" and quote.available_on <= today and month_after(month) <= today:
            by_month.setdefault(month, []).append(quote)
    return tuple(one for month in sorted(by_month) for one in _vintages(month, by_month[month], today))


def _vintages(month: date, quotes: Sequence[Quote], today: date) -> list[Outcome]:
    def counts_from(quote: Quote) -> datetime:
        """When it spoke here first: recorded, public, and for a dated quote with its month over."""
        day = (
            quote.available_on
            if quote.kind == "monthly-mean"
            else max(quote.available_on, month_after(month))
        )
        return max(quote.recorded_at, datetime.combine(day, time.min, UTC))

    found: list[Outcome] = []
    recorded = sorted(quotes, key=lambda q: q.recorded_at)
    for instant in sorted({counts_from(q) for q in quotes}):
        known = {(q.ds, q.kind): q for q in recorded if counts_from(q) <= instant}
        price = monthly(list(known.values()), today)[0]
        if not found or price.value != found[-1].value:
            published = Outcome(
                ds=month, vintage=len(found) + 1, value=price.value, published_on=price.available_on
            )
            found.append(published)
    return found
