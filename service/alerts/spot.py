"""What the chance of a spot crossing starts from: how much the price moves in a week, where paths begin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from data.store import prices
from data.types import Quote, Series
from forecast.distribution.bridge import Volatility, volatility
from forecast.types import Array
from service.ahead import Ahead
from service.answers import ForecastQuery
from service.conversion import conversion
from service.inputs import monthly
from service.refusals import Refusal

#: Volatility comes in regimes: what is older says little of the months ahead.
_RECENT = timedelta(days=3 * 365)


def weekly_volatility(conn: Connection, series: Series, today: date) -> Volatility:
    """Of the log price, from the last three years of quotes in the series' own currency.

    Raises Refusal where there are too few.
    """
    quotes = [q for q in prices.load(conn, [series.series_id], as_of=today) if q.kind != "annual"]
    newest = max((q.ds for q in quotes), default=today)
    recent = sorted((q for q in quotes if q.ds >= newest - _RECENT), key=lambda q: q.ds)
    points = [q for q in recent if q.kind == "point"]
    means = sorted(monthly(recent, today), key=lambda q: q.ds)
    found = volatility(_ordinals(points, "D"), _logs(points), _ordinals(means, "M"), _logs(means))
    if found is None:
        told = f"{len(recent)} quotes in three years"
        raise Refusal("measure", "spot", f"published: {told} tell no volatility of {series.series_id}")
    return found


def spot_points(conn: Connection, series: Series, found: Ahead, query: ForecastQuery) -> Array:
    """Log prices (draws, 1 + months) of the months asked about, and before them of the month they follow on.

    Where the newest quote is of that month, it is the start of every path.
    """
    if found.passed:
        return np.asarray(np.log(found.paths[:, found.passed - 1 :]))
    origin, last = found.issued.origin, found.issued.header["last_price"]
    start = conversion(conn, series, found.issued, query).quote(last, origin)
    if start is None:
        raise Refusal("currency", query.currency, f"one with a rate in {origin:%Y-%m}")
    logs = np.log(found.paths)
    return np.concatenate([np.full((len(logs), 1), np.log(start)), logs], axis=1)


def _ordinals(quotes: Sequence[Quote], unit: str) -> NDArray[np.int64]:
    return np.array([q.ds for q in quotes], dtype=f"datetime64[{unit}]").astype(np.int64)


def _logs(quotes: Sequence[Quote]) -> Array:
    return np.log(np.array([q.value for q in quotes], dtype=np.float64))
