"""What the use cases answer: plain data, the same for API, command line and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from data.freshness import Freshness

#: Said wherever demonstration data stands behind an answer.
NOTICE = (
    "Demonstration data: check the terms before you redistribute; use your own licensed feed in "
    "production. Remove it with: ytterby data remove-reference"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisAnswer:
    """What a price is a price of."""

    currency: str
    unit: str
    tax: str

    def __str__(self) -> str:
        return f"{self.currency}/{self.unit} {self.tax}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastQuote:
    """The newest quote of a series in its own basis; age in days, a monthly mean counts from its last day."""

    ds: date
    value: float
    kind: str
    source: str
    available_on: date
    age_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAnswer:
    """One catalogued series and how fresh it is. freshness: None in lists, which would read every feed for
    it."""

    series_id: str
    title: str
    element: str | None
    form: str | None
    purity: str | None
    market: str | None
    currency: str
    unit: str
    tax_basis: str
    frequency: str
    base_series: str | None
    provenance: str
    licence_note: str
    n_quotes: int
    first_on: date | None
    last_quote: LastQuote | None
    forecast_issued_at: datetime | None
    freshness: Freshness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateAnswer:
    """The exchange rate behind a converted answer."""

    pair: str
    last_month: date
    last_rate: float
    carried_forward: bool
    uncertainty_included: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """One month. `step` counts from the issue date; 0 and below are the nowcast. Keys are "q0.1"."""

    ds: date
    step: int
    nowcast: bool
    mean: float
    median: float
    quantiles: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """Which models speak in these rows, and why. Weights: model -> one number a row."""

    champion: str
    promotion_reason: str
    weights: Mapping[str, tuple[float, ...]]
    reports: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAs:
    """Which forecaster speaks. rung: "champion", "previous champion" or "random walk". reason: why no higher
    or newer one does, empty where the champion's newest forecast speaks."""

    rung: str
    recipe: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastAnswer:
    """A stored forecast in the basis asked for, with all that is needed to judge it."""

    series_id: str
    title: str
    basis: BasisAnswer
    own_basis: BasisAnswer
    issued_at: datetime
    known_at: date
    run_id: int
    origin: date
    lag: int
    horizon: int
    horizon_stored: int
    #: That the forecast stands on. Its age counts to today, or to the issue day when read with as_of.
    last_quote: LastQuote | None
    last_value: float | None
    exchange_rate: RateAnswer | None
    served_as: ServedAs
    model: ModelAnswer
    calibration: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]
    caveats: tuple[str, ...]
    notice: str | None
    rows: tuple[ForecastRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastQuery:
    """What is asked of a stored forecast. None: as stored, in the series' own basis.

    horizon: months after the issue date, from 1. quantiles: in [0.025, 0.975], ascending.
    as_of: the newest forecast issued by this instant.
    """

    horizon: int | None = None
    quantiles: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    currency: str | None = None
    unit: str | None = None
    tax: str | None = None
    as_of: datetime | None = None
