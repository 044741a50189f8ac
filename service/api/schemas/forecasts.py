"""Forecasts over the wire, with all that a reader needs to judge them."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.base import BasisOut, Out
from service.api.schemas.prices import LastQuoteOut


class RateOut(Out):
    """The exchange rate used."""

    pair: str = Field(examples=["CNY per USD"])
    last_month: date = Field(description="Newest month with a published mean rate")
    last_rate: float
    carried_forward: bool = Field(description="Is the newest rate older than the month of issue?")
    uncertainty_included: bool = Field(description="Do the ranges hold the exchange rate's own uncertainty?")


class RowOut(Out):
    """One month of a forecast. Quantile keys are written as in the Python API: q0.1."""

    ds: date = Field(description="First day of the month")
    step: int = Field(description="Months after the issue date; 0 and below are the nowcast")
    nowcast: bool
    mean: float
    median: float
    quantiles: dict[str, float]


class EventUseOut(Out):
    """How one event enters. Effects are log effects, if it happens, on what `acts_on` says."""

    event_id: str
    title: str
    event_type: str
    state: str = Field(description="past, pending, scheduled or unknown-outcome")
    probability: float
    effect_mean: float
    effect_low: float = Field(description="5 % quantile")
    effect_high: float = Field(description="95 % quantile")
    events_behind: int = Field(description="Past events that inform the effect")
    joint_with: tuple[str, ...]
    acts_on: str | None = Field(
        default=None,
        description="price, or: premium over the Chinese price (alone; /effects has the whole price)."
        " null: issued before this was said",
    )


class ReportOut(Out):
    """What became of one candidate model."""

    model: str
    status: str
    why: str
    seconds: float


class ServedAsOut(Out):
    """Which rung of the ladder speaks."""

    rung: str = Field(description="champion, previous champion or random walk")
    recipe: str = Field(description="The forecaster; outside China that of the base series", examples=["rw"])
    reason: str = Field(description="Why no higher or newer one speaks; empty for the champion's newest")


class ModelOut(Out):
    """Which models speak, and why."""

    champion: str
    promotion_reason: str
    weights: dict[str, tuple[float, ...]] = Field(
        description="Model -> its weight in each row; they sum to 1"
    )
    reports: tuple[ReportOut, ...]


class CalibrationOut(Out):
    """What the range stands on."""

    kind: str = Field(description="own, pooled, prior or premium")
    n_errors: int
    volatility: float = Field(description="Log scale of one month's move at the origin")
    note: str


class ForecastOut(Out):
    """A forecast as issued, in the basis asked for."""

    series_id: str
    title: str
    basis: BasisOut
    own_basis: BasisOut
    issued_at: datetime
    known_at: date = Field(description="Nothing public after this day was used")
    run_id: int
    origin: date = Field(description="Month of the last quote used")
    lag: int = Field(description="Months from the origin to the month of issue: the nowcast")
    horizon: int
    horizon_stored: int
    last_quote: LastQuoteOut | None = Field(
        description="Newest quote that the forecast stands on, in the series' own basis"
    )
    last_value: float | None = Field(
        description="That quote in the basis asked for, at the rate of its month"
    )
    exchange_rate: RateOut | None
    served_as: ServedAsOut
    model: ModelOut
    calibration: CalibrationOut
    events: tuple[EventUseOut, ...]
    caveats: tuple[str, ...]
    notice: str | None = Field(description="Terms of the demonstration data, when it stands behind this")
    rows: tuple[RowOut, ...]


class LeftOut(Out):
    """A series without an answer, and why."""

    series_id: str
    reason: str


class ForecastList(Out):
    """Forecasts of all series."""

    forecasts: list[ForecastOut]
    left_out: list[LeftOut]
