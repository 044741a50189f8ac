"""What is kept: series, quotes and their vintages, as frozen data. Days end in `_on`, instants in `_at`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime

from forecast.errors import InputError

TAX_BASES = ("incl-vat", "ex-vat")
FREQUENCIES = ("monthly-mean", "dated", "mixed", "annual")
QUOTE_KINDS = ("monthly-mean", "point", "annual")


def utc(field: str, instant: datetime) -> datetime:
    """The same instant in UTC. Raises InputError for one without a time zone."""
    if instant.tzinfo is None:
        raise InputError(field, instant.isoformat(), "an instant with its time zone")
    return instant.astimezone(UTC)


def _positive(field: str, number: float) -> None:
    if not (math.isfinite(number) and number > 0):
        raise InputError(field, number, "a finite number above 0")


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(field, value, "one of " + ", ".join(allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One price and its basis.

    market: "cn" (China domestic), "eu" (Europe), "fob" (export from China), or a name of the user's.
    tax_basis: "incl-vat" or "ex-vat". frequency: "monthly-mean", "dated", "mixed" or "annual".
    base_series: the Chinese series that this one is modelled as a premium over, or None.
    """

    series_id: str
    element: str | None
    form: str | None
    purity: str | None
    market: str | None
    currency: str
    unit: str
    tax_basis: str
    frequency: str
    title: str
    provenance: str
    base_series: str | None = None
    licence_note: str = ""

    def __post_init__(self) -> None:
        if not self.series_id.strip():
            raise InputError("series_id", self.series_id, "a name")
        _one_of("frequency", self.frequency, FREQUENCIES)
        _one_of("tax_basis", self.tax_basis, TAX_BASES)


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
    low: float | None = None
    high: float | None = None
    available_on: date
    recorded_at: datetime
    source: str
    kind: str
    n_quotes: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, QUOTE_KINDS)
        for name, price in (("value", self.value), ("low", self.low), ("high", self.high)):
            if price is not None:
                _positive(name, price)
        object.__setattr__(self, "recorded_at", utc("recorded_at", self.recorded_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """Monthly mean rate: units of `currency` per US dollar, > 0; `month` is its first day."""

    month: date
    currency: str
    per_usd: float
    available_on: date
    recorded_at: datetime
    source: str

    def __post_init__(self) -> None:
        _positive("per_usd", self.per_usd)
        if self.month.day != 1:
            raise InputError("month", self.month.isoformat(), "the first day of a month")
        object.__setattr__(self, "recorded_at", utc("recorded_at", self.recorded_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendResult:
    """What became of rows that were sent: new ones, new vintages of known ones, ones that say nothing new."""

    added: int = 0
    corrected: int = 0
    unchanged: int = 0
