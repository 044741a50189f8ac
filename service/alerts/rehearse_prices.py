"""A rule on prices, run over history as it was known on each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import Connection

from data.store import fx, prices
from data.types import Series
from service.alerts.known import Past
from service.alerts.observe import basis_of, observe
from service.alerts.previewed import PreviewFiring, Rehearsed
from service.alerts.replay import Firing, replay
from service.alerts.rules import Rule
from service.alerts.state import Observation

AS_KNOWN = (
    "Prices and rates enter on the day they were available, corrections on the day they were published or"
    " made: the rule saw what a reader could have seen."
)
NO_HISTORY = "There is no price to replay."


def rehearse_prices(conn: Connection, rule: Rule, series: Series, today: date) -> Rehearsed:
    """Judge the rule on each day on which something could newly be read; on every day for a quote's age."""
    known = _past(conn, rule, series)
    first = known.first_day(series.series_id)
    days = [day for day in known.days(today) if first is not None and day >= first]
    if rule.kind == "stale" and days:
        days = [days[0] + timedelta(days=k) for k in range((today - days[0]).days + 1)]

    def look(day: date, since: str | None) -> Sequence[Observation]:
        known.advance(day)
        return observe(rule, known, since)

    found = replay(rule, days, look)
    newest = look(today, None)
    return Rehearsed(
        days=(days[0], today) if days else None,
        observations=len(found.values),
        firings=_rows(rule, found.firings, found.values),
        now=newest[-1] if newest else None,
        notes=(AS_KNOWN,) if days else (NO_HISTORY,),
    )


def _past(conn: Connection, rule: Rule, series: Series) -> Past:
    own = [series.series_id]
    if rule.kind == "premium" and series.base_series is not None:
        own.append(series.base_series)
    quotes = [q for name in own for q in prices.history(conn, name)]
    catalogue = {s.series_id: s for s in prices.list_series(conn) if s.series_id in own}
    turned = rule.kind == "premium" or basis_of(rule, series).currency != series.currency
    return Past(catalogue, quotes, fx.history(conn) if turned else ())


def _rows(rule: Rule, firings: Sequence[Firing], values: Mapping[str, float]) -> list[PreviewFiring]:
    keys = list(values)
    place = {key: k for k, key in enumerate(keys)}

    def held(key: str, after: int) -> bool | None:
        at = place[key] + after
        return rule.beyond(values[keys[at]]) if at < len(keys) else None

    ageing = rule.kind == "stale"  # each day is an observation of its own: how many held says nothing
    return [
        PreviewFiring(
            on=fired.on,
            of=_day(fired.key),
            value=fired.value,
            resolved_on=fired.resolved_on,
            revised=fired.revised,
            delay_days=None if ageing else (fired.on - _day(fired.first_key)).days,
            held_next=None if ageing else held(fired.key, 1),
            held_third=None if ageing else held(fired.key, 3),
        )
        for fired in firings
    ]


def _day(key: str) -> date:
    """The day that leads the key of an observation of prices."""
    return date.fromisoformat(key[:10])
