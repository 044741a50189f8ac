"""History as it was known: prices and rates from when they could first be read, corrections from theirs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter, itemgetter
from typing import TypeVar

import pandas as pd

from data.types import FxRate, Quote, Series
from data.units import Basis, FxTable
from service.alerts.observe import Priced, key_of, own_basis, price

V = TypeVar("V", Quote, FxRate)
T = TypeVar("T")


class Past:
    """Prices as known on a day that moves on (observe.Known), and the rates of that day."""

    def __init__(
        self, series: Mapping[str, Series], quotes: Iterable[Quote], rates: Iterable[FxRate]
    ) -> None:
        """quotes, rates: every vintage, in the order they were recorded. Annual figures are passed over."""
        self.today = date.min
        self.series = series
        self.fx = FxTable(pd.DataFrame({"month": []}))
        kept = [q for q in quotes if q.kind != "annual"]
        self._coming: list[tuple[date, Quote | FxRate]] = [
            *entries(kept, lambda q: (q.series_id, q.ds, q.kind)),
            *entries(rates, lambda r: (r.month, r.currency)),
        ]
        self._coming.sort(key=itemgetter(0))
        self._came = 0
        self._quotes: dict[str, list[Quote]] = {name: [] for name in series}
        self._priced: dict[tuple[str, Basis], list[Priced]] = {}

    def days(self, until: date) -> list[date]:
        """Days up to `until` on which something could newly be read."""
        return sorted({day for day, _ in self._coming if day <= until})

    def first_day(self, series_id: str) -> date | None:
        """Day on which the first price of a series could be read."""
        days = (day for day, new in self._coming if isinstance(new, Quote) and new.series_id == series_id)
        return next(days, None)

    def advance(self, day: date) -> None:
        """Learn what came up to the end of `day`, which is not before the last one."""
        self.today = day
        upto = bisect_right(self._coming, day, lo=self._came, key=itemgetter(0))
        news = [new for _, new in self._coming[self._came : upto]]
        self._came = upto
        rates = [new for new in news if isinstance(new, FxRate)]
        for rate in rates:
            self.fx.learn(rate.month, rate.currency, rate.per_usd)
        for quote in (new for new in news if isinstance(new, Quote)):
            _put(self._quotes[quote.series_id], quote, key_of)
            self._price(quote)
        if rates:
            since = min(rate.month for rate in rates).isoformat()
            for own in self._quotes.values():  # a mean of that month speaks of its last day
                for quote in own[bisect_left(own, since, key=key_of) :]:
                    self._price(quote)

    def quotes(self, series_id: str) -> Sequence[Quote]:
        """As Known says."""
        return self._quotes[series_id]

    def priced(self, series_id: str, basis: Basis) -> Sequence[Priced]:
        """As Known says."""
        if (series_id, basis) not in self._priced:
            self._priced[series_id, basis] = []
            for quote in self._quotes[series_id]:
                self._price(quote)
        return self._priced[series_id, basis]

    def _price(self, quote: Quote) -> None:
        """Put a quote into every basis that is asked for."""
        for (series_id, basis), known in self._priced.items():
            if series_id == quote.series_id:
                made = price(quote, own_basis(self.series[series_id]), basis, self.fx)
                if made is not None:
                    _put(known, made, attrgetter("key"))


def entries(vintages: Iterable[V], identity: Callable[[V], Hashable]) -> list[tuple[date, V]]:
    """(day, vintage): when each entered. vintages: in the order they were recorded.

    The first vintage entered on the day it was available. A later one was published anew, on a later day than
    any before it; or else it puts right what this store held, from the day it was recorded.
    """
    newest: dict[Hashable, date] = {}
    found = []
    for one in vintages:
        before = newest.get(identity(one))
        published = before is None or one.available_on > before
        day = one.available_on if published else one.recorded_at.date()
        newest[identity(one)] = max(day, before or day)
        found.append((day, one))
    return found


def _put(into: list[T], new: T, key: Callable[[T], str]) -> None:
    """Into a list that grows by key, in the place of what has the same one."""
    at = bisect_left(into, key(new), key=key)
    if at < len(into) and key(into[at]) == key(new):
        into[at] = new
    else:
        into.insert(at, new)
