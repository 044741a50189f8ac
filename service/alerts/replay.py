"""What a rule would have done: the same machine as in service, run over the days of history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from service.alerts.rules import Rule
from service.alerts.state import AlertState, Observation, step

#: (day, key since which the machine remembers or None) -> what could be judged that day, oldest first.
Look = Callable[[date, str | None], Sequence[Observation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One time that a rule would have fired, on `on`. key, value: of the observation that did it.

    first_key: of the first beyond the threshold that `for` counted. resolved_on: None while it lasts.
    revised: by a value that was corrected.
    """

    on: date
    key: str
    value: float
    first_key: str
    resolved_on: date | None
    revised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """firings: oldest first. values: by key, the newest of each that was judged, keys growing."""

    firings: tuple[Firing, ...]
    values: Mapping[str, float]


def replay(rule: Rule, days: Iterable[date], look: Look) -> Replayed:
    """Judge a rule on each of these days, as the service would have."""
    state, firings = AlertState(), list[Firing]()
    values: dict[str, float] = {}
    for day in days:
        for observation in look(day, state.trail[0].key if state.trail else None):
            values[observation.key] = observation.value
            before, stepped = state.phase, step(state, observation, rule)
            state = stepped.state
            if state.phase.on and not before.on:
                firings.append(
                    Firing(
                        on=day,
                        key=observation.key,
                        value=observation.value,
                        first_key=state.trail[-rule.for_count :][0].key,
                        resolved_on=None,
                        revised=stepped.transition is not None and stepped.transition.revised,
                    )
                )
            elif before.on and not state.phase.on:
                firings[-1] = replace(firings[-1], resolved_on=day)
    return Replayed(firings=tuple(firings), values=dict(sorted(values.items())))
