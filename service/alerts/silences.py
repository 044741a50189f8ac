"""Use cases on silences: times in which alerts that match are judged as ever, and not told.

What a silence keeps back is told when it ends, if it is still so. Silences end; they are never removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from data.store import rules
from data.store import silences as store
from data.store.silences import Silence
from service import catalogue
from service.alerts.judge import silenced
from service.alerts.reading import rule_of
from service.alerts.rules import SEVERITIES
from service.context import Context
from service.refusals import NotKnown, Outdated, Refusal

LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSilence:
    """A silence. active: is it in force now? rules: those it matches now, so that a slip of the pen shows."""

    silence: Silence
    active: bool
    rules: tuple[int, ...]


def create_silence(context: Context, content: Mapping[str, Any], author: str) -> ShownSilence:
    """Silence what matches until an instant. Raises Refusal for one that could not match or has no time."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        starts_at, ends_at = _times(content, content.get("starts_at") or now, now)
        _check_matches(conn, content["matches"])
        made = store.add(
            conn,
            matches=content["matches"],
            starts_at=starts_at,
            ends_at=ends_at,
            comment=content["comment"],
            author=author,
            now=now,
        )
        return _shown(conn, [made], now)[0]


def list_silences(context: Context, limit: int = 500) -> Sequence[ShownSilence]:
    """The newest first, ended ones too."""
    with context.engine.connect() as conn:
        return _shown(conn, store.list_silences(conn, limit), context.clock.now())


def get_silence(context: Context, silence_id: int) -> ShownSilence:
    """One silence. Raises NotKnown."""
    with context.engine.connect() as conn:
        return _shown(conn, [_find(conn, silence_id)], context.clock.now())[0]


def replace_silence(
    context: Context, silence_id: int, content: Mapping[str, Any], version: int, author: str
) -> ShownSilence:
    """Put another silence in the place of that version. Raises NotKnown, Outdated, Refusal if it ended."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        old = _going_on(conn, silence_id, now)
        starts_at, ends_at = _times(content, content.get("starts_at") or old.starts_at, now)
        _check_matches(conn, content["matches"])
        made = store.replace(
            conn,
            silence_id,
            version,
            matches=content["matches"],
            starts_at=starts_at,
            ends_at=ends_at,
            comment=content["comment"],
            author=author,
        )
        return _shown(conn, [_changed(made, version, old)], now)[0]


def end_silence(context: Context, silence_id: int, version: int, author: str) -> ShownSilence:
    """End that version now. Raises NotKnown, Outdated, Refusal for one that has ended already."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        old = _going_on(conn, silence_id, now)
        made = store.replace(
            conn, silence_id, version, starts_at=min(old.starts_at, now), ends_at=now, author=author
        )
        return _shown(conn, [_changed(made, version, old)], now)[0]


def _times(content: Mapping[str, Any], starts_at: datetime, now: datetime) -> tuple[datetime, datetime]:
    ends_at: datetime = content["ends_at"]
    if ends_at <= now:
        raise Refusal("ends_at", ends_at, f"an instant after now ({now:%Y-%m-%dT%H:%M:%SZ})")
    if not timedelta(0) < ends_at - starts_at <= LONGEST:
        raise Refusal("ends_at", ends_at, f"after starts_at, by at most {LONGEST.days} days")
    return starts_at, ends_at


def _check_matches(conn: Connection, matches: Mapping[str, Any]) -> None:
    """Raises Refusal, NotKnown for what no alert can have. A label may be one that no rule has yet."""
    for name, value in matches.items():
        field = f"matches.{name}"
        if name == "rule_id":
            if not isinstance(value, int) or rules.get(conn, value) is None:
                raise Refusal(field, value, "a number that GET /v1/alert-rules shows")
            continue
        if not isinstance(value, str):
            raise Refusal(field, value, "text")
        if name == "series_id":
            catalogue.find(conn, value)
        if name == "severity" and value not in SEVERITIES:
            raise Refusal(field, value, "one of " + ", ".join(SEVERITIES))


def _going_on(conn: Connection, silence_id: int, now: datetime) -> Silence:
    found = _find(conn, silence_id)
    if found.ends_at <= now:
        allowed = f"one that goes on; this one ended at {found.ends_at:%Y-%m-%d %H:%M} UTC"
        raise Refusal("silence_id", silence_id, allowed)
    return found


def _changed(made: Silence | None, version: int, old: Silence) -> Silence:
    if made is None:
        raise Outdated(f'"{version}"', old.version)
    return made


def _find(conn: Connection, silence_id: int) -> Silence:
    found = store.get(conn, silence_id)
    if found is None:
        raise NotKnown("silence_id", silence_id, "a number that GET /v1/silences shows")
    return found


def _shown(conn: Connection, found: Sequence[Silence], now: datetime) -> list[ShownSilence]:
    known = [rule_of(stored) for stored in rules.list_rules(conn)]
    return [
        ShownSilence(
            silence=s,
            active=s.starts_at <= now < s.ends_at,
            rules=tuple(rule.rule_id for rule in known if silenced(rule, rule.series_id or "", [s])),
        )
        for s in found
    ]
