"""What is kept: series, quotes and their vintages, as frozen data. Days end in `_on`, instants in `_at`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a quote is a quote of."""

    MONTHLY_MEAN = "monthly-mean"
    POINT = "point"
    ANNUAL = "annual"


#: (series_id, ds, kind): what a vintage is a vintage of.
QuoteKey = tuple[str, date, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One price and its basis.

    market: "cn" (China domestic), "eu" (Europe), "fob" (export from China), or a name of the user's.
    tax_basis: "incl-vat" or "ex-vat". frequency: "monthly-mean", "dated", "mixed" or "annual".
    base_series: the Chinese series that this one is modelled as a premium over, or None.
    """

    series_id: str
    element: str
    form: str
    purity: str | None
    market: str
    currency: str
    unit: str
    tax_basis: str
    frequency: str
    title: str
    provenance: str
    base_series: str | None
    licence_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One price, in the basis of its series.

    ds: the day, the first day of the month (a monthly mean) or the last of the year (an annual figure).
    value: > 0; low <= value <= high where an assessed range is given. available_on: the day a reader could
    have had it. recorded_at: when it entered this database (aware, UTC). n_quotes: how many a mean is of.
    """

    series_id: str
    ds: date
    value: float
    low: float | None
    high: float | None
    available_on: date
    recorded_at: datetime
    source: str
    kind: str
    n_quotes: int | None
    note: str | None

    @property
    def key(self) -> QuoteKey:
        """Quotes with the same key are vintages of one another."""
        return self.series_id, self.ds, self.kind

    @property
    def price(self) -> tuple[float, float | None, float | None]:
        """(value, low, high): a quote that repeats these is no news."""
        return self.value, self.low, self.high
