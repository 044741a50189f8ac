"""Effects of events and counterfactual prices, read from what the newest run stored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from service import effects as use_case
from service.answers import ForecastQuery
from service.api.deps import Ctx, Reading
from service.api.query import AsOf
from service.api.render import WantsCsv, csv_response
from service.api.schemas.effects import CounterfactualOut, EffectsOut
from service.api.series import SeriesId
from service.query import make_query

router = APIRouter(prefix="/v1", tags=["effects"], dependencies=Reading)


def basis_query(
    currency: Annotated[
        Literal["CNY", "EUR", "USD"] | None,
        Query(description="At the month's mean rate. Default: the series' own"),
    ] = None,
    unit: Annotated[Literal["kg", "tonne"] | None, Query(description="Default: the series' own")] = None,
    tax: Annotated[
        Literal["incl-vat", "ex-vat"] | None,
        Query(description="With or without Chinese VAT, at its rate of the date. Default: the series' own"),
    ] = None,
    as_of: AsOf = None,
) -> ForecastQuery:
    """The basis of money, and the newest run by a day."""
    return make_query(currency=currency, unit=unit, tax=tax, as_of=as_of)


Asked = Annotated[ForecastQuery, Depends(basis_query)]


@router.get("/series/{series_id}/effects", response_model=EffectsOut)
def effects(series_id: SeriesId, query: Asked, as_csv: WantsCsv, context: Ctx) -> EffectsOut | Response:
    """What each event did to this price or may do, with 90 % intervals, and what stands behind the figure."""
    answer = use_case.answer(context, series_id, query)
    if as_csv:
        return csv_response(f"{series_id}-effects", use_case.COLUMNS, use_case.flat_rows(answer))
    return EffectsOut.model_validate(answer)


@router.get("/series/{series_id}/effects/counterfactual", response_model=CounterfactualOut)
def counterfactual(
    series_id: SeriesId,
    query: Asked,
    as_csv: WantsCsv,
    context: Ctx,
    event: Annotated[
        str, Query(max_length=2000, description="all, an event id, or ids of events that coincide")
    ] = "all",
) -> CounterfactualOut | Response:
    """The price had an event not happened: month by month, outside China on the days of quotes."""
    answer = use_case.counterfactual(context, series_id, query, event)
    if as_csv:
        return csv_response(f"{series_id}-counterfactual", use_case.PATH_COLUMNS, use_case.flat_path(answer))
    return CounterfactualOut.model_validate(answer)
