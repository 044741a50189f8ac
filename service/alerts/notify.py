"""Who hears of an alert, and when: one pure decision, and its reason whether or not anybody is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.alerts.state import AlertState, Phase, Transition


class Reason(StrEnum):
    """Why something is told, or is not."""

    FIRED = "fired"
    RESOLVED = "resolved"
    REVISED = "revised"
    REPEATED = "repeated"
    SILENCE_ENDED = "silence-ended"
    STALE = "stale"
    CHANGED = "changed"
    NOTHING_NEW = "nothing-new"
    PENDING = "pending"
    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    NOT_DUE = "not-due"
    RULE_DISABLED = "rule-disabled"

    @property
    def tells(self) -> bool:
        """Is anybody told?"""
        return self in _TELLING


_TELLING = frozenset(
    {
        Reason.FIRED,
        Reason.RESOLVED,
        Reason.REVISED,
        Reason.REPEATED,
        Reason.SILENCE_ENDED,
        Reason.STALE,
        Reason.CHANGED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the owner knows. firing: the last word was that it fires; episode: of which firing; at: when."""

    firing: bool = False
    episode: int = 0
    at: datetime | None = None


def decide_notification(
    state: AlertState,
    transition: Transition | None,
    told: Told,
    *,
    enabled: bool,
    silenced: bool,
    acknowledged: bool,
    repeat_every: timedelta | None,
    now: datetime,
) -> Reason:
    """Decide what the owner hears of an alert as it stands now.

    An episode is told once when it begins, again every `repeat_every` while it lasts and is not acknowledged,
    and once when it is over, if its beginning was told. What a silence kept back is told when it ends, if it
    is still so.
    """
    if not enabled:
        return Reason.RULE_DISABLED
    owed = _owed(state, transition, told, acknowledged=acknowledged, repeat_every=repeat_every, now=now)
    return Reason.SILENCED if owed.tells and silenced else owed


def _owed(
    state: AlertState,
    transition: Transition | None,
    told: Told,
    *,
    acknowledged: bool,
    repeat_every: timedelta | None,
    now: datetime,
) -> Reason:
    if state.phase.on:
        if not told.firing or told.episode != state.episode:
            return _word(transition, Reason.FIRED, Reason.SILENCE_ENDED)
        if acknowledged:
            return Reason.ACKNOWLEDGED
        if repeat_every is None or told.at is None:
            return Reason.NOTHING_NEW
        return Reason.REPEATED if now - told.at >= repeat_every else Reason.NOT_DUE
    if told.firing:
        return _word(transition, Reason.RESOLVED, Reason.RESOLVED)
    return Reason.PENDING if state.phase is Phase.PENDING else Reason.NOTHING_NEW


def _word(transition: Transition | None, now: Reason, afterwards: Reason) -> Reason:
    """The reason for telling what a transition did just now, or did while nobody was told."""
    if transition is None:
        return afterwards
    return Reason.REVISED if transition.revised else now


def after_telling(state: AlertState, told: Told, reason: Reason, now: datetime) -> Told:
    """What the owner knows afterwards."""
    if not reason.tells:
        return told
    return Told(firing=state.phase.on, episode=state.episode, at=now)
