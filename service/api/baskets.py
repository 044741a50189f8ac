"""Baskets and crossings: questions that only joint paths answer."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from service import baskets as use
from service.answers import ForecastQuery
from service.api.deps import QUESTIONS, Asking, Ctx, Reading
from service.api.schemas.baskets import BasketIn, BasketOut, CrossingOut

router = APIRouter(prefix="/v1", tags=[QUESTIONS])


@router.get("/series/{series_id}/forecast/crossing", dependencies=Reading)
def crossing(
    series_id: str,
    context: Ctx,
    level: Annotated[float, Query(description="Price above 0, in the basis asked for")],
    direction: Annotated[Literal["above", "below"], Query(description="Which side is asked about")] = "above",
    horizon: Annotated[
        int | None, Query(ge=1, description="Months after the issue date. Default: all stored")
    ] = None,
    currency: Annotated[
        Literal["CNY", "EUR", "USD"] | None, Query(description="Default: the series' own")
    ] = None,
    unit: Annotated[Literal["kg", "tonne"] | None, Query(description="Default: the series' own")] = None,
    tax: Annotated[
        Literal["incl-vat", "ex-vat"] | None, Query(description="Default: the series' own")
    ] = None,
) -> CrossingOut:
    """Chance of crossing a level by each month (within) and of standing beyond it in each month (at)."""
    query = ForecastQuery(horizon=horizon, currency=currency, unit=unit, tax=tax)
    return CrossingOut.model_validate(
        use.cross(context, series_id, level=level, direction=direction, query=query)
    )


@router.post("/baskets", dependencies=Asking)
def basket(body: BasketIn, context: Ctx) -> BasketOut:
    """What a basket of series costs each month and in all, with its range, from joint paths."""
    return BasketOut.model_validate(use.cost(context, body.model_dump()))
