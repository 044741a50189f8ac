"""Issued forecasts and the exchange-rate paths of their run: arrays packed, the rest as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, insert, select

from data.store import champions
from data.store.tables import forecast, fx_path
from data.types import utc
from forecast.distribution.combination import BENCHMARK
from forecast.errors import InputError
from forecast.types import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IssuedForecast:
    """The forecast of one series as it was issued by one run.

    origin and periods: first days; the first `lag` periods are the nowcast. quantiles: (q,) in (0, 1);
    values: (steps, q) and mean: (steps,) prices in the basis of the series; paths: (draws, steps) float32.
    header: JSON-ready (champion, promotion_reason, weights, reports, calibration, events, caveats,
    last_price, details, fingerprint, versions, seed).
    recipe: the forecaster that speaks, outside China that of the base. served: was it the one to be read when
    it was issued? replay: did the clock that issued it stand on another day than the wall clock?
    """

    series_id: str
    run_id: int
    issued_at: datetime
    known_at: date
    origin: date
    lag: int
    periods: Sequence[date]
    quantiles: Sequence[float]
    values: Array
    mean: Array
    paths: NDArray[np.float32]
    header: Mapping[str, Any]
    recipe: str = BENCHMARK
    served: bool = True
    replay: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "issued_at", utc("issued_at", self.issued_at))
        steps, levels = len(self.periods), len(self.quantiles)
        for name, shape, wanted in (
            ("values", self.values.shape, (steps, levels)),
            ("mean", self.mean.shape, (steps,)),
            ("paths", self.paths.shape[1:], (steps,)),
        ):
            if shape != wanted:
                raise InputError(f"{self.series_id}.{name}", f"shape {shape}", f"{wanted}, as periods say")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FxPaths:
    """Joint exchange-rate paths of one run: units per US dollar.

    periods: first days of months. paths: currency -> (draws, len(periods)) float32; draw k belongs to
    draw k of every forecast of the run.
    """

    run_id: int
    periods: Sequence[date]
    paths: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def save(conn: Connection, issued: IssuedForecast) -> None:
    """Store one forecast. The database refuses a second one of a series and recipe from the same run."""
    conn.execute(
        insert(forecast).values(
            series_id=issued.series_id,
            run_id=issued.run_id,
            issued_at=issued.issued_at,
            known_at=issued.known_at,
            origin=issued.origin,
            lag=issued.lag,
            periods=[day.isoformat() for day in issued.periods],
            quantiles=[float(q) for q in issued.quantiles],
            header=dict(issued.header),
            quantile_values=np.asarray(issued.values, dtype=np.float64),
            mean=np.asarray(issued.mean, dtype=np.float64),
            paths=np.asarray(issued.paths, dtype=np.float32),
            recipe=issued.recipe,
            served=issued.served,
            replay=issued.replay,
        )
    )


def latest(conn: Connection, series_id: str, *, issued_by: datetime | None = None) -> IssuedForecast | None:
    """The forecast of a series that was served at that instant (is served now, for None), or None."""
    found = champions.served(conn, series_id, issued_by)
    return None if found is None else of_run(conn, found.run_id, series_id, found.recipe)


def of_run(conn: Connection, run_id: int, series_id: str, recipe: str) -> IssuedForecast | None:
    """The forecast of a series from one run by one recipe, or None."""
    chosen = select(forecast).where(
        forecast.c.run_id == run_id, forecast.c.series_id == series_id, forecast.c.recipe == recipe
    )
    row = conn.execute(chosen).first()
    return None if row is None else _issued(row)


def served_of_run(conn: Connection, run_id: int, series_id: str) -> IssuedForecast | None:
    """The forecast of a series from one run that was the last to be served, or None."""
    found = champions.served_of_run(conn, run_id, series_id)
    return None if found is None else of_run(conn, run_id, series_id, found.recipe)


def all_of_run(conn: Connection, run_id: int) -> tuple[IssuedForecast, ...]:
    """Every forecast of a run, by series and recipe."""
    chosen = select(forecast).where(forecast.c.run_id == run_id)
    rows = conn.execute(chosen.order_by(forecast.c.series_id, forecast.c.recipe))
    return tuple(_issued(row) for row in rows)


def runs_of(conn: Connection, series_id: str) -> tuple[int, ...]:
    """Runs that issued a forecast of a series, the newest first. Cheap: no array is read."""
    rows = conn.execute(
        select(forecast.c.run_id)
        .where(forecast.c.series_id == series_id)
        .group_by(forecast.c.run_id)
        .order_by(func.max(forecast.c.issued_at).desc(), forecast.c.run_id.desc())
    )
    return tuple(rows.scalars())


def _issued(row: Row[Any]) -> IssuedForecast:
    return IssuedForecast(
        series_id=row.series_id,
        run_id=row.run_id,
        issued_at=row.issued_at,
        known_at=row.known_at,
        origin=row.origin,
        lag=row.lag,
        periods=_days(row.periods),
        quantiles=tuple(row.quantiles),
        values=row.quantile_values,
        mean=row.mean,
        paths=row.paths,
        header=row.header,
        recipe=row.recipe,
        served=row.served,
        replay=row.replay,
    )


def latest_issued_at(conn: Connection) -> dict[str, datetime]:
    """series_id -> instant of its newest forecast. Cheap: no array is read."""
    rows = conn.execute(select(forecast.c.series_id, forecast.c.issued_at).order_by(forecast.c.issued_at))
    return {row.series_id: row.issued_at for row in rows}


def save_fx_paths(
    conn: Connection, run_id: int, periods: Sequence[date], paths: Mapping[str, NDArray[Any]]
) -> None:
    """Store the exchange-rate paths of a run: currency -> (draws, len(periods)), units per US dollar."""
    labels = [day.isoformat() for day in periods]
    for currency, drawn in paths.items():
        if drawn.shape[1:] != (len(labels),):
            raise InputError(f"{currency} paths", f"shape {drawn.shape}", f"(draws, {len(labels)})")
        packed = np.asarray(drawn, dtype=np.float32)
        conn.execute(insert(fx_path).values(run_id=run_id, currency=currency, periods=labels, paths=packed))


def latest_fx_paths(conn: Connection, run_id: int) -> FxPaths | None:
    """The exchange-rate paths that belong to the forecasts of a run, or None."""
    rows = conn.execute(select(fx_path).where(fx_path.c.run_id == run_id).order_by(fx_path.c.currency)).all()
    if not rows:
        return None
    return FxPaths(
        run_id=run_id, periods=_days(rows[0].periods), paths={row.currency: row.paths for row in rows}
    )


def _days(labels: Sequence[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(label) for label in labels)
