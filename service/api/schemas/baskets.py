"""Baskets and crossings over the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.api.schemas.base import BasisOut, In, Number, Out, Text, Whole
from service.api.schemas.forecasts import RateOut
from service.api.schemas.scenarios import Quantile

Amount = Annotated[Number, Field(ge=0, le=1e9, allow_inf_nan=False)]
Cost = Annotated[Number, Field(gt=0, le=1e15, allow_inf_nan=False)]


class BasketItemIn(In):
    """One item: kg a month (one number, or one for each month), or its share of a kg."""

    series_id: Text = Field(max_length=80)
    quantity: Amount | list[Amount] | None = None
    share: Amount | None = None


class BasketIn(In):
    """A basket. All items have quantities, or all have shares, which sum to 1."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "items": [
                    {"series_id": "dy-oxide-eu", "quantity": 100},
                    {"series_id": "nd-oxide-eu", "quantity": 2000},
                ],
                "currency": "EUR",
                "horizon": 12,
                "budget": 7000000,
            }
        },
    )

    items: list[BasketItemIn] = Field(min_length=1, max_length=50)
    currency: Literal["CNY", "EUR", "USD"] | None = Field(
        default=None, description="Needed when the items are in several"
    )
    tax: Literal["incl-vat", "ex-vat"] | None = Field(default=None, description="Default: each item's own")
    horizon: Whole | None = Field(default=None, ge=1, description="Months after the issue date. Default: all")
    quantiles: list[Quantile] = Field(default=[0.1, 0.25, 0.5, 0.75, 0.9], min_length=1, max_length=21)
    levels: list[Cost] = Field(default_factory=list, max_length=10, description="Costs of one kg")
    budget: Cost | None = Field(default=None, description="For all months together; beside quantities")


class BasketItemOut(Out):
    """One item as it entered."""

    series_id: str
    title: str
    own_basis: BasisOut
    quantities: tuple[float, ...]


class BasketRowOut(Out):
    """One month: cost of one kg of the basket."""

    ds: date
    step: int
    mean: float
    quantiles: dict[str, float]
    above: dict[str, float] = Field(description="level -> chance of a cost above it")


class BasketOut(Out):
    """What the basket costs."""

    items: tuple[BasketItemOut, ...]
    currency: str
    issued_at: datetime
    run_id: int
    horizon: int
    draws: int
    rows: tuple[BasketRowOut, ...] = Field(description="Months in which something is bought")
    total_mean: float
    total_quantiles: dict[str, float] = Field(description="Cost of all months together")
    budget: float | None
    over_budget: float | None = Field(description="Chance that the total exceeds the budget")
    over_budget_error: float | None
    spread_ratio: float | None = Field(
        description="Standard deviation of the total over that of items which move independently"
    )
    notes: tuple[str, ...]
    notice: str | None


class CrossingRowOut(Out):
    """One month ahead."""

    ds: date
    step: int
    within: float = Field(description="Chance of having stood beyond the level by now, from the issue date")
    within_error: float
    at: float = Field(description="Chance of standing beyond it in this month")
    at_error: float


class CrossingOut(Out):
    """Does a price cross a level?"""

    series_id: str
    title: str
    basis: BasisOut
    issued_at: datetime
    run_id: int
    level: float
    direction: str
    horizon: int
    draws: int
    exchange_rate: RateOut | None
    note: str
    notice: str | None
    rows: tuple[CrossingRowOut, ...]
