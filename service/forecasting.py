"""Use case: read a stored forecast and say it in the basis asked for. Nothing is fitted here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from statistics import NormalDist

import numpy as np
from sqlalchemy import Connection

from data.store import champions, prices
from data.store import forecasts as store
from data.store.forecasts import IssuedForecast
from data.types import Quote, Series
from forecast.types import Array
from service import catalogue
from service.answers import (
    ForecastAnswer,
    ForecastQuery,
    ForecastRow,
    LastQuote,
    ModelAnswer,
)
from service.context import Context
from service.conversion import Conversion, conversion
from service.ladder import served_as, why_champion
from service.refusals import Refusal

#: Spread of log paths below which a price does not move.
_STILL = 1e-9


def quantile_key(quantile: float) -> str:
    """Name of a quantile's column, as in the Python API: q0.1."""
    return f"q{quantile:g}"


def answer(context: Context, series_id: str, query: ForecastQuery) -> ForecastAnswer:
    """The newest forecast of one series in the basis of `query`.

    Raises NotKnown (no such series), NotYet (no forecast stored), Refusal (horizon, quantile or basis
    that this forecast cannot give).
    """
    with context.engine.connect() as conn:
        return _answer(context, conn, catalogue.find(conn, series_id), query)


def answer_all(context: Context, query: ForecastQuery) -> tuple[list[ForecastAnswer], list[tuple[str, str]]]:
    """Forecasts of all series, and (series, reason) for each that has none in this basis."""
    answers, left_out = [], []
    with context.engine.connect() as conn:
        for series in prices.list_series(conn):
            try:
                answers.append(_answer(context, conn, series, query))
            except Refusal as error:
                left_out.append((series.series_id, str(error)))
    return answers, left_out


def _answer(context: Context, conn: Connection, series: Series, query: ForecastQuery) -> ForecastAnswer:
    served = champions.served(conn, series.series_id, query.as_of)
    issued = None if served is None else store.of_run(conn, served.run_id, series.series_id, served.recipe)
    if served is None or issued is None:
        when = "" if query.as_of is None else f" issued by {query.as_of.date()}"
        raise catalogue.no_forecast(conn, series.series_id, f"none{when}")
    stored = len(issued.periods) - issued.lag
    horizon = stored if query.horizon is None else query.horizon
    if not 1 <= horizon <= stored:
        raise Refusal("horizon", query.horizon, f"1 to {stored}, the months stored with this forecast")
    today = context.clock.today()
    reading = today if query.as_of is None else min(today, query.as_of.date())
    behind = _behind(conn, series, issued)
    own = [q for q in behind if q.series_id == series.series_id]
    known = catalogue.last_quote(own, today if query.as_of is None else issued.known_at)
    how = conversion(conn, series, issued, query)
    values, mean = in_basis(issued, how, (0.5, *query.quantiles))
    steps = issued.lag + horizon
    header = issued.header
    return ForecastAnswer(
        series_id=series.series_id,
        title=series.title,
        basis=how.basis,
        own_basis=catalogue.own_basis(series),
        issued_at=issued.issued_at,
        known_at=issued.known_at,
        run_id=issued.run_id,
        origin=issued.origin,
        lag=issued.lag,
        horizon=horizon,
        horizon_stored=stored,
        last_quote=known,
        last_value=None if known is None else how.quote(known.value, known.ds),
        exchange_rate=how.rate,
        served_as=served_as(conn, served, issued, query.as_of),
        model=ModelAnswer(
            champion=header["champion"],
            promotion_reason=why_champion(served, issued),
            weights={name: tuple(w[:steps]) for name, w in header["weights"].items()},
            reports=tuple(header["reports"]),
        ),
        calibration=header["calibration"],
        events=tuple(header["events"]),
        caveats=(
            *header["caveats"],
            *_now(reading, issued, known, how),
            *_not_in_it(conn, series, issued, behind, reading, query.as_of),
        ),
        notice=catalogue.notice_on(conn),
        rows=tuple(
            ForecastRow(
                ds=issued.periods[k],
                step=k + 1 - issued.lag,
                nowcast=k < issued.lag,
                mean=float(mean[k]),
                median=float(values[k, 0]),
                quantiles={
                    quantile_key(q): float(v) for q, v in zip(query.quantiles, values[k, 1:], strict=True)
                },
            )
            for k in range(steps)
        ),
    )


def columns(query: ForecastQuery) -> tuple[str, ...]:
    """Columns of the flat form."""
    shared = ("unique_id", "ds", "step", "nowcast", "currency", "unit", "tax", "issued_at", "mean", "median")
    return shared + tuple(quantile_key(q) for q in query.quantiles)


