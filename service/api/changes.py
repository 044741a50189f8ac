"""Why a forecast changed, issued again from stored parameters. Nothing is fitted here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service import changes
from service.api.deps import Ctx, Reading
from service.api.render import WantsCsv, csv_response
from service.api.schemas.changes import ChangesOut
from service.api.series import SeriesId

router = APIRouter(prefix="/v1", tags=["forecasts"], dependencies=Reading)


@router.get("/series/{series_id}/forecast/changes", response_model=ChangesOut)
def forecast_changes(
    series_id: SeriesId,
    context: Ctx,
    as_csv: WantsCsv,
    from_run: Annotated[
        int | None, Query(alias="from", ge=1, le=2**31 - 1, description="The older run; default: before `to`")
    ] = None,
    to_run: Annotated[
        int | None, Query(alias="to", ge=1, le=2**31 - 1, description="The newer run; default: the newest")
    ] = None,
) -> ChangesOut | Response:
    """New data, revised data, events, parameters, model choice: what each did to the median of each month."""
    found = changes.answer(context, series_id, from_run, to_run)
    if as_csv:
        return csv_response(f"{series_id}-changes", changes.COLUMNS, changes.flat_rows(found))
    return ChangesOut.model_validate(found)
