"""Series and quotes over the wire. Prices are in the basis stated beside them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import BasisOut, In, Out


class LastQuoteOut(Out):
    """The newest quote of a series, in the series' own basis."""

    ds: date = Field(description="Day of the quote; first day of the month for a monthly mean")
    value: float
    kind: str = Field(description="monthly-mean, point or annual")
    source: str
    available_on: date = Field(description="Day from which it could be known")
    age_days: int = Field(
        description="Days from the quote (for a monthly mean: the month's last day) to today; in a "
        "forecast read with as_of, to the day it was issued"
    )


class FreshnessOut(Out):
    """Whether the next quote is due, late, or no longer to be waited for."""

    next_due_on: date | None = Field(
        description="As the gaps of its past quotes have it; null for too few of them"
    )
    late_by_days: int = Field(description="Days from then to today, at least 0")
    state: Literal["fresh", "unchanged", "late", "dead", "discontinued"] = Field(
        description="unchanged: fresh, with the price of before; dead: its feed has stopped or repeats "
        "itself; discontinued: this price is no longer published. docs/sources.md states the rules"
    )
    why: str


class SeriesOut(Out):
    """One catalogued price series."""

    series_id: str = Field(examples=["dy-oxide-cn"])
    title: str
    element: str | None
    form: str | None
    purity: str | None
    market: str | None = Field(description="cn (China domestic), eu (Europe) or fob (export from China)")
    currency: str
    unit: str
    tax_basis: str
    frequency: str = Field(description="monthly-mean, dated or mixed")
    base_series: str | None = Field(description="Series that this one is modelled as a premium over")
    provenance: str
    licence_note: str
    n_quotes: int = Field(description="Quotes stored, newest vintage of each")
    first_on: date | None
    last_quote: LastQuoteOut | None
    forecast_issued_at: datetime | None = Field(description="Issue time of the newest stored forecast")
    freshness: FreshnessOut | None = Field(description="Null in lists: ask for the one series")


class SeriesList(Out):
    """The catalogue."""

    series: list[SeriesOut]
    notice: str | None = Field(description="Terms of the demonstration data, when any is stored")


class QuoteOut(Out):
    """One quote with its three dates."""

    ds: date
    value: float
    low: float | None
    high: float | None
    kind: str
    available_on: date
    recorded_at: datetime
    source: str
    n_quotes: int | None
    note: str | None


class Observations(Out):
    """Quotes of one series as they were known."""

    series_id: str
    basis: BasisOut
    as_of: date | None = Field(description="Only quotes available by this day; null: all")
    recorded_by: datetime | None = Field(description="Only quotes recorded here by this instant; null: all")
    observations: list[QuoteOut]
    notice: str | None


class QuoteIn(In):
    """One quote. `unique_id` may be left out when the address names the series."""

    unique_id: str | None = Field(
        default=None, max_length=100, description="Series id; default: the one addressed"
    )
    ds: str = Field(max_length=32, description="Day (or first day of the month for a monthly mean), ISO 8601")
    y: float | int | str | None = Field(description="Price in the series' own currency, unit and tax basis")
    low: float | int | str | None = Field(default=None, description="Low end of an assessed range")
    high: float | int | str | None = Field(default=None, description="High end of an assessed range")
    currency: str | None = Field(default=None, max_length=10, description="Checked against the series")
    unit: str | None = Field(default=None, max_length=10, description="Checked against the series")
    tax_basis: str | None = Field(default=None, max_length=20, description="Checked against the series")
    kind: str | None = Field(
        default=None, max_length=20, description="monthly-mean or point; default: the series' own"
    )
    n_quotes: int | None = Field(default=None, description="How many quotes a mean stands on")
    recorded_at: str | None = Field(
        default=None, max_length=40, description="Ignored: it is recorded when it comes in"
    )
    available_on: str | None = Field(
        default=None, max_length=32, description="Day it could be known; default: today's rule"
    )
    source: str | None = Field(default=None, max_length=200)
    note: str | None = Field(default=None, max_length=1000)


class Upload(In):
    """Rows to keep."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"rows": [{"ds": "2026-11-23", "y": 1520.0, "source": "my desk"}]}},
    )

    rows: list[QuoteIn] = Field(min_length=1, max_length=50_000)


class BadRow(Out):
    """A row that was not kept."""

    line: int = Field(description="Line of the file, or position in the list, from 1")
    column: str
    value: str | float | int | None
    reason: str


class IngestOut(Out):
    """What became of an upload."""

    added: int
    corrected: int = Field(description="New vintages of quotes that were known with another value")
    unchanged: int
    refused: list[BadRow]
    preview: bool = Field(description="true: nothing was written")
