"""The ledger: forecasts issued, and their scores as prices arrived. Rows are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, select

from data.store.tables import forecast, forecast_score, model_health, series
from forecast.types import Array

#: Which scores of a month count: those of the price published first, or of its newest vintage.
VINTAGES = ("first", "latest")
#: States of a horizon that is judged and is not as it should be.
OUT_OF_BAND = ("skill", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One line of the ledger. periods: first days of months; the first `lag` are the nowcast."""

    forecast_id: int
    run_id: int
    recipe: str
    issued_at: datetime
    lag: int
    periods: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one month of one forecast did against one vintage of its price.

    step: months after the issue date. scale: the last price at issue, > 0. pinball: mean over the 19 scored
    quantiles, in the unit of the price; walk_pinball: of the random walk of the same run, None without one.
    direction: did the price move the way the median said, from the last price at issue; None where either
    stayed.
    """

    forecast_id: int
    step: int
    vintage: int
    ds: date
    actual: float
    published_on: date
    scale: float
    pinball: float
    walk_pinball: float | None
    inside_80: bool
    inside_95: bool
    direction: bool | None
    regime: str
    scored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Sums over the scores of one series, step and regime. pinball, walk_pinball: in units of `scale`, of the
    scores that have a random walk beside them."""

    series_id: str
    market: str | None
    step: int
    regime: str
    scored: int
    compared: int
    pinball: float
    walk_pinball: float
    inside_80: int
    inside_95: int
    directions: int
    direction_hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which scores. None: whatever it is. replay: issued by a shifted clock? recipe: of that forecaster,
    served or not; else of the forecasts that were served when they were issued."""

    vintage: str = "first"
    series_id: str | None = None
    market: str | None = None
    regime: str | None = None
    step: int | None = None
    replay: bool | None = False
    recipe: str | None = None
    issued_from: datetime | None = None


_SCORES = [forecast_score.c[f.name] for f in fields(Score)]


def issued(conn: Connection, series_id: str) -> tuple[Issued, ...]:
    """Every forecast of a series, the oldest first. No array is read."""
    columns = [forecast.c[f.name] for f in fields(Issued)]
    rows = conn.execute(
        select(*columns).where(forecast.c.series_id == series_id).order_by(forecast.c.forecast_id)
    )
    return tuple(Issued(**row._mapping) for row in rows)


def scored(conn: Connection, series_id: str) -> dict[tuple[int, date], int]:
    """(forecast, month) -> the newest vintage that it was scored on."""
    rows = conn.execute(
        select(
            forecast_score.c.forecast_id, forecast_score.c.ds, func.max(forecast_score.c.vintage).label("v")
        )
        .join(forecast)
        .where(forecast.c.series_id == series_id)
        .group_by(forecast_score.c.forecast_id, forecast_score.c.ds)
    )
    return {(row.forecast_id, row.ds): row.v for row in rows}


def values(conn: Connection, forecast_id: int) -> tuple[tuple[float, ...], Array, float]:
    """(quantiles, prices (steps, q), last price at issue) of a forecast."""
    last = forecast.c.header["last_price"].as_float()
    row = conn.execute(
        select(forecast.c.quantiles, forecast.c.quantile_values, last.label("last")).where(
            forecast.c.forecast_id == forecast_id
        )
    ).one()
    return tuple(row.quantiles), row.quantile_values, row.last


def save(conn: Connection, scores: Iterable[Score]) -> int:
    """Add scores; how many. The database refuses a second one of a forecast, step and vintage."""
    rows = [asdict(score) for score in scores]
    if rows:
        conn.execute(insert(forecast_score), rows)
    return len(rows)


def cells(conn: Connection, wanted: Wanted) -> tuple[Cell, ...]:
    """Sums of the scores that are wanted, by series, step and regime."""
    score = forecast_score.c
    compared = score.walk_pinball.is_not(None)

    def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    keys = (forecast.c.series_id, series.c.market, score.step, score.regime)
    chosen = _chosen(
        wanted,
        *keys,
        func.count().label("scored"),
        counted(compared).label("compared"),
        func.sum(case((compared, score.pinball / score.scale), else_=0.0)).label("pinball"),
        func.sum(case((compared, score.walk_pinball / score.scale), else_=0.0)).label("walk_pinball"),
        counted(score.inside_80).label("inside_80"),
        counted(score.inside_95).label("inside_95"),
        counted(score.direction.is_not(None)).label("directions"),
        counted(and_(score.direction.is_not(None), score.direction)).label("direction_hits"),
    )
    rows = conn.execute(chosen.group_by(*keys).order_by(*keys))
    return tuple(Cell(**row._mapping) for row in rows)


def lines(conn: Connection, wanted: Wanted, limit: int) -> Iterator[Mapping[str, Any]]:
    """The scores that are wanted, one by one, the newest month first: at most `limit`."""
    about = (
        forecast.c.series_id,
        forecast.c.run_id,
        forecast.c.issued_at,
        forecast.c.recipe,
        forecast.c.replay,
    )
    order = (forecast_score.c.ds.desc(), forecast.c.issued_at.desc(), forecast_score.c.forecast_score_id)
    for row in conn.execute(_chosen(wanted, *about, *_SCORES).order_by(*order).limit(limit)):
        yield dict(row._mapping)


def losses(conn: Connection, wanted: Wanted) -> list[tuple[datetime, int, float, float | None, bool]]:
    """(issued_at, step, pinball, the random walk's, inside 80 %) of each score ahead that is wanted, in units
    of `scale`."""
    score = forecast_score.c
    columns = (
        forecast.c.issued_at,
        score.step,
        score.pinball / score.scale,
        score.walk_pinball / score.scale,
        score.inside_80,
    )
    return [tuple(row) for row in conn.execute(_chosen(wanted, *columns).where(score.step >= 1))]


def _chosen(wanted: Wanted, *columns: ColumnElement[Any]) -> Select[Any]:
    score = forecast_score.c
    chosen = select(*columns).select_from(forecast_score.join(forecast).join(series))
    if wanted.vintage == "first":
        chosen = chosen.where(score.vintage == 1)
    else:
        other = forecast_score.alias()
        newest = (
            select(func.max(other.c.vintage))
            .where(other.c.forecast_id == score.forecast_id, other.c.step == score.step)
            .scalar_subquery()
        )
        chosen = chosen.where(score.vintage == newest)
    by = (
        (forecast.c.series_id, wanted.series_id),
        (series.c.market, wanted.market),
        (score.regime, wanted.regime),
        (score.step, wanted.step),
        (forecast.c.replay, wanted.replay),
        (forecast.c.recipe, wanted.recipe),
    )
    chosen = chosen.where(*(column == value for column, value in by if value is not None))
    if wanted.recipe is None:
        chosen = chosen.where(forecast.c.served)
    if wanted.issued_from is not None:
        chosen = chosen.where(forecast.c.issued_at >= wanted.issued_from)
    return chosen


def count(
    conn: Connection, *, replay: bool | None, series_id: str | None = None
) -> tuple[int, datetime | None]:
    """(served forecasts in the ledger, when the first was issued)."""
    chosen = select(func.count(), func.min(forecast.c.issued_at)).where(forecast.c.served)
    if replay is not None:
        chosen = chosen.where(forecast.c.replay == replay)
    if series_id is not None:
        chosen = chosen.where(forecast.c.series_id == series_id)
    found, first = conn.execute(chosen).one()
    return int(found), first


def save_health(conn: Connection, series_id: str, judged_at: datetime, content: Mapping[str, Any]) -> None:
    """Add a judgement of how a series does in service."""
    conn.execute(insert(model_health).values(series_id=series_id, judged_at=judged_at, content=dict(content)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A judgement of how a series does in service. content: JSON-ready."""

    series_id: str
    judged_at: datetime
    content: Mapping[str, Any]


def newest_health(conn: Connection, series_id: str | None = None) -> dict[str, Health]:
    """series_id -> its newest judgement, of one series or of all that have one."""
    rank = func.row_number().over(
        partition_by=model_health.c.series_id,
        order_by=(model_health.c.judged_at.desc(), model_health.c.model_health_id.desc()),
    )
    columns = [model_health.c[f.name] for f in fields(Health)]
    ranked = select(*columns, rank.label("rank"))
    if series_id is not None:
        ranked = ranked.where(model_health.c.series_id == series_id)
    inner = ranked.subquery()
    rows = conn.execute(select(*(inner.c[c.name] for c in columns)).where(inner.c.rank == 1))
    return {row.series_id: Health(**row._mapping) for row in rows}


def health_history(conn: Connection, series_id: str) -> tuple[Health, ...]:
    """Every judgement of a series that is kept, the oldest first."""
    columns = [model_health.c[f.name] for f in fields(Health)]
    rows = conn.execute(
        select(*columns)
        .where(model_health.c.series_id == series_id)
        .order_by(model_health.c.judged_at, model_health.c.model_health_id)
    )
    return tuple(Health(**row._mapping) for row in rows)
