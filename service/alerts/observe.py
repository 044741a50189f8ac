"""From stored prices to observations: which numbers a rule on prices is judged on.

Everything is read once an evaluation, and converted once for all rules that share a basis.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import Protocol

from sqlalchemy import Connection

from data.store import fx as fx_store
from data.store import prices
from data.types import Quote, Series
from data.units import Basis, Converted, FxTable, convert
from forecast.errors import InputError
from service.alerts.rules import Rule
from service.alerts.state import Observation
from service.catalogue import day_of

#: A Chinese price older than that says little about a premium of today.
_OLD_DAYS = 92
#: A series is stale when its newest quote is older than so many of its usual gaps, and at least some days.
_GAPS, _LEAST_DAYS, _LAST = 3, 14, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A quote in some basis. day: the one it speaks of."""

    key: str
    day: date
    value: float
    at: datetime
    note: str


class Known(Protocol):
    """Prices as known on some day."""

    today: date
    series: Mapping[str, Series]

    def quotes(self, series_id: str) -> Sequence[Quote]:
        """Quotes of a series by the day they speak of; no annual figures."""

    def priced(self, series_id: str, basis: Basis) -> Sequence[Priced]:
        """The same in a basis, each at the rate of its month; those without a known rate are left out."""


class Prices:
    """Prices as known today, read and converted when first asked for."""

    def __init__(self, conn: Connection, today: date) -> None:
        self._conn = conn
        self.today = today
        self.series: Mapping[str, Series] = {s.series_id: s for s in prices.list_series(conn)}
        self._quotes: dict[str, list[Quote]] = {}
        self._priced: dict[tuple[str, Basis], list[Priced]] = {}
        self._fx: FxTable | None = None

    def quotes(self, series_id: str) -> list[Quote]:
        """As Known says."""
        if series_id not in self._quotes:
            found = prices.load(self._conn, [series_id], as_of=self.today)
            kept = [q for q in found if q.kind != "annual"]
            self._quotes[series_id] = sorted(kept, key=key_of)
        return self._quotes[series_id]

    def priced(self, series_id: str, basis: Basis) -> list[Priced]:
        """As Known says."""
        if (series_id, basis) not in self._priced:
            own = own_basis(self.series[series_id])
            if own.currency != basis.currency and self._fx is None:
                self._fx = FxTable(fx_store.load(self._conn, self.today))
            self._priced[series_id, basis] = [
                made for q in self.quotes(series_id) if (made := price(q, own, basis, self._fx)) is not None
            ]
        return self._priced[series_id, basis]

    def age(self, series_id: str) -> int | None:
        """Days from the day that the newest quote speaks of to today; None without any."""
        found = self.quotes(series_id)
        return (self.today - day_of(found[-1])).days if found else None

    def patience(self, rule: Rule) -> int:
        """Days without a newer quote after which a price is called stale: the rule's own, or three times the
        usual gap between the last quotes of its series, at least 14."""
        if rule.stale_after_days is not None:
            return rule.stale_after_days
        days = [day_of(q) for q in self.quotes(rule.subject)[-_LAST - 1 :]]
        gaps = [(b - a).days for a, b in pairwise(days) if b > a]
        return max(_LEAST_DAYS, round(_GAPS * median(gaps))) if gaps else _GAPS * 31


def price(quote: Quote, own: Basis, asked: Basis, fx: FxTable | None) -> Priced | None:
    """A quote in a basis, or None where no rate of its month or before it is known."""
    try:
        found: Converted = convert(quote.value, own, asked, on=quote.ds, fx=fx)
    except InputError:  # the quote is older than the rates
        return None
    said = [f"{quote.kind} of {quote.ds} by {quote.source}", *found.notes]
    return Priced(
        key=key_of(quote),
        day=day_of(quote),
        value=found.value,
        at=datetime.combine(quote.available_on, time(), UTC),
        note="; ".join(said),
    )


