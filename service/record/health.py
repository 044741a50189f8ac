"""How each series does in service, and what follows: a signal, and a champion that loses its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import champions, jobs, record, rules, signals
from data.store.record import Wanted
from data.types import Series
from forecast.distribution.combination import BENCHMARK
from forecast.evaluation.live import Live, by_horizon, decide_demotion, health
from service import promotion
from service.alerts.rules import DEGRADED

#: How far back forecasts are judged: what a forecaster did longer ago says little of it now.
WINDOW = timedelta(days=731)
AUTHOR = "scores in service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Of one series: is it out of band anywhere, and did its champion lose its place?"""

    series_id: str
    degraded: bool
    demoted: bool


def judge(conn: Connection, series: Series, now: datetime, *, replay: bool) -> Judgement:
    """Judge the champion's forecasts of the last two years, and keep the judgement where it is a new one.

    What it lost its place for before is not held against it twice.
    replay: a process whose clock is shifted judges replays too; any other only what was issued live. The
    caller holds the catalogue's row.
    """
    name = series.series_id
    owner = series.base_series or name
    decided = champions.newest(conn, series_id=owner).get(owner)
    champion = BENCHMARK if decided is None else decided.champion
    lost = promotion.lost_at(conn, owner, champion)
    since = now - WINDOW if lost is None else max(now - WINDOW, lost.decided_at)
    live = _live(conn, name, champion, since, replay)
    if live is None:
        return Judgement(series_id=name, degraded=False, demoted=False)
    parts = [part.plain() for part in (health(live), *by_horizon(live))]
    degraded = any(part["state"] in record.OUT_OF_BAND for part in parts)
    content = {
        "champion": champion,
        "degraded": degraded,
        "replays": replay,
        "overall": parts[0],
        "horizons": parts[1:],
    }
    before = record.newest_health(conn, name).get(name)
    if before is None or before.content != content:
        record.save_health(conn, name, now, content)
        for rule in rules.list_rules(conn, series_ids={name}, kinds={DEGRADED}):
            signals.add(conn, kind="rule", subject=str(rule.rule_id), at=now)
    if degraded and not (before and before.content["degraded"]):
        jobs.want(conn, jobs.RETRAIN, f"{name} is out of band in service", now)
    reason = None
    if decided is not None and champion != BENCHMARK and name == owner:
        walk = _live(conn, name, BENCHMARK, since, replay)
        reason = None if walk is None else decide_demotion(live, walk)
    moved = None
    if decided is not None and reason is not None:
        moved = promotion.move_down(
            conn, decided, BENCHMARK, "demoted", reason=reason, author=AUTHOR, now=now, evidence=content
        )
    return Judgement(series_id=name, degraded=degraded, demoted=moved is not None)


def _live(conn: Connection, series_id: str, recipe: str, since: datetime, replay: bool) -> Live | None:
    """Scores of one forecaster, on first published prices, by month of issue and step; None without any."""
    rows = record.losses(
        conn,
        Wanted(
            series_id=series_id,
            recipe=recipe,
            replay=None if replay else False,
            issued_from=since,
        ),
    )
    return laid_out(rows)


def laid_out(rows: Sequence[tuple[datetime, int, float, float | None, bool]]) -> Live | None:
    """Scores as a table: forecasts that were issued in one month count as one."""
    if not rows:
        return None
    frame = pd.DataFrame(rows, columns=["issued_at", "step", "loss", "walk", "inside"])
    frame["month"] = [pd.Period(at.date(), "M").ordinal for at in frame["issued_at"]]
    frame[["loss", "walk", "inside"]] = frame[["loss", "walk", "inside"]].astype(float)
    mean = frame.groupby(["month", "step"])[["loss", "walk", "inside"]].mean()
    months, steps = (np.unique(mean.index.get_level_values(n).to_numpy(np.int64)) for n in ("month", "step"))
    tables: Mapping[str, Any] = {n: mean[n].unstack().to_numpy(float) for n in mean.columns}
    return Live(issued=months, steps=steps, loss=tables["loss"], walk=tables["walk"], inside=tables["inside"])
