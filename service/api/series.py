"""The catalogue, and quotes going in and out."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from service import catalogue, ingest
from service.api.deps import Ctx, Reading, Writing, media_type
from service.api.query import AsOf, RecordedBy, aware
from service.api.render import WantsCsv, csv_response
from service.api.schemas.prices import IngestOut, Observations, SeriesList, SeriesOut
from service.refusals import Refusal, WrongShape

router = APIRouter(prefix="/v1", tags=["series"])

SeriesId = Annotated[str, Path(max_length=100, description="Series id, such as dy-oxide-cn")]


@router.get("/series", response_model=SeriesList, dependencies=Reading)
def list_series(context: Ctx, as_csv: WantsCsv) -> SeriesList | Response:
    """Every series with its basis, its provenance and how fresh it is."""
    found = catalogue.list_series(context)
    if as_csv:
        return csv_response("series", catalogue.SERIES_COLUMNS, catalogue.flat_series(found))
    return SeriesList(series=[SeriesOut.model_validate(s) for s in found], notice=catalogue.notice(context))


@router.get("/series/{series_id}", dependencies=Reading)
def get_series(series_id: SeriesId, context: Ctx) -> SeriesOut:
    """One series."""
    return SeriesOut.model_validate(catalogue.get_series(context, series_id))


@router.get("/series/{series_id}/observations", response_model=Observations, dependencies=Reading)
def observations(
    series_id: SeriesId,
    context: Ctx,
    as_csv: WantsCsv,
    as_of: AsOf = None,
    recorded_by: RecordedBy = None,
    start: Annotated[date | None, Query(description="Quotes of this day or later")] = None,
    end: Annotated[date | None, Query(description="Quotes of this day or earlier")] = None,
) -> Observations | Response:
    """Quotes as they were known: `as_of` filters on availability, `recorded_by` on recording."""
    bound = aware("recorded_by", recorded_by)
    if start is not None and end is not None and start > end:
        raise Refusal("start", start.isoformat(), f"a day not after end ({end.isoformat()})")
    answer = catalogue.observations(context, series_id, as_of=as_of, recorded_by=bound, start=start, end=end)
    if as_csv:
        return csv_response(series_id, catalogue.QUOTE_COLUMNS, catalogue.flat_quotes(answer))
    return Observations.model_validate(answer)


async def upload(request: Request) -> ingest.Content:
    """The body as it came, with its kind: JSON rows, CSV or a workbook."""
    kind = media_type(request)
    if kind not in ingest.MEDIA_TYPES:
        raise WrongShape(kind, list(ingest.MEDIA_TYPES))
    return ingest.Content(media_type=kind, body=await request.body())


_ROW_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Upload"}},
            "text/csv": {
                "schema": {"type": "string"},
                "example": "unique_id,ds,y\r\ndy-oxide-cn,2026-10-01,1510.0\r\n",
            },
            ingest.EXCEL: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("/series/{series_id}/observations", dependencies=Writing, openapi_extra=_ROW_BODY)
def add_observations(
    series_id: SeriesId,
    context: Ctx,
    content: Annotated[ingest.Content, Depends(upload)],
    preview: Annotated[bool, Query(description="Check and count, but write nothing")] = False,
    on_bad_row: Annotated[
        Literal["keep-good", "refuse-all"],
        Query(description="What bad rows do to the good ones. Either way it is one transaction"),
    ] = "keep-good",
) -> IngestOut:
    """Add quotes to one series. The same quotes twice change nothing; another value is a new vintage."""
    result = ingest.ingest(
        context, content, series_id=series_id, preview=preview, all_or_nothing=on_bad_row == "refuse-all"
    )
    return IngestOut.model_validate(result)
