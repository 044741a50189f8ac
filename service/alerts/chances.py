"""What the newest stored forecast says to rules on forecasts: chances of a level, and quantiles.

Chances come from joint sample paths, converted draw by draw, never from ranges, by the same function as
GET /v1/series/{id}/forecast/crossing. Months count from today: the first is the one after today's. Rules that
share basis, months and side are answered in one pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import Connection

from data.store import prices
from data.types import Series
from forecast.distribution.basket import share_beyond, standard_error
from forecast.distribution.bridge import bridge_crossing
from forecast.errors import InputError
from service import logs
from service.ahead import Ahead, ahead
from service.alerts.rules import ABOVE, Rule
from service.alerts.spot import spot_points, weekly_volatility
from service.alerts.state import Observation
from service.answers import ForecastQuery
from service.context import Context
from service.conversion import conversion
from service.forecasting import in_basis
from service.refusals import NotYet

WITHIN = "Within a month a daily price may cross and come back."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What rules must share to be answered in one pass. month: place of the newest month asked about that is
    stored, from 0; short: how many are asked about beyond it."""

    kind: str
    above: bool
    spot: bool
    quantile: float
    month: int
    short: int


def observe(
    context: Context, conn: Connection, rules: Sequence[Rule], series_id: str, today: date
) -> dict[int, Observation]:
    """Rule -> what the newest forecast of a series says to it: a chance in [0, 1], or a price for `forecast`.

    A rule has no observation where no forecast is stored, where all its months are over or beyond what is
    stored, or where its basis cannot be given; the last is logged.
    """
    series = prices.get_series(conn, series_id)
    found: dict[int, Observation] = {}
    if series is None:
        return found
    for query, group in _by_basis(rules).items():
        try:
            known = ahead(context, conn, series, query, after=today)
            for asked, alike in _passes(group, known).items():
                answers = _answer(conn, known, series, query, asked, alike, today)
                found |= dict(zip((rule.rule_id for rule in alike), answers, strict=True))
        except NotYet:
            return {}
        except InputError as error:
            told = [rule.rule_id for rule in group]
            logs.get("alerts").warning("rules that cannot be answered", rules=told, why=str(error))
    return found


def _by_basis(rules: Sequence[Rule]) -> dict[ForecastQuery, list[Rule]]:
    groups: dict[ForecastQuery, list[Rule]] = defaultdict(list)
    for rule in rules:
        groups[ForecastQuery(currency=rule.currency, unit=rule.unit, tax=rule.tax)].append(rule)
    return groups


def _passes(rules: Sequence[Rule], known: Ahead) -> dict[Asked, list[Rule]]:
    """Rules by what they share; those about no stored month are left out."""
    passes: dict[Asked, list[Rule]] = defaultdict(list)
    places = {month: k for k, month in enumerate(known.months)}
    for rule in rules:
        if rule.on is not None:
            month, short = places.get(rule.on.replace(day=1), -1), 0
        else:
            wanted = rule.horizon or 0
            month = min(wanted, len(known.months)) - 1
            # up to a month there may be fewer than asked for; a month itself is there or it is not
            short = wanted - 1 - month
            month = month if rule.kind == "p_cross_by" or short == 0 else -1
        if month >= 0:
            asked = Asked(
                kind=rule.kind,
                above=rule.direction == ABOVE,
                spot=rule.measure == "spot",
                quantile=0.5 if rule.quantile is None else rule.quantile,
                month=month,
                short=short,
            )
            passes[asked].append(rule)
    return passes


def _answer(
    conn: Connection,
    known: Ahead,
    series: Series,
    query: ForecastQuery,
    asked: Asked,
    rules: Sequence[Rule],
    today: date,
) -> Iterator[Observation]:
    """One observation a rule."""
    levels = np.array([rule.level or 0.0 for rule in rules])
    what = "a monthly mean"
    if asked.kind == "forecast":
        how = conversion(conn, series, known.issued, query)
        prices_at, _ = in_basis(known.issued, how, (asked.quantile,))
        values = np.full(len(rules), prices_at[known.passed + asked.month, 0])
    elif asked.kind == "p_beyond_at":
        values = share_beyond(known.reach.at[asked.month], levels, above=asked.above)
    elif asked.spot:
        moves = weekly_volatility(conn, series, today)
        points = spot_points(conn, series, known, query)[:, : asked.month + 2]
        values = np.array(
            [bridge_crossing(points, x, moves.weekly, above=asked.above)[-1] for x in np.log(levels)]
        )
        what = f"the spot price (bridge; {moves.weekly:.1%} a week by {moves.changes} {moves.source})"
    else:
        values = known.reach.within(levels, asked.month, above=asked.above)
    for rule, value in zip(rules, values.tolist(), strict=True):
        yield Observation(
            key=f"{known.issued.run_id:010d}",
            value=value,
            at=known.issued.issued_at,
            note=_note(rule, asked, known, value, what),
        )


def _note(rule: Rule, asked: Asked, known: Ahead, value: float, what: str) -> str:
    """What the value is, in words."""
    run, last = known.issued.run_id, f"{known.months[asked.month]:%Y-%m}"
    if asked.kind == "forecast":
        return f"Quantile {asked.quantile:g} of {last} in {known.basis}, by run {run}."
    when = f"in {last}" if asked.kind == "p_beyond_at" else f"in some month {known.months[0]:%Y-%m} to {last}"
    error = float(standard_error(value, known.reach.draws))
    said = (
        f"Chance of {what} {rule.direction} {rule.level:,.6g} {known.basis} {when}, "
        f"with a standard error of {error:.1%}, from {known.reach.draws:,} joint paths of run {run}."
    )
    if asked.short:
        said += f" The newest forecast ends {asked.short} months before the horizon: train again."
    return said if asked.spot else f"{said} {WITHIN}"
