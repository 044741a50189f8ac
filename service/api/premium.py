"""What premiums are made of, read from what is stored."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service import premium
from service.api.deps import Ctx, Reading
from service.api.query import AsOf
from service.api.render import WantsCsv, csv_response
from service.api.schemas.premium import PremiumOut
from service.api.series import SeriesId

router = APIRouter(prefix="/v1", tags=["premium"], dependencies=Reading)


@router.get("/series/{series_id}/premium", response_model=PremiumOut)
def premium_of(
    series_id: SeriesId, context: Ctx, as_csv: WantsCsv, as_of: AsOf = None
) -> PremiumOut | Response:
    """Base level, controls, change of source and drift, each with its interval and what priors do to it."""
    found = premium.answer(context, series_id, as_of)
    if as_csv:
        return csv_response(f"{series_id}-premium", premium.COLUMNS, premium.flat_rows(found))
    return PremiumOut.model_validate(found)
