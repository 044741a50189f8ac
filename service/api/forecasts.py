"""Forecasts, read from what is stored. Nothing is fitted here."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service import forecasting
from service.api.deps import Ctx, Reading
from service.api.query import Asked
from service.api.render import WantsCsv, csv_response
from service.api.schemas.forecasts import ForecastList, ForecastOut, LeftOut

router = APIRouter(prefix="/v1", tags=["forecasts"], dependencies=Reading)


@router.get("/series/{series_id}/forecast", response_model=ForecastOut)
def forecast(series_id: str, query: Asked, as_csv: WantsCsv, context: Ctx) -> ForecastOut | Response:
    """The newest forecast of one series: nowcast, months ahead, ranges, and what they stand on."""
    answer = forecasting.answer(context, series_id, query)
    if as_csv:
        return csv_response(
            f"{series_id}-forecast", forecasting.columns(query), forecasting.flat_rows([answer])
        )
    return ForecastOut.model_validate(answer)


@router.get("/forecasts", response_model=ForecastList)
def forecasts(query: Asked, as_csv: WantsCsv, context: Ctx) -> ForecastList | Response:
    """Newest forecast of every series; one that cannot be given in this basis is named, with the reason."""
    answers, left_out = forecasting.answer_all(context, query)
    if as_csv:
        return csv_response("forecasts", forecasting.columns(query), forecasting.flat_rows(answers))
    return ForecastList(
        forecasts=[ForecastOut.model_validate(a) for a in answers],
        left_out=[LeftOut(series_id=name, reason=why) for name, why in left_out],
    )
