"""Use case: alerts as people look at them, each with its rule, and whether a silence holds it back now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from data.store import alerts as store
from data.store import rules, silences
from data.store.alerts import Alert, AlertTransition
from data.store.rules import StoredRule
from service.alerts.judge import silenced
from service.alerts.notify import Reason
from service.alerts.reading import rule_of
from service.alerts.rules import BY_NAME
from service.alerts.state import Phase
from service.context import Context
from service.refusals import NotKnown, Refusal

#: Worst first, for people.
_ORDER = tuple(
    p.value for p in (Phase.FIRING, Phase.RECOVERING, Phase.PENDING, Phase.RESOLVED, Phase.INACTIVE)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAlert:
    """An alert, its rule (a deleted one too), and whether it is silenced now."""

    alert: Alert
    rule: StoredRule
    silenced: bool

    @property
    def remarks(self) -> str:
        """What holds it back or has been said of it, in a few words."""
        alert = self.alert
        said = [
            "silenced" if self.silenced else "",
            f"seen by {alert.acknowledged_by}" if alert.acknowledged_by else "",
            "newest quote too old" if alert.stale_since else "",
            "rule deleted" if self.rule.deleted_at else "",
        ]
        return ", ".join(filter(None, said))

    def plain(self) -> dict[str, Any]:
        """Every field by name, without the memory of the state machine."""
        rule = rule_of(self.rule)
        own = {
            name: value for name, value in asdict(self.alert).items() if name not in ("content", "attention")
        }
        return own | {
            "rule": {
                "rule_id": rule.rule_id,
                "version": rule.version,
                "name": rule.name,
                "kind": rule.kind,
                "severity": rule.severity,
                "labels": rule.labels,
                "marks": rule.marks,
                "deleted": self.rule.deleted_at is not None,
            },
            "silenced": self.silenced,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTransition:
    """A line of some alert's history, with what the alert is about."""

    line: AlertTransition
    rule_id: int
    name: str
    subject: str

    @property
    def told(self) -> str:
        """Was somebody told, and why or why not?"""
        reason = Reason(self.line.notified)
        return f"{'yes' if reason.tells else 'no'}: {reason.value.replace('-', ' ')}"


def list_alerts(
    context: Context, *, state: str | None = None, rule_id: int | None = None, limit: int = 500
) -> list[ShownAlert]:
    """Alerts, firing ones first, then those that changed last. Raises Refusal for a state that is none."""
    if state is not None and state not in _ORDER:
        raise Refusal("state", state, "one of " + ", ".join(Phase))
    with context.engine.connect() as conn:
        found: list[Alert] = []
        for wanted in _ORDER if state is None else [state]:
            found += store.list_alerts(conn, state=wanted, rule_id=rule_id, limit=limit - len(found))
        return _shown(conn, found, context.clock.now())


def get_alert(context: Context, alert_id: int) -> ShownAlert:
    """One alert. Raises NotKnown."""
    with context.engine.connect() as conn:
        found = store.get(conn, alert_id)
        if found is None:
            raise NotKnown("alert_id", alert_id, "a number that GET /v1/alerts shows")
        return _shown(conn, [found], context.clock.now())[0]


def recent(context: Context, limit: int) -> list[ShownTransition]:
    """The newest lines of all histories."""
    with context.engine.connect() as conn:
        lines = store.recent(conn, limit)
        of = {a.alert_id: a for a in store.of_ids(conn, {line.alert_id for line in lines})}
        names = _rules(conn, {a.rule_id for a in of.values()})
    return [
        ShownTransition(
            line=line,
            rule_id=of[line.alert_id].rule_id,
            name=names[of[line.alert_id].rule_id].content["name"],
            subject=of[line.alert_id].subject,
        )
        for line in lines
    ]


def plain_rule(stored: StoredRule) -> dict[str, Any]:
    """What is kept of a rule, every field by name as its owner wrote it, and what is said of it."""
    own = {
        f.name: getattr(stored, f.name) for f in fields(StoredRule) if f.name not in ("content", "deleted_at")
    }
    return {**stored.content, **own, "means": BY_NAME[stored.kind].value}


def _shown(conn: Connection, found: Sequence[Alert], now: datetime) -> list[ShownAlert]:
    quiet = silences.active(conn, now)
    known = _rules(conn, {a.rule_id for a in found})
    return [
        ShownAlert(
            alert=a,
            rule=known[a.rule_id],
            silenced=bool(quiet) and silenced(rule_of(known[a.rule_id]), a.subject, quiet),
        )
        for a in found
    ]


def _rules(conn: Connection, ids: set[int]) -> dict[int, StoredRule]:
    return {s.rule_id: s for s in rules.list_rules(conn, ids=ids, deleted=True)} if ids else {}
