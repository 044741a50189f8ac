"""The state of one alert as a pure machine: what an observation does to it.

    inactive --beyond--> pending --`for` in a row--> firing --safe--> recovering --`keep_firing` in a row-->
    resolved, from where the next one beyond begins again. Anything else on the way leads back.

Observations are counted, not minutes: prices, or issued forecasts. The last few are remembered with the state
before each, so that a revised one can be judged again together with all that came after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.alerts.rules import Rule


class Phase(StrEnum):
    """Where an alert stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"

    @property
    def on(self) -> bool:
        """Is something wrong, as far as the owner was to be told?"""
        return self in (Phase.FIRING, Phase.RECOVERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One number to judge. key: which, as text that sorts by time; note: how it was made, in words."""

    key: str
    value: float
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An observation that was judged, and the state before it."""

    key: str
    value: float
    phase: Phase
    streak: int
    episode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """streak: observations in a row towards the next phase. episode: how often it has fired.

    trail: the last max(for, keep_firing) + 1 observations, oldest first.
    """

    phase: Phase = Phase.INACTIVE
    streak: int = 0
    episode: int = 0
    trail: tuple[Remembered, ...] = ()


class Seen(StrEnum):
    """What an observation was to the machine."""

    NEW = "new"
    SAME = "same"
    REVISED = "revised"
    LATE = "late"  # older than all that is remembered: too late to change anything
    MISSING = "missing"  # not a number: never an observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of phase. revised: brought about by another value of what had been judged before."""

    before: Phase
    after: Phase
    revised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """state: after the observation; transition: None when the phase stayed."""

    state: AlertState
    transition: Transition | None
    seen: Seen


def step(state: AlertState, observation: Observation, rule: Rule) -> Stepped:
    """Judge one observation. The same one twice does nothing; a missing one neither."""
    trail, key, value = state.trail, observation.key, observation.value
    if not math.isfinite(value):
        return Stepped(state=state, transition=None, seen=Seen.MISSING)
    known = next((r for r in trail if r.key == key), None)
    if known is not None and known.value == value:
        return Stepped(state=state, transition=None, seen=Seen.SAME)
    if trail and key < trail[0].key:
        return Stepped(state=state, transition=None, seen=Seen.LATE)
    earlier = [r for r in trail if r.key < key]
    later = [(r.key, r.value) for r in trail if r.key > key]
    if known is not None or later:
        first = next(r for r in trail if r.key >= key)
        start = AlertState(
            phase=first.phase, streak=first.streak, episode=first.episode, trail=tuple(earlier)
        )
        seen = Seen.REVISED
    else:
        start, seen = state, Seen.NEW
    after = _replay(start, [(key, value), *later], rule)
    return Stepped(state=after, transition=_transition(state, after, seen), seen=seen)


def rejudge(state: AlertState, rule: Rule, observed: Mapping[str, float] | None = None) -> Stepped:
    """Judge again what is remembered, by a rule that changed.

    observed: key -> value as the rule measures it now, where it measures something else than before (another
    currency, another level). What is remembered but not among them says nothing any more: it is forgotten,
    the phase that it led to stays, and counting towards the next one begins again.
    """
    if not state.trail:
        return Stepped(state=state, transition=None, seen=Seen.SAME)
    values = {r.key: r.value for r in state.trail} if observed is None else observed
    again = [(r.key, values[r.key]) for r in state.trail if r.key in values]
    first = state.trail[0]
    start = AlertState(phase=first.phase, streak=first.streak, episode=first.episode)
    if len(again) < len(state.trail):
        start = _uncounted(state)
        for r in state.trail:
            if again and r.key == again[0][0]:
                start = _uncounted(r)
    after = _replay(start, again, rule)
    return Stepped(state=after, transition=_transition(state, after, Seen.REVISED), seen=Seen.REVISED)


def _uncounted(at: AlertState | Remembered) -> AlertState:
    """The state without what was counted towards the next phase."""
    quiet = Phase.RESOLVED if at.episode else Phase.INACTIVE
    return AlertState(phase=Phase.FIRING if at.phase.on else quiet, episode=at.episode)


def _replay(state: AlertState, values: Iterable[tuple[str, float]], rule: Rule) -> AlertState:
    phase, streak, episode, trail = state.phase, state.streak, state.episode, list(state.trail)
    for key, value in values:
        trail.append(Remembered(key=key, value=value, phase=phase, streak=streak, episode=episode))
        phase, streak, fired = _next(phase, streak, value, rule, episode)
        episode += fired
    kept = max(rule.for_count, rule.keep_firing) + 1
    return AlertState(phase=phase, streak=streak, episode=episode, trail=tuple(trail[-kept:]))


def _next(phase: Phase, streak: int, value: float, rule: Rule, episode: int) -> tuple[Phase, int, bool]:
    """Phase and streak after one value, and whether a new episode begins."""
    if phase.on:
        if not rule.safe(value):
            return Phase.FIRING, 0, False
        if streak + 1 >= rule.keep_firing:
            return Phase.RESOLVED, 0, False
        return Phase.RECOVERING, streak + 1, False
    if not rule.beyond(value):
        return (Phase.RESOLVED if episode else Phase.INACTIVE), 0, False
    if streak + 1 >= rule.for_count:
        return Phase.FIRING, 0, True
    return Phase.PENDING, streak + 1, False


def _transition(before: AlertState, after: AlertState, seen: Seen) -> Transition | None:
    if before.phase is after.phase and before.episode == after.episode:
        return None
    return Transition(before=before.phase, after=after.phase, revised=seen is Seen.REVISED)


def plain(state: AlertState) -> dict[str, Any]:
    """JSON-ready: what `state_of` reads."""
    return {
        "phase": state.phase.value,
        "streak": state.streak,
        "episode": state.episode,
        "trail": [[r.key, r.value, r.phase.value, r.streak, r.episode] for r in state.trail],
    }


def state_of(kept: Mapping[str, Any]) -> AlertState:
    """The state that was kept; that of an alert never judged for an empty mapping."""
    if not kept:
        return AlertState()
    return AlertState(
        phase=Phase(kept["phase"]),
        streak=kept["streak"],
        episode=kept["episode"],
        trail=tuple(
            Remembered(key=k, value=v, phase=Phase(p), streak=s, episode=e) for k, v, p, s, e in kept["trail"]
        ),
    )
