"""The newest forecast of one series in one basis, on the months after a day, for questions about levels.

Shared by GET /v1/series/{id}/forecast/crossing and by alert rules, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from sqlalchemy import Connection

from data.store import champions
from data.store import forecasts as store
from data.store.champions import Served
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.distribution.basket import Reach, reach
from forecast.types import Array
from service.answers import BasisAnswer, ForecastQuery, ServedAs
from service.catalogue import no_forecast
from service.context import Context
from service.conversion import conversion
from service.ladder import served_as
from service.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ahead:
    """paths: (draws, steps) prices in `basis`, the nowcast included. The first `passed` steps are not asked
    about; months: first days of those that are, up to the last that is stored; reach: over them."""

    series: Series
    issued: IssuedForecast
    served_as: ServedAs
    basis: BasisAnswer
    paths: Array
    passed: int
    months: tuple[date, ...]
    reach: Reach


def ahead(
    context: Context, conn: Connection, series: Series, query: ForecastQuery, after: date | None = None
) -> Ahead:
    """Joint paths of the newest forecast, converted draw by draw, on the months after that of `after`.

    after: None for the day of issue; no earlier one is gone back to. There may be no month left.
    Raises NotYet without a forecast, InputError where there is no rate for the basis of `query`.
    """
    served = champions.served(conn, series.series_id)
    if served is None:
        raise no_forecast(conn, series.series_id, f"none of {series.series_id}")
    month = None if after is None else after.replace(day=1)
    key = ("ahead", series, served.run_id, served.recipe, query.currency, query.unit, query.tax, month)
    kept = context.cache.get(key, partial(_load, conn, series, served, query, month))
    return replace(kept, served_as=served_as(conn, served, kept.issued))


def _load(
    conn: Connection, series: Series, served: Served, query: ForecastQuery, after: date | None
) -> Ahead:
    issued = store.of_run(conn, served.run_id, series.series_id, served.recipe)
    if issued is None:
        raise no_forecast(conn, series.series_id, f"none of {series.series_id}")
    how = conversion(conn, series, issued, query)
    paths = how.paths(issued)  # by rates stored with the run: they stay as they are, and so may be cached
    passed = issued.lag if after is None else max(issued.lag, sum(day <= after for day in issued.periods))
    return Ahead(
        series=series,
        issued=issued,
        served_as=served_as(conn, served, issued),
        basis=how.basis,
        paths=paths,
        passed=passed,
        months=tuple(issued.periods[passed:]),
        reach=reach(paths[:, passed:]),
    )


def months_ahead(issued: Sequence[IssuedForecast], horizon: int | None) -> list[date]:
    """The first `horizon` months after the issue date (all, for None), which these forecasts must share.

    Raises Refusal for a horizon that is not stored, or forecasts issued in different months.
    """
    stored = min(len(one.periods) - one.lag for one in issued)
    chosen = stored if horizon is None else horizon
    if not 1 <= chosen <= stored:
        raise Refusal("horizon", horizon, f"1 to {stored}, the months stored with this forecast")
    found = [list(one.periods[one.lag :][:chosen]) for one in issued]
    if any(months != found[0] for months in found):
        raise Refusal("items", "forecasts issued in different months", "series of one training run")
    return found[0]
