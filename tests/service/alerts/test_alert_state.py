"""The state machine of an alert: as a table, and against a slow twin on sequences nobody wrote."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service.alerts.notify import Reason, Told, after_telling, decide_notification
from service.alerts.rules import Rule
from service.alerts.state import (
    AlertState,
    Observation,
    Phase,
    Seen,
    Transition,
    plain,
    rejudge,
    state_of,
    step,
)

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
EXAMPLES = int(os.environ.get("YTTERBY_HYPOTHESIS_EXAMPLES", "500"))


def price_rule(**changes: Any) -> Rule:
    """Above 100, safe at 90 and below, unless changed."""
    given = {"rule_id": 1, "version": 1, "name": "n", "kind": "price", "series_id": "s", "threshold": 100.0}
    return Rule(**given | {"recovery": 90.0} | changes)


def seen(key: str, value: float) -> Observation:
    return Observation(key=key, value=value, at=NOW)


def run(asked: Rule, values: list[float]) -> list[str]:
    """Phase after each value."""
    state, found = AlertState(), []
    for k, value in enumerate(values):
        state = step(state, seen(f"{k:03d}", value), asked).state
        found.append(state.phase.value)
    return found


@pytest.mark.parametrize(
    ("changes", "values", "phases"),
    [
        ({}, [99, 101], ["inactive", "firing"]),
        ({}, [100], ["inactive"]),
        ({}, [101, 95, 101, 90], ["firing", "firing", "firing", "resolved"]),
        ({}, [101, 90, 101], ["firing", "resolved", "firing"]),
        ({"for_count": 3}, [101, 101, 101], ["pending", "pending", "firing"]),
        ({"for_count": 3}, [101, 101, 99, 101], ["pending", "pending", "inactive", "pending"]),
        ({"for_count": 2}, [101, 101, 80, 101, 80], ["pending", "firing", "resolved", "pending", "resolved"]),
        ({"keep_firing": 3}, [101, 80, 80, 80], ["firing", "recovering", "recovering", "resolved"]),
        ({"keep_firing": 3}, [101, 80, 95, 80, 80, 80],
         ["firing", "recovering", "firing", "recovering", "recovering", "resolved"]),
        ({"direction": "below", "recovery": 110.0}, [100, 99, 105, 110],
         ["inactive", "firing", "firing", "resolved"]),
        ({"recovery": None}, [101, 100], ["firing", "resolved"]),
        ({"kind": "p_beyond_at", "threshold": 0.3, "recovery": None}, [0.29, 0.3, 0.29],
         ["inactive", "firing", "resolved"]),
    ],
)  # fmt: skip
def test_phases(changes: dict[str, Any], values: list[float], phases: list[str]) -> None:
    assert run(price_rule(**changes), values) == phases


def test_the_same_twice_a_missing_and_a_late_one_do_nothing() -> None:
    asked = price_rule()
    state = step(AlertState(), seen("2", 101), asked).state
    for observation, word in (
        (seen("2", 101), Seen.SAME),
        (seen("3", math.nan), Seen.MISSING),
        (seen("3", math.inf), Seen.MISSING),
        (seen("1", 50), Seen.LATE),
    ):
        stepped = step(state, observation, asked)
        assert (stepped.state, stepped.transition, stepped.seen) == (state, None, word)


def test_a_revision_takes_back_what_it_caused_and_says_so() -> None:
    asked = price_rule()
    fired = step(AlertState(), seen("1", 101), asked)
    revised = step(fired.state, seen("1", 99), asked)
    assert fired.transition == Transition(before=Phase.INACTIVE, after=Phase.FIRING, revised=False)
    assert revised.transition == Transition(before=Phase.FIRING, after=Phase.INACTIVE, revised=True)
    # and one that had been safe may turn out not to be, with what came after judged again
    state = step(step(AlertState(), seen("1", 101), asked).state, seen("2", 80), asked).state
    assert state.phase is Phase.RESOLVED
    back = step(state, seen("2", 95), asked)
    assert back.transition == Transition(before=Phase.RESOLVED, after=Phase.FIRING, revised=True)


def test_a_changed_rule_judges_again_what_is_remembered() -> None:
    state = step(AlertState(), seen("1", 101), price_rule()).state
    stepped = rejudge(state, price_rule(threshold=105.0))
    assert stepped.transition == Transition(before=Phase.FIRING, after=Phase.INACTIVE, revised=True)


class Machine(RuleBasedStateMachine):
    """Observations, revisions, silences, acknowledgements and time, against what must always hold."""

    @initialize(
        for_count=st.integers(1, 4),
        keep_firing=st.integers(1, 4),
        recovery=st.sampled_from([None, 90.0]),
        repeat=st.sampled_from([None, 24]),
    )
    def arm(self, for_count: int, keep_firing: int, recovery: float | None, repeat: int | None) -> None:
        self.rule = price_rule(for_count=for_count, keep_firing=keep_firing, recovery=recovery)
        self.repeat = None if repeat is None else timedelta(hours=repeat)
        self.state, self.told = AlertState(), Told()
        self.values: dict[str, float] = {}
        self.now, self.silent, self.acknowledged = NOW, False, False
        self.said: list[tuple[Reason, int]] = []
        self.horizon = ""

    def _take(self, observation: Observation) -> None:
        before = self.state
        stepped = step(before, observation, self.rule)
        if stepped.seen in (Seen.NEW, Seen.REVISED):
            self.values[observation.key] = observation.value
        self.state = stepped.state
        if self.state.episode != before.episode:
            self.acknowledged = False
        assert (stepped.transition is None) == (
            (before.phase, before.episode) == (self.state.phase, self.state.episode)
        )
        again = step(self.state, observation, self.rule)
        assert again.state == self.state
        assert again.transition is None
        self._tell(stepped.transition)

    def _tell(self, transition: Transition | None) -> None:
        reason = decide_notification(
            self.state,
            transition,
            self.told,
            enabled=True,
            silenced=self.silent,
            acknowledged=self.acknowledged,
            repeat_every=self.repeat,
            now=self.now,
        )
        if not reason.tells:
            return
        assert not self.silent
        if reason is Reason.REPEATED:
            assert self.told.firing
            assert not self.acknowledged
            assert self.repeat is not None
            assert self.now - self.told.at >= self.repeat
        elif self.state.phase.on:
            assert (True, self.state.episode) != (self.told.firing, self.told.episode), "told once an episode"
        else:
            assert self.told.firing, "only what was told is called off"
        self.told = after_telling(self.state, self.told, reason, self.now)
        self.said.append((reason, self.state.episode))

    @rule(value=st.sampled_from([80.0, 95.0, 100.0, 101.0, 120.0]))
    def observe(self, value: float) -> None:
        self._take(seen(f"{len(self.values):05d}", value))

    @rule(back=st.integers(0, 4), value=st.sampled_from([80.0, 95.0, 101.0]))
    def revise(self, back: int, value: float) -> None:
        trail = self.state.trail
        if trail:
            self._take(seen(trail[max(0, len(trail) - 1 - back)].key, value))

    @rule(value=st.sampled_from([math.nan, math.inf]))
    def miss(self, value: float) -> None:
        before = self.state
        self._take(seen(f"{len(self.values):05d}", value))
        assert self.state == before

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self._tell(None)

    @rule()
    def toggle_silence(self) -> None:
        self.silent = not self.silent
        self._tell(None)

    @rule()
    def acknowledge(self) -> None:
        if self.state.phase.on:
            self.acknowledged = True

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "state"):
            return
        # replaying the values as they are known now gives the state that was reached step by step
        scratch = AlertState()
        for key in sorted(self.values):
            scratch = step(scratch, seen(key, self.values[key]), self.rule).state
        assert scratch == self.state
        assert state_of(plain(self.state)) == self.state
        assert slow_phase(self.rule, [self.values[k] for k in sorted(self.values)]) is self.state.phase
        if not self.silent and self.rule is not None:
            # all that could be told has been
            assert self.told.firing == self.state.phase.on


def slow_phase(asked: Rule, values: list[float]) -> Phase:
    """The phase, written another way: looking back over all values at each one."""
    on, ever, turned = False, False, 0
    for k in range(len(values)):
        since = values[turned : k + 1]
        if (
            not on
            and len(since) >= asked.for_count
            and all(asked.beyond(v) for v in since[-asked.for_count :])
        ):
            on, ever, turned = True, True, k + 1
        elif (
            on and len(since) >= asked.keep_firing and all(asked.safe(v) for v in since[-asked.keep_firing :])
        ):
            on, turned = False, k + 1
    tail = values[turned:]
    if on:
        return Phase.RECOVERING if tail and asked.safe(tail[-1]) else Phase.FIRING
    if tail and asked.beyond(tail[-1]):
        return Phase.PENDING
    return Phase.RESOLVED if ever else Phase.INACTIVE


Machine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None)
TestMachine = Machine.TestCase


@pytest.mark.parametrize(
    ("phase", "told", "changes", "reason"),
    [
        (Phase.FIRING, Told(), {}, Reason.FIRED),
        (Phase.FIRING, Told(), {"transition": None}, Reason.SILENCE_ENDED),
        (Phase.FIRING, Told(), {"silenced": True}, Reason.SILENCED),
        (Phase.FIRING, Told(), {"enabled": False}, Reason.RULE_DISABLED),
        (Phase.FIRING, Told(firing=True, episode=1, at=NOW), {"transition": None}, Reason.NOTHING_NEW),
        (Phase.FIRING, Told(firing=True, episode=1, at=NOW),
         {"transition": None, "repeat_every": timedelta(hours=1)}, Reason.NOT_DUE),
        (Phase.RECOVERING, Told(firing=True, episode=1, at=NOW - timedelta(hours=1)),
         {"transition": None, "repeat_every": timedelta(hours=1)}, Reason.REPEATED),
        (Phase.FIRING, Told(firing=True, episode=1, at=NOW - timedelta(hours=9)),
         {"transition": None, "repeat_every": timedelta(hours=1), "acknowledged": True}, Reason.ACKNOWLEDGED),
        (Phase.FIRING, Told(firing=True, episode=0, at=NOW), {"acknowledged": False}, Reason.FIRED),
        (Phase.RESOLVED, Told(firing=True, episode=1, at=NOW), {}, Reason.RESOLVED),
        (Phase.RESOLVED, Told(firing=True, episode=1, at=NOW), {"silenced": True}, Reason.SILENCED),
        (Phase.RESOLVED, Told(episode=1), {}, Reason.NOTHING_NEW),
        (Phase.PENDING, Told(), {}, Reason.PENDING),
    ],
)  # fmt: skip
def test_decisions(phase: Phase, told: Told, changes: dict[str, Any], reason: Reason) -> None:
    turned = Transition(before=Phase.INACTIVE, after=phase, revised=False)
    asked = {"transition": turned, "enabled": True, "silenced": False, "acknowledged": False,
             "repeat_every": None, "now": NOW} | changes  # fmt: skip
    state = AlertState(phase=phase, episode=1)
    assert decide_notification(state, asked.pop("transition"), told, **asked) is reason


def test_a_revision_is_named_as_the_reason() -> None:
    turned = Transition(before=Phase.FIRING, after=Phase.INACTIVE, revised=True)
    told = Told(firing=True, episode=1, at=NOW)
    shared: dict[str, Any] = {"enabled": True, "silenced": False, "acknowledged": False,
                              "repeat_every": None, "now": NOW}  # fmt: skip
    assert decide_notification(AlertState(episode=1), turned, told, **shared) is Reason.REVISED
    later = replace(turned, after=Phase.FIRING)
    assert (
        decide_notification(AlertState(phase=Phase.FIRING), later, Told(episode=9), **shared)
        is Reason.REVISED
    )
