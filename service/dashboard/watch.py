"""What the page of alerts shows: rules, alerts, endpoints, deliveries and silences, in rows of words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data.store.delivery_log import Delivery
from data.store.endpoints import Endpoint
from service import catalogue
from service.alerts import board, desk, silences
from service.alerts.board import ShownAlert, ShownTransition
from service.alerts.reading import rule_of
from service.alerts.rules import Rule
from service.alerts.silences import ShownSilence
from service.alerts.words import condition, value
from service.context import Context
from service.dashboard.numbers import NONE
from service.webhooks import endpoints, log

#: Rows of each table; the rest is read over HTTP.
MOST_ALERTS, MOST_LINES = 200, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A rule, and one alert of it; alert: None before the rule was judged."""

    rule: Rule
    condition: str
    alert: ShownAlert | None

    @property
    def state(self) -> str:
        """Where it stands, in a word or two."""
        if not self.rule.enabled:
            return "disabled"
        if self.alert is None:
            return "no event yet" if self.rule.kind == "event" else "not judged yet"
        return self.alert.alert.state

    @property
    def on(self) -> bool:
        """Is something wrong?"""
        return self.state in ("firing", "recovering")

    @property
    def value(self) -> str:
        """What was compared last."""
        found = None if self.alert is None else self.alert.alert.value
        return NONE if found is None else value(self.rule, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsPage:
    """What the page shows. firing: how many of `rows`; left_out: are there more alerts than rows?"""

    rows: tuple[Watched, ...]
    left_out: bool
    lines: tuple[ShownTransition, ...]
    endpoints: tuple[Endpoint, ...]
    names: dict[int, str]
    answers: dict[int, str]
    deliveries: tuple[Delivery, ...]
    silences: tuple[ShownSilence, ...]
    now: datetime
    notice: str | None

    @property
    def firing(self) -> int:
        """How many fire."""
        return sum(row.on for row in self.rows)


def alerts_page(context: Context) -> AlertsPage:
    """Everything on the page of alerts."""
    now = context.clock.now()
    found = board.list_alerts(context, limit=MOST_ALERTS)
    shown = [a for a in found if a.rule.deleted_at is None]
    rows = [_row(rule_of(a.rule), a) for a in shown]
    left_out = len(found) == MOST_ALERTS
    if not left_out:
        judged = {row.rule.rule_id for row in rows}
        rules = [rule_of(s) for s in desk.list_rules(context) if s.rule_id not in judged]
        rows += [_row(rule, None) for rule in rules[: MOST_ALERTS - len(rows)]]
        left_out = len(rules) + len(judged) > len(rows)
    known = endpoints.list_(context)
    return AlertsPage(
        rows=tuple(rows),
        left_out=left_out,
        lines=tuple(board.recent(context, MOST_LINES)),
        endpoints=known,
        names={one.endpoint_id: one.name for one in known},
        answers={one.endpoint_id: endpoints.answers(one) for one in known},
        deliveries=log.list_deliveries(context, limit=MOST_LINES),
        silences=tuple(s for s in silences.list_silences(context) if s.silence.ends_at > now),
        now=now,
        notice=catalogue.notice(context),
    )


def _row(rule: Rule, alert: ShownAlert | None) -> Watched:
    return Watched(rule=rule, condition=condition(rule), alert=alert)
