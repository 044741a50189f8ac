"""How a series does in service, as a number to judge: at how many horizons it is out of band.

Scoring judges each series and keeps every judgement that is a new one; it leaves word with the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from data.store import record
from data.store.record import OUT_OF_BAND, Health
from service.alerts.previewed import PreviewFiring, Rehearsed
from service.alerts.replay import replay
from service.alerts.rules import Rule
from service.alerts.state import Observation

_KEPT = "The judgements that scoring kept, each on the day it was made."
_NONE = "Nothing has been scored yet, so there is no judgement to replay."


def observe(conn: Connection, rule: Rule, since: str | None, *, replays: bool) -> list[Observation]:
    """Judgements of the rule's series, oldest first: from the key `since` on, or only the newest for None.

    replays: also those that count forecasts issued by a shifted clock.
    """
    kept = record.health_history(conn, rule.subject)
    found = [_observation(one) for one in kept if replays or not one.content["replays"]]
    return found[-1:] if since is None else [one for one in found if one.key >= since]


def rehearse(conn: Connection, rule: Rule, today: date, *, replays: bool) -> Rehearsed:
    """The rule over the judgements that are kept."""
    kept = observe(conn, rule, "", replays=replays)
    days = sorted({one.at.date() for one in kept if one.at.date() <= today})

    def look(day: date, _since: str | None) -> Sequence[Observation]:
        return [one for one in kept if one.at.date() == day]

    found = replay(rule, days, look)
    return Rehearsed(
        days=(days[0], today) if days else None,
        observations=len(found.values),
        firings=[
            PreviewFiring(on=fired.on, of=fired.on, value=fired.value, resolved_on=fired.resolved_on)
            for fired in found.firings
        ],
        now=kept[-1] if kept else None,
        notes=(_KEPT,) if kept else (_NONE,),
    )


def _observation(judged: Health) -> Observation:
    content = judged.content
    parts = [p for p in (content["overall"], *content["horizons"]) if p["state"] in OUT_OF_BAND]
    said = "; ".join(_words(part) for part in parts) or "every judged horizon is in its band"
    return Observation(
        key=judged.judged_at.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        value=float(len(parts)),
        at=judged.judged_at,
        note=f"{content['champion']}: {said}",
    )


def _words(part: Mapping[str, Any]) -> str:
    months = f"{part['first']} to {part['last']} months ahead"
    if part["state"] == "skill":
        return f"{months}, {-part['skill']:.0%} more loss than the random walk over {part['outcomes']} months"
    return (
        f"{months}, the 80 % range held {part['coverage']:.0%} of {part['outcomes']} months, not"
        f" {part['coverage_low']:.0%} to {part['coverage_high']:.0%}"
    )
