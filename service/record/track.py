"""Use case: the track record. Figures of scored forecasts, by series, market, horizon and regime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import Connection

from data.store import champions, prices, record
from data.store.record import VINTAGES, Cell, Health, Score, Wanted
from forecast.evaluation.live import HORIZONS
from service import catalogue
from service.context import Context
from service.record.score import REGIMES
from service.refusals import Refusal

#: Issued by a clock that ran true, or by one that was shifted (--today), which makes no record.
RECORDS = {"live": False, "replays": True, "all": None}
NOWCAST = "nowcast"
_SAID_REPLAYS = (
    "Replays were issued by a shifted clock, over prices that were known already: they are no record."
)
_SAID_WALK = (
    "Where the random walk is served, its skill against itself is 0. Outside China it is that of the base"
    " under the same premium."
)
_SAID_VINTAGE = {
    "first": "Scored on the price that was published first for each month.",
    "latest": "Scored on the newest vintage of each month's price.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of the record. horizon: months ahead, 1 or more; without it all of them."""

    series_id: str | None = None
    market: str | None = None
    regime: str | None = None
    horizon: int | None = None
    vintage: str = "first"
    record: str = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of some scored months. pinball, walk_pinball: mean, in per cent of the last price at issue. skill: 1 -
    their ratio. coverage: share of outcomes in the range. direction: share of moves that were called.

    None where nothing stands behind it.
    """

    scored: int
    pinball: float | None
    walk_pinball: float | None
    skill: float | None
    coverage_80: float | None
    coverage_95: float | None
    directions: int
    direction: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Figures of one value of one dimension: "series", "market", "horizon" or "regime"."""

    by: str
    value: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What was taken out of the record, and why."""

    series_id: str
    removed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """The record as asked. issued: served forecasts in it; since: when the first was issued. overall: months
    ahead, without nowcasts. health: how each series does now, as it was judged last."""

    asked: Asked
    issued: int
    since: datetime | None
    overall: Figures
    groups: tuple[Group, ...]
    health: tuple[Health, ...]
    removals: tuple[Removal, ...]
    notes: tuple[str, ...]
    notice: str | None


COLUMNS = ("by", "value", *(f.name for f in fields(Figures)))
LINE_COLUMNS = (
    "series_id",
    "run_id",
    "issued_at",
    "recipe",
    "replay",
    *(f.name for f in fields(Score) if f.name != "forecast_id"),
)


def track_record(context: Context, asked: Asked) -> TrackRecord:
    """Raises NotKnown (no such series), Refusal (a market, regime, vintage or record that there is not)."""
    with context.engine.connect() as conn:
        wanted = _wanted(conn, asked)
        cells = record.cells(conn, wanted)
        issued, since = record.count(conn, replay=wanted.replay, series_id=asked.series_id)
        judged = record.newest_health(conn, asked.series_id)
        removed = champions.history(conn, series_id=asked.series_id, outcomes=("removed",))
        notice = catalogue.notice_on(conn)
    ahead = [cell for cell in cells if cell.step >= 1]
    return TrackRecord(
        asked=asked,
        issued=issued,
        since=since,
        overall=figures(ahead),
        groups=(
            *_grouped("series", ahead, lambda cell: cell.series_id),
            *_grouped("market", ahead, lambda cell: cell.market or "none"),
            *_grouped("horizon", cells, lambda cell: _horizon(cell.step)),
            *_grouped("regime", ahead, lambda cell: cell.regime),
        ),
        health=tuple(judged[name] for name in sorted(judged)),
        removals=tuple(
            Removal(series_id=r.series_id, removed_at=r.decided_at, reason=r.reason) for r in removed
        ),
        notes=(
            _SAID_VINTAGE[asked.vintage],
            _SAID_WALK,
            *((_SAID_REPLAYS,) if asked.record != "live" else ()),
        ),
        notice=notice,
    )


def ledger(context: Context, asked: Asked, limit: int) -> list[dict[str, object]]:
    """Scores one by one, the newest month first, as mappings of LINE_COLUMNS: at most `limit`."""
    with context.engine.connect() as conn:
        found = record.lines(conn, _wanted(conn, asked), limit)
        return [{name: line[name] for name in LINE_COLUMNS} for line in found]


def flat_rows(found: TrackRecord) -> Iterator[dict[str, object]]:
    """One mapping a group, and first the whole: the CSV form."""
    yield {"by": "all", "value": "all", **asdict(found.overall)}
    for group in found.groups:
        yield {"by": group.by, "value": group.value, **asdict(group.figures)}


def figures(cells: Sequence[Cell]) -> Figures:
    """Of these cells together."""
    scored, compared = sum(c.scored for c in cells), sum(c.compared for c in cells)
    mine, walk = sum(c.pinball for c in cells), sum(c.walk_pinball for c in cells)
    directions = sum(c.directions for c in cells)
    return Figures(
        scored=scored,
        pinball=_share(100.0 * mine, compared),
        walk_pinball=_share(100.0 * walk, compared),
        skill=1.0 - mine / walk if walk > 0 else None,
        coverage_80=_share(sum(c.inside_80 for c in cells), scored),
        coverage_95=_share(sum(c.inside_95 for c in cells), scored),
        directions=directions,
        direction=_share(sum(c.direction_hits for c in cells), directions),
    )


def _wanted(conn: Connection, asked: Asked) -> Wanted:
    """The same, checked."""
    if asked.series_id is not None:
        catalogue.find(conn, asked.series_id)
    markets = sorted({s.market for s in prices.list_series(conn) if s.market is not None})
    for field, found, allowed in (
        ("market", asked.market, markets),
        ("regime", asked.regime, REGIMES),
        ("vintage", asked.vintage, VINTAGES),
        ("record", asked.record, tuple(RECORDS)),
    ):
        if found is not None and found not in allowed:
            raise Refusal(field, found, "one of " + (", ".join(allowed) or "none: no series has one"))
    if asked.horizon is not None and asked.horizon < 1:
        raise Refusal("horizon", asked.horizon, "months ahead, from 1")
    return Wanted(
        vintage=asked.vintage,
        series_id=asked.series_id,
        market=asked.market,
        regime=asked.regime,
        step=asked.horizon,
        replay=RECORDS[asked.record],
    )


def _grouped(by: str, cells: Sequence[Cell], key: Callable[[Cell], str]) -> Iterator[Group]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    order = _ORDER if by == "horizon" else sorted(groups)
    for value in order:
        if value in groups:
            yield Group(by=by, value=value, figures=figures(groups[value]))


def _horizon(step: int) -> str:
    return next((_span(*span) for span in HORIZONS if span[0] <= step <= span[1]), NOWCAST)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


_ORDER = (NOWCAST, *(_span(*span) for span in HORIZONS))


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
