"""Alert rules as they are kept: what their owner wrote, as JSON, beside what they are looked up by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from data.store.tables import alert_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    """A rule of some version. content: the fields that its owner gave; marks: what is said of it.

    deleted_at: since when it judges nothing; it stays, so that what it did can still be explained.
    """

    rule_id: int
    version: int
    kind: str
    series_id: str | None
    enabled: bool
    content: Mapping[str, Any]
    marks: Sequence[str]
    author: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


_COLUMNS = [alert_rule.c[f.name] for f in fields(StoredRule)]


def add(
    conn: Connection, content: Mapping[str, Any], *, marks: Sequence[str], author: str, now: datetime
) -> StoredRule:
    """Keep a new rule, of version 1."""
    values = _values(content, marks, author, now)
    made = conn.execute(insert(alert_rule).values(version=1, created_at=now, **values).returning(*_COLUMNS))
    return _rule(made.one())


def replace(
    conn: Connection,
    rule_id: int,
    version: int,
    content: Mapping[str, Any],
    *,
    marks: Sequence[str],
    author: str,
    now: datetime,
) -> StoredRule | None:
    """Put another content in the place of that version; None when it is not the current one."""
    changed = conn.execute(
        update(alert_rule)
        .where(*_current(rule_id, version))
        .values(version=version + 1, **_values(content, marks, author, now))
        .returning(*_COLUMNS)
    ).first()
    return None if changed is None else _rule(changed)


def delete(conn: Connection, rule_id: int, version: int, *, author: str, now: datetime) -> bool:
    """Let that version judge nothing from now on; False when it is not the current one."""
    ended = conn.execute(
        update(alert_rule)
        .where(*_current(rule_id, version))
        .values(version=version + 1, deleted_at=now, updated_at=now, author=author, enabled=False)
    )
    return ended.rowcount > 0


def get(conn: Connection, rule_id: int) -> StoredRule | None:
    """One rule that was not deleted, or None."""
    row = conn.execute(
        select(*_COLUMNS).where(alert_rule.c.rule_id == rule_id, alert_rule.c.deleted_at.is_(None))
    ).first()
    return None if row is None else _rule(row)


def count(conn: Connection) -> int:
    """How many rules there are that were not deleted."""
    wanted = select(func.count()).select_from(alert_rule).where(alert_rule.c.deleted_at.is_(None))
    return int(conn.execute(wanted).scalar_one())


def list_rules(
    conn: Connection,
    *,
    series_ids: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    ids: Collection[int] | None = None,
    deleted: bool = False,
) -> list[StoredRule]:
    """Rules in the order they were made; only those of some series, kinds or ids where given."""
    chosen = select(*_COLUMNS).order_by(alert_rule.c.rule_id)
    if not deleted:
        chosen = chosen.where(alert_rule.c.deleted_at.is_(None))
    for column, wanted in (
        (alert_rule.c.series_id, series_ids),
        (alert_rule.c.kind, kinds),
        (alert_rule.c.rule_id, ids),
    ):
        if wanted is not None:
            chosen = chosen.where(column.in_(list(wanted)))
    return [_rule(row) for row in conn.execute(chosen)]


def _current(rule_id: int, version: int) -> tuple[Any, ...]:
    table = alert_rule.c
    return (table.rule_id == rule_id, table.version == version, table.deleted_at.is_(None))


def _values(content: Mapping[str, Any], marks: Sequence[str], author: str, now: datetime) -> dict[str, Any]:
    return {
        "kind": content["kind"],
        "series_id": content.get("series_id"),
        "enabled": content.get("enabled", True),
        "content": dict(content),
        "marks": list(marks),
        "author": author,
        "updated_at": now,
    }


def _rule(row: Row[Any]) -> StoredRule:
    return StoredRule(**row._mapping)
