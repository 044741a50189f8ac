"""Who is champion of a series, since when and why; and which stored forecast is therefore served.

Decisions are appended, never changed: the champion at an instant is that of the newest decision by then. A
series outside China is its base's price times a premium, so its champion is that of its base.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, true

from data.store.tables import forecast, promotion, series
from data.types import utc
from forecast.distribution.combination import BENCHMARK

OUTCOMES = ("promoted", "kept", "demoted", "rolled-back", "removed")
RUNGS = ("champion", "previous champion", "random walk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One decision. outcome: one of OUTCOMES. champion: after it; previous: the rung below, None for none but
    the random walk. challenger: who asked for the place, if anybody. evidence: JSON-ready."""

    series_id: str
    decided_at: datetime
    run_id: int | None
    outcome: str
    champion: str
    previous: str | None
    challenger: str | None
    reason: str
    author: str
    evidence: Mapping[str, Any]
    promotion_id: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "decided_at", utc("decided_at", self.decided_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which forecast answers for a series. rung: one of RUNGS. reason: why no higher one answers, empty for
    the champion. decided_for: the series whose champion it goes by; decision: in force, None before any."""

    series_id: str
    run_id: int
    recipe: str
    rung: str
    reason: str
    decided_for: str
    decision: Promotion | None


_COLUMNS = [promotion.c[f.name] for f in fields(Promotion)]


def save(conn: Connection, decision: Promotion) -> None:
    """Append a decision."""
    values = {f.name: getattr(decision, f.name) for f in fields(Promotion) if f.name != "promotion_id"}
    conn.execute(insert(promotion).values({**values, "evidence": dict(decision.evidence)}))


def newest(
    conn: Connection, at: datetime | None = None, series_id: str | None = None
) -> dict[str, Promotion]:
    """series_id -> the decision in force at that instant (now, for None); of one series, or of all."""
    rank = func.row_number().over(
        partition_by=promotion.c.series_id,
        order_by=(promotion.c.decided_at.desc(), promotion.c.promotion_id.desc()),
    )
    ranked = select(*_COLUMNS, rank.label("rank"))
    if at is not None:
        ranked = ranked.where(promotion.c.decided_at <= at)
    if series_id is not None:
        ranked = ranked.where(promotion.c.series_id == series_id)
    inner = ranked.subquery()
    rows = conn.execute(select(*(inner.c[c.name] for c in _COLUMNS)).where(inner.c.rank == 1))
    return {row.series_id: Promotion(**row._mapping) for row in rows}


def history(
    conn: Connection,
    *,
    series_id: str | None = None,
    run_id: int | None = None,
    outcomes: Sequence[str] = OUTCOMES,
    limit: int | None = None,
) -> tuple[Promotion, ...]:
    """Decisions, the newest first; of one series or run, or of all."""
    chosen = select(*_COLUMNS).where(promotion.c.outcome.in_(outcomes))
    for column, wanted in ((promotion.c.series_id, series_id), (promotion.c.run_id, run_id)):
        if wanted is not None:
            chosen = chosen.where(column == wanted)
    ordered = chosen.order_by(promotion.c.decided_at.desc(), promotion.c.promotion_id.desc()).limit(limit)
    return tuple(Promotion(**row._mapping) for row in conn.execute(ordered))


def owner(conn: Connection, series_id: str) -> str:
    """The series whose champion it goes by: its base, or itself."""
    chosen = select(series.c.base_series).where(series.c.series_id == series_id)
    return conn.execute(chosen).scalar_one_or_none() or series_id


def served(conn: Connection, series_id: str, at: datetime | None = None) -> Served | None:
    """The forecast of a series that was served at an instant (is served now, for None), or None."""
    whose = owner(conn, series_id)
    decided = newest(conn, at, whose).get(whose)
    issued = _newest_issued(conn, at, forecast.c.series_id == series_id).get(series_id)
    return None if issued is None else rung(series_id, *issued, whose, decided)


def all_served(conn: Connection, at: datetime | None = None) -> dict[str, Served]:
    """series_id -> the same, of every series that has one."""
    decided = newest(conn, at)
    bases = conn.execute(select(series.c.series_id, series.c.base_series)).all()
    whose = {row.series_id: row.base_series or row.series_id for row in bases}
    issued = _newest_issued(conn, at, true())
    found = (rung(name, *made, whose[name], decided.get(whose[name])) for name, made in issued.items())
    return {one.series_id: one for one in found if one is not None}


def served_of_run(conn: Connection, run_id: int, series_id: str) -> Served | None:
    """Which forecast of a run was the last to be served: until the series' next run, or until now."""
    own = (forecast.c.series_id == series_id, forecast.c.run_id == run_id)
    issued_at = conn.execute(select(func.max(forecast.c.issued_at)).where(*own)).scalar_one()
    if issued_at is None:
        return None
    later = select(func.min(forecast.c.issued_at)).where(
        forecast.c.series_id == series_id, forecast.c.issued_at > issued_at
    )
    until = conn.execute(later).scalar_one()
    whose = owner(conn, series_id)
    decided = newest(conn, None if until is None else until - timedelta(microseconds=1), whose)
    recipes = conn.execute(select(forecast.c.recipe).where(*own)).scalars().all()
    return rung(series_id, run_id, recipes, whose, decided.get(whose))


def rung(
    series_id: str, run_id: int, recipes: Collection[str], decided_for: str, decided: Promotion | None
) -> Served | None:
    """The fallback ladder over the forecasts that a run issued of a series; None where no rung is there.

    Before the first decision the random walk is champion.
    """
    champion = BENCHMARK if decided is None else decided.champion
    previous = None if decided is None else decided.previous
    for recipe, name in zip((champion, previous, BENCHMARK), RUNGS, strict=True):
        if recipe is not None and recipe in recipes:
            why = f"run {run_id} has no forecast by the champion, {champion}"
            return Served(
                series_id=series_id,
                run_id=run_id,
                recipe=recipe,
                rung=name,
                reason="" if name == RUNGS[0] else why,
                decided_for=decided_for,
                decision=decided,
            )
    return None


def _newest_issued(
    conn: Connection, at: datetime | None, which: ColumnElement[bool]
) -> dict[str, tuple[int, list[str]]]:
    """series_id -> (its newest run by then, the recipes that run issued for it)."""
    rank = func.rank().over(
        partition_by=forecast.c.series_id,
        order_by=(forecast.c.issued_at.desc(), forecast.c.run_id.desc()),
    )
    columns = (forecast.c.series_id, forecast.c.run_id, forecast.c.recipe)
    issued = which if at is None else and_(which, forecast.c.issued_at <= at)
    inner = select(*columns, rank.label("rank")).where(issued).subquery()
    found: dict[str, tuple[int, list[str]]] = {}
    for row in conn.execute(select(inner).where(inner.c.rank == 1)):
        found.setdefault(row.series_id, (row.run_id, []))[1].append(row.recipe)
    return found