def flat_rows(answers: Iterable[ForecastAnswer]) -> Iterator[dict[str, object]]:
    """One mapping a series and month: the CSV form."""
    for found in answers:
        shared = {"unique_id": found.series_id, **asdict(found.basis), "issued_at": found.issued_at}
        for row in found.rows:
            own = {"ds": row.ds, "step": row.step, "nowcast": str(row.nowcast).lower()}
            yield shared | own | {"mean": row.mean, "median": row.median, **row.quantiles}


def in_basis(issued: IssuedForecast, how: Conversion, quantiles: tuple[float, ...]) -> tuple[Array, Array]:
    """A stored forecast in the basis asked for: quantiles (steps, q) and means (steps,), as it is served."""
    score = NormalDist().inv_cdf
    stored, wanted = [score(q) for q in issued.quantiles], [score(q) for q in quantiles]
    logs = np.log(issued.values)
    mean = issued.mean
    if how.ratio is not None:
        logs, mean = _with_rate(issued, logs, how.ratio)
    values = np.exp(np.stack([np.interp(wanted, stored, row) for row in logs]))
    return values * how.factor[:, None], mean * how.factor


def _with_rate(issued: IssuedForecast, logs: Array, ratio: Array) -> tuple[Array, Array]:
    """Stored log quantiles (steps, q) and means times an uncertain rate, (draws, steps).

    The rate moves the whole range by its mean and stretches it about its median as the spread of the joint
    paths is stretched: the stored shape stays, and so does its smoothness, which quantiles of a thousand
    paths would lose.
    """
    paths = issued.paths.astype(np.float64)
    before, rate = np.log(paths), np.log(ratio)
    spread = before.std(axis=0)
    # A price that never moves has no shape to stretch: the range is the rate's own.
    still = spread < _STILL
    stretch = (before + rate).std(axis=0) / np.where(still, 1.0, spread)
    middle = logs[:, [len(issued.quantiles) // 2]]
    shape = np.where(still[:, None], [[NormalDist().inv_cdf(q) for q in issued.quantiles]], logs - middle)
    moved = middle + rate.mean(axis=0)[:, None] + shape * stretch[:, None]
    return moved, issued.mean * (paths * ratio).mean(axis=0) / paths.mean(axis=0)


def _now(today: date, issued: IssuedForecast, known: LastQuote | None, how: Conversion) -> tuple[str, ...]:
    """Caveats that only the day of reading knows."""
    said = [] if known is None else list(how.quote_caveats(known.value, known.ds))
    months = (today.year - issued.known_at.year) * 12 + today.month - issued.known_at.month
    if months > 0:
        said.append(
            f"Issued {(today - issued.known_at).days} days ago: steps count from then, not from today."
        )
    return tuple(said)


def _family(series: Series) -> list[str]:
    return [series.series_id] + ([] if series.base_series is None else [series.base_series])


def _read_at(issued: IssuedForecast) -> datetime:
    """Instant at which the run read its inputs; forecasts stored before that was kept have the issue time."""
    stamped = issued.header.get("read_at")
    return issued.issued_at if stamped is None else datetime.fromisoformat(stamped)


def _behind(conn: Connection, series: Series, issued: IssuedForecast) -> list[Quote]:
    """Quotes of the series and its base as the run knew them."""
    ids = _family(series)
    found = prices.load(conn, ids, as_of=issued.known_at, recorded_by=_read_at(issued))
    # A replay of an older day (--today) stands on quotes that were recorded here long after that day.
    return found or prices.load(conn, ids, as_of=issued.known_at)


def _not_in_it(
    conn: Connection,
    series: Series,
    issued: IssuedForecast,
    behind: Sequence[Quote],
    reading: date,
    recorded_by: datetime | None,
) -> tuple[str, ...]:
    """A caveat for each series of the family with a new quote or a correction: the newest, and how many."""
    used = {(q.series_id, q.ds, q.kind): q.value for q in behind}
    said = []
    for name in _family(series):
        later = [
            q
            for q in prices.load(conn, [name], as_of=reading, recorded_by=recorded_by)
            if q.kind != "annual" and used.get((name, q.ds, q.kind)) != q.value
        ]
        if later:
            newest = max(later, key=lambda q: q.ds)
            came = "recorded" if newest.recorded_at > _read_at(issued) else "published"
            whose = "" if name == series.series_id else f" of {name}"
            more = "" if len(later) == 1 else f" (and {len(later) - 1} more)"
            said.append(
                f"A quote{whose} {came} after this forecast was issued is not in it: "
                f"{newest.ds} {newest.value:g}{more}; train again."
            )
    return tuple(said)
