"""Who is champion and why, and how what was issued did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from data.store.champions import Promotion
from service import promotion
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.query import OnDay
from service.api.render import WantsCsv, csv_response
from service.api.schemas.record import (
    ChampionOut,
    PromotionList,
    PromotionOut,
    RollbackIn,
    ScoreLineOut,
    ScoreLines,
    TrackRecordOut,
)
from service.api.series import SeriesId
from service.record import track
from service.record.track import Asked

router = APIRouter(prefix="/v1", tags=["record"])

Name = Annotated[str | None, Query(max_length=100, description="Only this series")]
PROMOTION_COLUMNS = (
    "promotion_id",
    "series_id",
    "decided_at",
    "run_id",
    "outcome",
    "champion",
    "previous",
    "challenger",
    "reason",
    "author",
)


def asked(
    series_id: Name = None,
    market: Annotated[str | None, Query(max_length=40, description="Only this market, such as cn")] = None,
    regime: Annotated[
        Literal["quiet", "control window"] | None, Query(description="Only months of this regime")
    ] = None,
    horizon: Annotated[int | None, Query(ge=1, le=36, description="Only so many months ahead")] = None,
    vintage: Annotated[
        Literal["first", "latest"], Query(description="Price that was published first, or newest vintage")
    ] = "first",
    record: Annotated[
        Literal["live", "replays", "all"],
        Query(description="Issued by a true clock, or by a shifted one (--today), which is no record"),
    ] = "live",
) -> Asked:
    """The filters of the record."""
    return Asked(
        series_id=series_id, market=market, regime=regime, horizon=horizon, vintage=vintage, record=record
    )


Filters = Annotated[Asked, Depends(asked)]


@router.get("/promotions", response_model=PromotionList, dependencies=Reading)
def promotions(
    context: Ctx,
    as_csv: WantsCsv,
    series_id: Name = None,
    outcome: Annotated[
        Literal["promoted", "kept", "demoted", "rolled-back", "removed"] | None,
        Query(description="Only decisions that came out so"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many, newest first")] = 100,
) -> PromotionList | Response:
    """Every decision about who is served, with its evidence and its reason."""
    found = promotion.promotions(context, series_id=series_id, outcome=outcome, limit=limit)
    if as_csv:
        return csv_response("promotions", PROMOTION_COLUMNS, _flat(found))
    return PromotionList(promotions=[PromotionOut.model_validate(one) for one in found])


@router.get("/series/{series_id}/champion", dependencies=Reading)
def champion(series_id: SeriesId, context: Ctx, on: OnDay = None) -> ChampionOut:
    """Who was champion of a series on a day, why, and trained on what."""
    return ChampionOut.model_validate(promotion.champion(context, series_id, on))


@router.post("/series/{series_id}/rollback", dependencies=[*Writing, Depends(json_only)])
def rollback(series_id: SeriesId, body: RollbackIn, context: Ctx, author: Author) -> ChampionOut:
    """Put the previous champion back, at once."""
    found = promotion.rollback(context, series_id, reason=body.reason, author=author)
    return ChampionOut.model_validate(found)


@router.get("/track-record", response_model=TrackRecordOut, dependencies=Reading)
def track_record(filters: Filters, context: Ctx, as_csv: WantsCsv) -> TrackRecordOut | Response:
    """How issued forecasts did: skill against the random walk, pinball loss, coverage, direction."""
    found = track.track_record(context, filters)
    if as_csv:
        return csv_response("track-record", track.COLUMNS, track.flat_rows(found))
    return TrackRecordOut.model_validate(found)


@router.get("/track-record/scores", response_model=ScoreLines, dependencies=Reading)
def scores(
    filters: Filters,
    context: Ctx,
    as_csv: WantsCsv,
    limit: Annotated[int, Query(ge=1, le=50_000, description="At most so many, newest month first")] = 1000,
) -> ScoreLines | Response:
    """The ledger behind it: every scored month of every served forecast."""
    found = track.ledger(context, filters, limit)
    if as_csv:
        return csv_response("track-record-scores", track.LINE_COLUMNS, found)
    return ScoreLines(scores=[ScoreLineOut.model_validate(line) for line in found])


def _flat(found: Iterable[Promotion]) -> Iterator[dict[str, object]]:
    for one in found:
        yield asdict(one)
