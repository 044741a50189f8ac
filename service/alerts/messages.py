"""What is told, in words and in fields. Pure. A summary that cannot be filled in never loses an alert."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from string import Template
from typing import Any

from service.alerts.judge import Notice
from service.alerts.notify import Reason
from service.alerts.rules import BY_NAME, P_BEYOND_AT, P_CROSS_BY, Rule
from service.webhooks.outbox import Message

#: What the alerts of one digest may take of a body of 20,000 bytes, and a note of one alert's.
DIGEST_BYTES, MOST_NOTE = 17_000, 600
#: What a rule's own summary may name.
PLACEHOLDERS = ("name", "value", "threshold", "level", "series", "element", "severity", "note", "reason")
ALERTS = "/v1/alerts"

Told = tuple[int, Notice]  # the alert's id, and what is told of it


def by_endpoint(notices: Sequence[Told], known: Collection[int]) -> dict[int, list[Told]]:
    """Endpoint -> what it is told: that of rules which name it, and of those which name none."""
    found: dict[int, list[Told]] = defaultdict(list)
    for told in notices:
        for endpoint_id in told[1].rule.endpoints or known:
            found[endpoint_id].append(told)
    return dict(found)


def messages(told: Sequence[Told], now: datetime) -> list[Message]:
    """One message about one alert, or a digest of several; more digests where one would be too large: nothing
    is left out."""
    if len(told) == 1:
        alert_id, notice = told[0]
        text = summary(notice)
        data = fields_of(alert_id, notice, text) | {"alerts_at": f"{ALERTS}/{alert_id}"}
        return [Message(type=type_of(notice), at=now, title=_title(notice), text=text, data=data)]
    digests: list[list[tuple[Notice, dict[str, Any]]]] = [[]]
    size = 0
    for alert_id, notice in told:
        fields = fields_of(alert_id, notice, summary(notice))
        own = len(json.dumps(fields, default=str).encode())
        if digests[-1] and size + own > DIGEST_BYTES:
            digests.append([])
            size = 0
        digests[-1].append((notice, fields))
        size += own
    return [_digest(part, k + 1, len(digests), now) for k, part in enumerate(digests)]


def _digest(part: Sequence[tuple[Notice, dict[str, Any]]], number: int, of: int, now: datetime) -> Message:
    counts = Counter(type_of(notice) for notice, _ in part)
    said = ", ".join(f"{n} {kind.partition('.')[2]}" for kind, n in sorted(counts.items()))
    which = f" ({number} of {of})" if of > 1 else ""
    return Message(
        type="alert.digest",
        at=now,
        title=f"{len(part)} alerts{which}: {said}",
        text="\n".join(fields["summary"] for _, fields in part),
        data={
            "count": len(part),
            "part": number,
            "parts": of,
            "counts": dict(counts),
            "alerts": [fields for _, fields in part],
            "alerts_at": ALERTS,
        },
    )


def type_of(notice: Notice) -> str:
    """Type of the message about one alert."""
    if notice.reason is Reason.STALE:
        return "series.stale"
    if notice.rule.kind == "event":
        return "event.changed"
    return "alert.firing" if notice.phase.on else "alert.resolved"


def fields_of(alert_id: int, notice: Notice, text: str) -> dict[str, Any]:
    """The fields of one alert, as every message has them."""
    rule, stale = notice.rule, notice.reason is Reason.STALE
    return {
        "alert_id": alert_id,
        "type": type_of(notice),
        "reason": notice.reason.value,
        "state": notice.phase.value,
        "summary": text,
        "value": notice.value,
        "threshold": None if stale else rule.threshold,
        "direction": rule.direction,
        "level": rule.level,
        "means": BY_NAME["stale"].value if stale else rule.about.value,
        "note": notice.note[:MOST_NOTE],
        "subject": notice.subject,
        "series_id": rule.series_id,
        "element": rule.element,
        "at": notice.at.isoformat(),
        "rule": {
            "rule_id": rule.rule_id,
            "version": rule.version,
            "name": rule.name,
            "kind": rule.kind,
            "severity": rule.severity,
            "labels": dict(rule.labels),
            "marks": list(rule.marks),
        },
    }


def summary(notice: Notice) -> str:
    """One line: the rule's own words filled in, or ours, and then why not its own."""
    own = notice.rule.summary
    if own is None:
        return _plain_summary(notice)
    try:
        return Template(own).substitute(_placeholders(notice))
    except (KeyError, ValueError) as error:
        why = f"it names {error}" if isinstance(error, KeyError) else str(error)
        return f"{_plain_summary(notice)} (The rule's own summary could not be filled in: {why}.)"


def unknown_placeholders(text: str) -> list[str]:
    """What a summary names that it cannot; a "$" that names nothing is given as "$"."""
    template = Template(text)
    known = set(template.get_identifiers()) if template.is_valid() else {"$"}
    return sorted(known - set(PLACEHOLDERS))


def _placeholders(notice: Notice) -> Mapping[str, str]:
    rule = notice.rule
    return {
        "name": rule.name,
        "value": _number(notice.value, rule),
        "threshold": _number(rule.threshold, rule),
        "level": "" if rule.level is None else f"{rule.level:,g}",
        "series": rule.series_id or "",
        "element": rule.element or "",
        "severity": rule.severity,
        "note": notice.note,
        "reason": notice.reason.value,
    }


def _title(notice: Notice) -> str:
    word = {"alert.firing": "Firing", "alert.resolved": "Resolved", "series.stale": "Stale"}
    return f"{word.get(type_of(notice), 'Event')}: {notice.rule.name}"


def _plain_summary(notice: Notice) -> str:
    rule = notice.rule
    if notice.reason is Reason.STALE:
        return f"{rule.series_id}: {notice.note}. Its alerts stay as they are."
    if rule.kind == "event":
        return notice.note
    side = "at least" if rule.about.reached else rule.direction
    state = "firing" if notice.phase.on else "no longer firing"
    revised = ", after a revision" if notice.reason is Reason.REVISED else ""
    measured = f"{_number(notice.value, rule)} ({side} {_number(rule.threshold, rule)})"
    return f"{rule.name}: {state}{revised}, {rule.series_id} at {measured}. {notice.note}".rstrip()


def _number(value: float | None, rule: Rule) -> str:
    if value is None:
        return "-"
    if rule.kind in (P_CROSS_BY, P_BEYOND_AT):
        return f"{value:.1%}"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
