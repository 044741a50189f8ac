"""Use cases on alert rules and alerts: arm, change, disarm, look, acknowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from data.store import alerts as store
from data.store import endpoints, forecasts, fx, rules, signals
from data.store.alerts import Alert, AlertTransition
from data.store.rules import StoredRule
from data.types import Series
from data.units import BASE_CURRENCY
from service import catalogue
from service.alerts import backtest
from service.alerts.messages import PLACEHOLDERS, unknown_placeholders
from service.alerts.observe import basis_of
from service.alerts.reading import given, read, rule_of
from service.alerts.rules import Rule
from service.alerts.state import Phase
from service.context import Context
from service.refusals import NotKnown, NotYet, Outdated, Refusal

#: More rules than anybody reads; an evaluation of so many is what was measured.
MOST_RULES = 20_000


def create_rule(context: Context, content: Mapping[str, Any], author: str) -> Rule:
    """Arm a rule: it is judged at once on the newest observation. Raises Refusal for what cannot be asked."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        rule = checked(context, conn, content)
        if rules.count(conn) >= MOST_RULES:
            raise Refusal("rules", f"{MOST_RULES} rules", f"at most {MOST_RULES}: delete one first")
        marks = backtest.marks(context, conn, rule)
        made = rules.add(conn, given(rule), marks=marks, author=author, now=now)
        signals.add(conn, kind="rule", subject=str(made.rule_id), at=now)
    return rule_of(made)


def list_rules(context: Context) -> Sequence[StoredRule]:
    """Every rule, in the order they were made."""
    with context.engine.connect() as conn:
        return rules.list_rules(conn)


def get_rule(context: Context, rule_id: int) -> StoredRule:
    """One rule. Raises NotKnown."""
    with context.engine.connect() as conn:
        return _find(conn, rule_id)


def replace_rule(
    context: Context, rule_id: int, content: Mapping[str, Any], version: int, author: str
) -> Rule:
    """Put another rule in the place of that version. Its alert goes on, judged again by the new thresholds.

    Raises NotKnown, Outdated, Refusal; the last also where kind or series differ: that is another rule.
    """
    now = context.clock.now()
    with context.engine.begin() as conn:
        old = _find(conn, rule_id)
        rule = checked(context, conn, content)
        for name, before in (("kind", old.kind), ("series_id", old.series_id)):
            if getattr(rule, name) != before:
                raise Refusal(name, getattr(rule, name), f"{before}, as before: make another rule")
        marks = backtest.marks(context, conn, rule)
        made = rules.replace(conn, rule_id, version, given(rule), marks=marks, author=author, now=now)
        if made is None:
            raise Outdated(f'"{version}"', old.version)
        signals.add(conn, kind="rule", subject=str(rule_id), at=now)
    return rule_of(made)


