"""The state of alerts, and what changed it. A state is written back only over the one that was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from data.store.tables import alert, alert_transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Where the alert of one rule about one subject stands.

    alert_id, sequence: 0 for one that is not kept yet. content: the memory of the state machine and what was
    told. attention: may something have to be told without anything new (repeats, ends of silences)?
    """

    alert_id: int
    rule_id: int
    subject: str
    sequence: int
    state: str
    content: Mapping[str, Any]
    attention: bool
    rule_version: int
    value: float | None
    observed_at: datetime | None
    fired_at: datetime | None
    resolved_at: datetime | None
    told_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    stale_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTransition:
    """One line of an alert's history. notified: what was decided about telling. observation: its key."""

    alert_id: int
    at: datetime
    before: str
    after: str
    reason: str
    notified: str
    observation: str | None
    value: float | None
    note: str
    rule_version: int


_NAMES = tuple(f.name for f in fields(Alert))
_COLUMNS = [alert.c[name] for name in _NAMES]
_LINES = [alert_transition.c[f.name] for f in fields(AlertTransition)]
_KEY = ("alert_id", "sequence")


def of_rules(conn: Connection, rule_ids: Collection[int]) -> list[Alert]:
    """Alerts of these rules."""
    return _many(conn, alert.c.rule_id, rule_ids)


def of_ids(conn: Connection, alert_ids: Collection[int]) -> list[Alert]:
    """These alerts."""
    return _many(conn, alert.c.alert_id, alert_ids)


def wanting_attention(conn: Connection) -> list[Alert]:
    """Alerts about which something may have to be told though nothing new is known."""
    return [_alert(row) for row in conn.execute(select(*_COLUMNS).where(alert.c.attention))]


def list_alerts(
    conn: Connection, *, state: str | None = None, rule_id: int | None = None, limit: int = 500
) -> list[Alert]:
    """Alerts, those first that changed last; at most `limit`."""
    chosen = select(*_COLUMNS).order_by(alert.c.observed_at.desc(), alert.c.alert_id.desc()).limit(limit)
    for column, wanted in ((alert.c.state, state), (alert.c.rule_id, rule_id)):
        if wanted is not None:
            chosen = chosen.where(column == wanted)
    return [_alert(row) for row in conn.execute(chosen)]


def get(conn: Connection, alert_id: int) -> Alert | None:
    """One alert, or None."""
    row = conn.execute(select(*_COLUMNS).where(alert.c.alert_id == alert_id)).first()
    return None if row is None else _alert(row)


def add(conn: Connection, new: Sequence[Alert]) -> list[int]:
    """Keep new alerts; their ids in the same order. IntegrityError when another writer has one already."""
    if not new:
        return []
    names = [name for name in _NAMES if name not in _KEY]
    rows = [{name: getattr(a, name) for name in names} | {"sequence": 1} for a in new]
    conn.execute(insert(alert), rows)  # asking for the ids of many at once takes four times as long
    ids = {(a.rule_id, a.subject): a.alert_id for a in of_rules(conn, {a.rule_id for a in new})}
    return [ids[a.rule_id, a.subject] for a in new]


def write(conn: Connection, changed: Sequence[Alert]) -> bool:
    """Write alerts over what was read of them; False (and the caller rolls back) when one has changed."""
    if not changed:
        return True
    table = alert.c
    names = [name for name in _NAMES if name not in (*_KEY, "rule_id", "subject")]
    statement = (
        update(alert)
        .where(table.alert_id == bindparam("of"), table.sequence == bindparam("read"))
        .values({name: bindparam(f"new_{name}") for name in names} | {"sequence": bindparam("read") + 1})
    )
    rows = [
        {"of": a.alert_id, "read": a.sequence} | {f"new_{name}": getattr(a, name) for name in names}
        for a in sorted(changed, key=lambda a: a.alert_id)  # one order: two writers must not wait in a ring
    ]
    return conn.execute(statement, rows).rowcount == len(rows)


def record(conn: Connection, lines: Iterable[AlertTransition]) -> None:
    """Add lines to histories."""
    rows = [asdict(line) for line in lines]
    if rows:
        conn.execute(insert(alert_transition), rows)


def history(conn: Connection, alert_id: int, limit: int = 1000) -> list[AlertTransition]:
    """The history of an alert, newest first, at most `limit` lines."""
    rows = conn.execute(
        select(*_LINES)
        .where(alert_transition.c.alert_id == alert_id)
        .order_by(alert_transition.c.transition_id.desc())
        .limit(limit)
    )
    return [AlertTransition(**row._mapping) for row in rows]


def recent(conn: Connection, limit: int) -> list[AlertTransition]:
    """The newest lines of all histories."""
    rows = conn.execute(select(*_LINES).order_by(alert_transition.c.transition_id.desc()).limit(limit))
    return [AlertTransition(**row._mapping) for row in rows]


def _many(conn: Connection, column: Any, wanted: Collection[int]) -> list[Alert]:
    ids, found = sorted(wanted), []
    for k in range(0, len(ids), 5000):  # a statement takes only so many parameters
        rows = conn.execute(select(*_COLUMNS).where(column.in_(ids[k : k + 5000])))
        found += [_alert(row) for row in rows]
    return found


def _alert(row: Row[Any]) -> Alert:
    return Alert(**dict(zip(_NAMES, row, strict=True)))
