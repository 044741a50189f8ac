"""Use case: what a rule would have done, before it is armed. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from data.types import Series
from service import catalogue
from service.alerts import chances, degraded
from service.alerts.backtest import marks_of
from service.alerts.desk import checked
from service.alerts.observe import basis_of
from service.alerts.previewed import MOST_ROWS, PreviewAnswer, Rehearsed, middle, per_year, share
from service.alerts.rehearse_chances import rehearse_chances
from service.alerts.rehearse_events import rehearse_events
from service.alerts.rehearse_prices import rehearse_prices
from service.alerts.rules import DEGRADED, Rule
from service.context import Context


def preview(context: Context, content: Mapping[str, Any]) -> PreviewAnswer:
    """Run a rule over history: `content` as for arming it, and refused as it would be then."""
    today = context.clock.today()
    with context.engine.connect() as conn:
        rule = checked(context, conn, content)
        if rule.series_id is None:
            title, value_in = f"Events that touch {rule.element}", ""
            found = rehearse_events(conn, rule, today)
        else:
            series = catalogue.find(conn, rule.series_id)
            title, value_in = series.title, _value_in(rule, series)
            found = _rehearse(context, conn, rule, series, today)
        notice = catalogue.notice_on(conn)
    return PreviewAnswer(
        kind=rule.kind,
        subject=rule.series_id or rule.element or "",
        title=title,
        value_in=value_in,
        first_on=None if found.days is None else found.days[0],
        last_on=None if found.days is None else found.days[1],
        observations=found.observations,
        cutoffs=found.cutoffs,
        firings=len(found.firings),
        firings_per_year=per_year(len(found.firings), found.days),
        held_next=share(row.held_next for row in found.firings),
        held_third=share(row.held_third for row in found.firings),
        came_true=share(row.foretold for row in found.firings),
        median_delay_days=middle(row.delay_days for row in found.firings),
        median_lead_months=middle(row.lead_months for row in found.firings if row.foretold),
        rows=tuple(found.firings[:MOST_ROWS]),
        calibration=found.calibration,
        marks=() if found.calibration is None else marks_of(rule, found.calibration),
        now=found.now,
        beyond_now=None if found.now is None else rule.beyond(found.now.value),
        notes=found.notes,
        notice=notice,
    )


def _rehearse(context: Context, conn: Connection, rule: Rule, series: Series, today: date) -> Rehearsed:
    if rule.kind == DEGRADED:
        return degraded.rehearse(conn, rule, today, replays=context.clock.shifted)
    if rule.about.judged_on != "forecast":
        return rehearse_prices(conn, rule, series, today)
    now = chances.observe(context, conn, [rule], series.series_id, today).get(rule.rule_id)
    return replace(rehearse_chances(conn, rule, series, today), now=now)


def _value_in(rule: Rule, series: Series) -> str:
    basis = basis_of(rule, series)
    match rule.kind:
        case "p_cross_by" | "p_beyond_at":
            return "probability"
        case "premium":
            return "per cent"
        case "stale":
            return "days"
        case "model.degraded":
            return "horizons"
        case "change" if rule.change != "absolute":
            return "per cent"
        case _:
            return f"{basis.currency}/{basis.unit} {basis.tax}"