def delete_rule(context: Context, rule_id: int, version: int, author: str) -> None:
    """Disarm a rule for good. Its alerts end where they stand, and say so. Raises NotKnown, Outdated."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        old = _find(conn, rule_id)
        if not rules.delete(conn, rule_id, version, author=author, now=now):
            raise Outdated(f'"{version}"', old.version)
        ended = store.of_rules(conn, [rule_id])
        left = [replace(a, state=Phase.INACTIVE.value, attention=False) for a in ended]
        if not store.write(conn, left):
            raise Refusal("rule_id", rule_id, "a rule that is not being judged this moment: try again")
        store.record(
            conn,
            [
                AlertTransition(
                    alert_id=a.alert_id, at=now, before=a.state, after=Phase.INACTIVE.value,
                    reason="rule deleted", notified="nothing-new", observation=None, value=a.value,
                    note=f"by {author}", rule_version=version + 1,
                )
                for a in ended
            ],
        )  # fmt: skip


def checked(context: Context, conn: Connection, content: Mapping[str, Any]) -> Rule:
    """A rule that can be armed now. Raises Refusal, NotKnown, NotYet naming the field."""
    rule = read(content)
    if rule.summary is not None and (unknown := unknown_placeholders(rule.summary)):
        allowed = "text that names " + ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
        raise Refusal("summary", ", ".join(f"${{{name}}}" for name in unknown), allowed)
    known = {e.endpoint_id for e in endpoints.list_(conn)}
    for endpoint_id in rule.endpoints:
        if endpoint_id not in known:
            raise NotKnown("endpoints", endpoint_id, "ids that GET /v1/endpoints shows")
    if rule.on is not None and rule.on < context.clock.today():
        raise Refusal("on", rule.on, f"{context.clock.today()} (today) or later")
    if rule.series_id is not None:
        series = catalogue.find(conn, rule.series_id)
        if rule.kind == "premium" and series.base_series is None:
            raise Refusal("series_id", rule.series_id, "a series outside China, which has a premium")
        _check_basis(conn, rule, series)
        if rule.about.judged_on == "forecast":
            _check_horizon(context, conn, rule)
    return rule


def _check_basis(conn: Connection, rule: Rule, series: Series) -> None:
    basis = basis_of(rule, series)  # refuses an unknown unit or tax basis
    if basis.currency == series.currency:
        return
    rates = {BASE_CURRENCY, *fx.currencies(conn)}
    if not {basis.currency, series.currency} <= rates:
        raise Refusal("currency", basis.currency, "one with stored rates: " + ", ".join(sorted(rates)))


def _check_horizon(context: Context, conn: Connection, rule: Rule) -> None:
    newest = forecasts.latest(conn, rule.subject)
    if newest is None:
        raise catalogue.no_forecast(conn, rule.subject)
    today, last = context.clock.today(), newest.periods[-1]
    ahead = (last.year - today.year) * 12 + last.month - today.month
    if ahead < 1:
        raise NotYet("forecast", f"one that ends in {last:%Y-%m}", "a newer one: ytterby train")
    if rule.horizon is not None and rule.horizon > ahead:
        raise Refusal("horizon", rule.horizon, f"1 to {ahead}: the forecast ends in {last:%Y-%m}")
    if rule.on is not None and (rule.on.year, rule.on.month) > (last.year, last.month):
        raise Refusal("on", rule.on, f"a day up to {last:%Y-%m}, where the forecast ends")


def list_alerts(
    context: Context, *, state: str | None = None, rule_id: int | None = None, limit: int = 500
) -> Sequence[Alert]:
    """Alerts, those first that changed last."""
    if state is not None and state not in tuple(Phase):
        raise Refusal("state", state, "one of " + ", ".join(Phase))
    with context.engine.connect() as conn:
        return store.list_alerts(conn, state=state, rule_id=rule_id, limit=limit)


def get_alert(context: Context, alert_id: int) -> Alert:
    """One alert. Raises NotKnown."""
    with context.engine.connect() as conn:
        return _alert(conn, alert_id)


def history(context: Context, alert_id: int) -> Sequence[AlertTransition]:
    """What became of an alert, newest first. Raises NotKnown."""
    with context.engine.connect() as conn:
        _alert(conn, alert_id)
        return store.history(conn, alert_id)


def acknowledge(context: Context, alert_id: int, author: str, note: str) -> Alert:
    """Somebody has seen it: no more repeats until it is resolved. Raises NotKnown, NotYet."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        alert = _alert(conn, alert_id)
        if not Phase(alert.state).on:
            raise NotYet("state", alert.state, "firing or recovering: there is nothing to acknowledge")
        seen = replace(alert, acknowledged_at=now, acknowledged_by=author)
        if not store.write(conn, [seen]):
            raise Refusal("alert_id", alert_id, "an alert that is not being judged this moment: try again")
        line = AlertTransition(
            alert_id=alert_id, at=now, before=alert.state, after=alert.state, reason="acknowledged",
            notified="nothing-new", observation=None, value=alert.value, note=f"{author}: {note}",
            rule_version=alert.rule_version,
        )  # fmt: skip
        store.record(conn, [line])
    return get_alert(context, alert_id)


def _alert(conn: Connection, alert_id: int) -> Alert:
    found = store.get(conn, alert_id)
    if found is None:
        raise NotKnown("alert_id", alert_id, "a number that GET /v1/alerts shows")
    return found


def _find(conn: Connection, rule_id: int) -> StoredRule:
    found = rules.get(conn, rule_id)
    if found is None:
        raise NotKnown("rule_id", rule_id, "a number that GET /v1/alert-rules shows")
    return found