def key_of(quote: Quote) -> str:
    """Key of the observation that a quote is."""
    return f"{day_of(quote)} {quote.kind}"


def own_basis(series: Series) -> Basis:
    """The basis that a series is quoted in."""
    return Basis(currency=series.currency, unit=series.unit, tax=series.tax_basis)


def basis_of(rule: Rule, series: Series) -> Basis:
    """The basis that a rule asks for: the series' own where it says nothing."""
    own = own_basis(series)
    return Basis(currency=rule.currency or own.currency, unit=rule.unit or own.unit, tax=rule.tax or own.tax)


def observe(rule: Rule, known: Known, since: str | None) -> list[Observation]:
    """What a rule on prices is judged on, oldest first: from the key `since` on, or only the newest for None.

    Raises KeyError for a series that is not in the catalogue.
    """
    series = known.series[rule.subject]
    match rule.kind:
        case "price":
            found = _values(known.priced(series.series_id, basis_of(rule, series)), since)
        case "change":
            found = _changes(rule, known.priced(series.series_id, basis_of(rule, series)), since)
        case "premium":
            found = _premiums(series, known, since)
        case "stale":
            found = _age(series, known)
        case _:
            found = []
    return found[-1:] if since is None else found


def _values(priced: Sequence[Priced], since: str | None) -> list[Observation]:
    return [Observation(key=p.key, value=p.value, at=p.at, note=p.note) for p in _from(priced, since)]


def _from(priced: Sequence[Priced], since: str | None) -> Sequence[Priced]:
    return priced[-1:] if since is None else priced[bisect_left(priced, since, key=attrgetter("key")) :]


def _changes(rule: Rule, priced: Sequence[Priced], since: str | None) -> list[Observation]:
    """Against the newest price that is at least window_days older; none where there is no such price."""
    found = []
    for p in _from(priced, since):
        k = bisect_right(priced, p.day - timedelta(days=rule.window_days or 0), key=attrgetter("day"))
        if k == 0:
            continue
        base = priced[k - 1]
        moved = p.value - base.value
        value = moved if rule.change == "absolute" else moved / base.value * 100.0
        note = f"{p.value:g} against {base.value:g} of {base.day}; {p.note}"
        found.append(Observation(key=p.key, value=value, at=p.at, note=note))
    return found


def _premiums(series: Series, known: Known, since: str | None) -> list[Observation]:
    """In per cent over the Chinese price of that month, or the newest before it, in CNY/kg without VAT."""
    if series.base_series is None or series.base_series not in known.series:
        return []
    basis = Basis(currency="CNY", unit="kg", tax="ex-vat")
    base = known.priced(series.base_series, basis)
    found = []
    for p in _from(known.priced(series.series_id, basis), since):
        k = bisect_right(base, p.day, key=_month)
        if k == 0:
            continue
        china = base[k - 1]
        apart = (p.day - china.day).days
        note = f"{p.value:g} over {china.value:g} CNY/kg without VAT in China of {china.day}; {p.note}"
        if apart > _OLD_DAYS:
            note += f"; the Chinese price is {apart} days older"
        value = (p.value / china.value - 1.0) * 100.0
        found.append(Observation(key=p.key, value=value, at=max(p.at, china.at), note=note))
    return found


def _month(priced: Priced) -> date:
    return priced.day.replace(day=1)


def _age(series: Series, known: Known) -> list[Observation]:
    """The age of the newest quote today: one observation a day, and another when a quote comes."""
    quotes = known.quotes(series.series_id)
    if not quotes:
        return []
    newest = quotes[-1]
    return [
        Observation(
            key=f"{known.today} {key_of(newest)}",
            value=float((known.today - day_of(newest)).days),
            at=datetime.combine(known.today, time(), UTC),
            note=f"newest quote: {newest.kind} of {newest.ds} by {newest.source}",
        )
    ]
