"""Judge one alert: observations in, the state to keep, its history and what is to be told out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from data.store.alerts import Alert, AlertTransition
from data.store.silences import Silence
from service.alerts.notify import Reason, Told, after_telling, decide_notification
from service.alerts.rules import Rule
from service.alerts.state import (
    Observation,
    Phase,
    Seen,
    Stepped,
    Transition,
    plain,
    rejudge,
    state_of,
    step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to be told. phase: where the alert stands; note: of the observation behind it."""

    rule: Rule
    subject: str
    reason: Reason
    phase: Phase
    value: float | None
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """alert: as it is to be kept; changed: does it differ from what was read? lines: of its history."""

    alert: Alert
    changed: bool
    lines: tuple[AlertTransition, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old the newest quote is, and how old it may be: days."""

    days: int
    patience: int


def fresh(rule: Rule, subject: str) -> Alert:
    """The alert of a rule that was never judged."""
    return Alert(
        alert_id=0,
        rule_id=rule.rule_id,
        subject=subject,
        sequence=0,
        state=Phase.INACTIVE.value,
        content={},
        attention=False,
        rule_version=rule.version,
        value=None,
        observed_at=None,
        fired_at=None,
        resolved_at=None,
        told_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        stale_since=None,
    )


def since(alert: Alert) -> str | None:
    """Key of the oldest observation that an alert remembers; None before its first."""
    trail = alert.content.get("machine", {}).get("trail", ())
    return str(trail[0][0]) if trail else None


def silenced(rule: Rule, subject: str, silences: Sequence[Silence]) -> bool:
    """Does a silence match?"""
    own: dict[str, Any] = {
        **rule.labels,
        "rule_id": rule.rule_id,
        "series_id": rule.series_id,
        "element": rule.element,
        "severity": rule.severity,
        "subject": subject,
    }
    return any(all(own.get(name) == value for name, value in s.matches.items()) for s in silences)


_FIELDS = tuple(f.name for f in fields(Alert))


class Judge:
    """One alert under judgement; `judge` is its only user."""

    def __init__(self, rule: Rule, alert: Alert, *, quiet: bool, now: datetime) -> None:
        self.rule, self.quiet, self.now = rule, quiet, now
        self.own: dict[str, Any] = {name: getattr(alert, name) for name in _FIELDS}  # as it is to be kept
        self.state = state_of(alert.content.get("machine", {}))
        kept = alert.content.get("told")
        self.told = Told() if kept is None else _told(kept)
        self.stale_told = bool(alert.content.get("stale_told"))
        self.kept_back = False  # by a silence
        self.lines: list[AlertTransition] = []
        self.notices: list[Notice] = []

    def take(self, stepped: Stepped, observation: Observation | None, why: str) -> None:
        """Adopt a step: remember it, and decide what is told of it."""
        before, self.state, turned = self.state, stepped.state, stepped.transition
        if observation is not None and stepped.seen in (Seen.NEW, Seen.REVISED):
            newest = self.state.trail[-1]
            if newest.key == observation.key:
                self.own |= {"value": newest.value, "observed_at": observation.at}
        if stepped.seen is Seen.LATE and observation is not None:
            self.line(before.phase, Reason.NOTHING_NEW, "late", observation)
        if turned is None:
            return
        if self.state.episode != before.episode:  # less: a revision called off that it had fired
            self.own |= dict.fromkeys(("fired_at", "resolved_at", "acknowledged_at", "acknowledged_by"))
            if self.state.episode > before.episode:
                self.own["fired_at"] = self.now
        if turned.after is Phase.RESOLVED:
            self.own["resolved_at"] = self.now
        reason = self.decide(turned, observation)
        self.line(turned.before, reason, f"{why}, revised" if turned.revised else why, observation)

    def decide(self, turned: Transition | None, observation: Observation | None) -> Reason:
        """Decide whether the owner hears of it, and remember that."""
        hours = self.rule.repeat_hours
        reason = decide_notification(
            self.state,
            turned,
            self.told,
            enabled=self.rule.enabled,
            silenced=self.quiet,
            acknowledged=self.own["acknowledged_at"] is not None,
            repeat_every=None if hours is None else timedelta(hours=hours),
            now=self.now,
        )
        self.kept_back = reason is Reason.SILENCED
        if reason.tells:
            self.told = after_telling(self.state, self.told, reason, self.now)
            self.tell(reason, observation)
        return reason

    def change_rule(self, observations: Sequence[Observation]) -> None:
        """Judge what is remembered by another version of the rule, measured again where that differs."""
        before, same = self.state.phase, self.own["content"].get("measured") == self.rule.measured
        values = None if same else {o.key: o.value for o in observations}
        stepped = rejudge(self.state, self.rule, values)
        last = stepped.state.trail[-1].key if stepped.state.trail else None
        self.take(stepped, next((o for o in observations if o.key == last), None), "rule changed")
        if not self.lines:
            self.line(before, Reason.NOTHING_NEW, "rule changed", None)

    def tell(self, reason: Reason, observation: Observation | None) -> None:
        """Add a notice."""
        self.own["told_at"] = self.now
        self.notices.append(
            Notice(
                rule=self.rule,
                subject=self.own["subject"],
                reason=reason,
                phase=self.state.phase,
                value=self.own["value"] if observation is None else observation.value,
                note="" if observation is None else observation.note,
                at=self.now,
            )
        )

    def line(self, before: Phase, decided: Reason, why: str, observation: Observation | None) -> None:
        """Add a line of history."""
        self.lines.append(
            AlertTransition(
                alert_id=self.own["alert_id"],
                at=self.now,
                before=before.value,
                after=self.state.phase.value,
                reason=why,
                notified=decided.value,
                observation=None if observation is None else observation.key,
                value=self.own["value"] if observation is None else observation.value,
                note="" if observation is None else observation.note,
                rule_version=self.rule.version,
            )
        )

    def check_age(self, age: Age) -> None:
        """Say once that the newest quote is too old; the alert itself stays as it is."""
        phase = self.state.phase
        words = f"newest quote {age.days} days old, more than {age.patience}"
        if age.days <= age.patience:
            if self.own["stale_since"] is not None:
                self.own["stale_since"], self.stale_told = None, False
                self.line(phase, Reason.NOTHING_NEW, "fresh again", None)
            return
        began = self.own["stale_since"] is None
        if began:
            self.own["stale_since"] = self.now
        if self.stale_told or not (began or not self.quiet):
            return
        said = Observation(key="", value=float(age.days), at=self.now, note=words)
        if self.quiet:
            self.line(phase, Reason.SILENCED, "stale", said)
            return
        self.stale_told = True
        self.tell(Reason.STALE, said)
        self.line(phase, Reason.STALE, "stale", said)

    def finish(self, read: Alert) -> Judged:
        """What came of it."""
        content: Mapping[str, Any] = {
            "machine": plain(self.state),
            "told": {
                "firing": self.told.firing,
                "episode": self.told.episode,
                "at": None if self.told.at is None else self.told.at.isoformat(),
            },
            "stale_told": self.stale_told,
            "measured": self.rule.measured,
        }
        awaited = self.rule.repeat_hours is not None and self.own["acknowledged_at"] is None
        self.own |= {
            "state": self.state.phase.value,
            "content": content,
            "rule_version": self.rule.version,
            "attention": self.kept_back or (self.state.phase.on and awaited),
        }
        alert = Alert(**self.own)
        return Judged(
            alert=alert, changed=alert != read, lines=tuple(self.lines), notices=tuple(self.notices)
        )


def judge(
    rule: Rule,
    alert: Alert,
    observations: Sequence[Observation],
    *,
    age: Age | None = None,
    quiet: bool,
    now: datetime,
) -> Judged:
    """Judge an alert by observations (oldest first), by a changed rule, or by the passing of time alone.

    age: of the newest quote, for rules on prices. quiet: does a silence match?
    """
    at = Judge(rule, alert, quiet=quiet, now=now)
    if alert.alert_id and alert.rule_version != rule.version:
        at.change_rule(observations)
    for observation in observations:
        at.take(step(at.state, observation, rule), observation, "observed")
    if not at.notices:  # a repeat that is due, a silence that ended
        owed = at.decide(None, observations[-1] if observations else None)
        if owed.tells:
            at.line(at.state.phase, owed, owed.value, None)
    if age is not None:
        at.check_age(age)
    return at.finish(alert)


def judge_event(rule: Rule, alert: Alert, what: Sequence[str], *, quiet: bool, now: datetime) -> Judged:
    """Tell what happened to an event, or what a silence kept back before. what: in words; may be none."""
    kept_back = list(alert.content.get("kept_back", ()))
    said = [*kept_back, *what]
    if not said:
        return Judged(alert=alert, changed=False, lines=(), notices=())
    reason = Reason.SILENCED if quiet else Reason.CHANGED if what else Reason.SILENCE_ENDED
    note = "; ".join(said)
    line = AlertTransition(
        alert_id=alert.alert_id, at=now, before=alert.state, after=alert.state, reason="event",
        notified=reason.value, observation=alert.subject, value=None, note=note, rule_version=rule.version,
    )  # fmt: skip
    changed = replace(
        alert,
        content={"kept_back": said if quiet else []},
        attention=quiet,
        rule_version=rule.version,
        observed_at=now if what else alert.observed_at,
        told_at=alert.told_at if quiet else now,
    )
    if quiet:
        lines = (line,) if what else ()
        return Judged(alert=changed, changed=bool(what), lines=lines, notices=())
    notice = Notice(
        rule=rule, subject=alert.subject, reason=reason, phase=Phase.INACTIVE, value=None, note=note, at=now
    )
    return Judged(alert=changed, changed=True, lines=(line,), notices=(notice,))


def disable(rule: Rule, alert: Alert, now: datetime) -> Judged:
    """Leave an alert as it stands, and say that its rule no longer judges it."""
    line = AlertTransition(
        alert_id=alert.alert_id, at=now, before=alert.state, after=alert.state, reason="rule disabled",
        notified=Reason.RULE_DISABLED.value, observation=None, value=alert.value, note="",
        rule_version=rule.version,
    )  # fmt: skip
    left = replace(alert, attention=False, rule_version=rule.version)
    return Judged(alert=left, changed=True, lines=(line,), notices=())


def _told(kept: Mapping[str, Any]) -> Told:
    at = kept["at"]
    return Told(
        firing=kept["firing"],
        episode=kept["episode"],
        at=None if at is None else datetime.fromisoformat(at),
    )
