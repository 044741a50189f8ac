"""Answers to a scenario: each branch and the mixture of them, from stored distributions and stored draws.

Quantiles and the chance of standing above a level are exact (mixture). Whether a price crosses a level at
some time is a question about paths, and comes from the run's draws: base paths, the events in the draws in
which they happen, and then the exact marginals, by rank, as the headline's paths were made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.distribution.mixture import Mixture, apart, prepare
from forecast.distribution.shocks import HAPPENS, effect, event_levels
from forecast.events.course import Course, course, courses
from forecast.events.scenario import Switch
from forecast.types import Array, OpenEvent

Draws = NDArray[np.float32]
NO_DRAWS: Draws = np.zeros((1, 1), np.float32)  # where no level is asked about
NO_MOVES = [(NO_DRAWS, NO_DRAWS)]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One stored forecast, ready to be asked. Prices are logs.

    final: (steps, 21), the headline at QUANTILES; base: the same without open events; base_paths:
    (draws, steps); the first `lag` steps are the nowcast. levels: event -> (3, draws), as the run drew them.
    """

    final: Array
    base: Array
    base_paths: Array
    lag: int
    periods: pd.PeriodIndex
    events: tuple[OpenEvent, ...]
    levels: Mapping[str, Array]
    seed: int

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        """Of the open events."""
        return courses(self.events, self.periods)

    @cached_property
    def mixture(self) -> Mixture:
        """Base and open events on grids, at every step."""
        return prepare(self.base, self.courses, everywhere=True)

    @cached_property
    def below(self) -> Array:
        """Distribution function of the headline at the grid points."""
        return self.mixture.below([e.probability for e in self.events])

    @cached_property
    def drawn(self) -> Draws:
        """Log paths of the months ahead, (months, draws): open events in the draws in which they happen,
        marginals not yet exact."""
        ahead = np.ascontiguousarray(self.base_paths[:, self.lag :].T, dtype=np.float32)
        for known, event in zip(self.courses, self.events, strict=True):
            ahead += self.shift(known, event.probability)
        return ahead

    @cached_property
    def sorted(self) -> Draws:
        """The same by month from the lowest up."""
        return np.sort(self.drawn, axis=1)

    def draws_of(self, name: str) -> Array:
        """Levels of an event in the draws of the run; those of a new one from a stream of its own."""
        found = self.levels.get(name)
        return event_levels(name, len(self.base_paths), self.seed) if found is None else found

    def shift(self, course: Course, chance: float = 1.0) -> Draws:
        """Log effect in the months ahead in each draw, (months, draws), of an event with that chance."""
        levels = self.draws_of(course.name)
        found = effect(course, levels)[self.lag :].astype(np.float32)
        return found if chance == 1.0 else found * (levels[HAPPENS] < chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Prices under one setting of the switches, or under the mixture of all.

    on: the setting, by switch; probability: of it. quantiles: (steps, 21) logs. above: (steps, levels),
    chance of standing above a level, exact. risen, fallen: (steps, levels), chance of having stood above, or
    below, in some month from the issue to that step, 0 in the nowcast; from n draws, with a standard error
    of sqrt(p (1 - p) / n).
    """

    on: tuple[bool, ...]
    probability: float
    quantiles: Array
    above: Array
    risen: Array
    fallen: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """headline: as stored. branches: every setting, on before off, the last switch changing fastest; mixture:
    the branches weighted by their probabilities, or the headline where nothing is asked."""

    headline: Outcome
    mixture: Outcome
    branches: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """The switches' events taken apart from the others.

    stated: chances of those of the headline, which come first. terms: (place among the mixture's events,
    chance) of a switch that is on, and off; None where it does not bear on the series.
    """

    mixture: Mixture
    stated: tuple[float, ...]
    terms: tuple[tuple[tuple[int, float] | None, tuple[int, float] | None], ...]

    def chances(self, setting: Sequence[bool]) -> list[float]:
        """Chance of each of the mixture's events in a branch."""
        out = [0.0] * len(self.mixture.courses)
        for (on, off), chosen in zip(self.terms, setting, strict=True):
            term = on if chosen else off
            if term is not None:
                out[term[0]] = term[1]
        return out


def ask(standing: Standing, switches: Sequence[Switch], log_levels: Array) -> Answer:
    """Answer a scenario for one series. A step that no switch bears on keeps the stored numbers."""
    above = standing.mixture.above(standing.below, log_levels)
    headline = _outcome(standing, standing.final, above, standing.drawn if len(log_levels) else NO_DRAWS)
    if not switches:
        return Answer(headline=headline, mixture=headline, branches=())
    question = _question(standing, switches)
    rest, moves = (
        _drawn_apart(standing, question) if len(log_levels) else (NO_DRAWS, NO_MOVES * len(switches))
    )

    def outcome(below: Array, drawn: Draws, setting: tuple[bool, ...] = (), chance: float = 1.0) -> Outcome:
        quantiles, chances = standing.final.copy(), above.copy()
        if len(question.mixture.steps):
            quantiles[question.mixture.steps] = question.mixture.quantiles(below)
            chances[question.mixture.steps] = question.mixture.above(below, log_levels)
        return _outcome(standing, quantiles, chances, drawn, setting, chance)

    branches, mixed = [], np.zeros((len(question.mixture.steps), question.mixture.grid.size))
    for setting in product((True, False), repeat=len(switches)):
        chance = prod(
            s.probability if on else 1.0 - s.probability for s, on in zip(switches, setting, strict=True)
        )
        below = question.mixture.below(question.chances(setting))
        mixed += chance * below
        drawn = rest + sum(pair[0 if on else 1] for pair, on in zip(moves, setting, strict=True))
        branches.append(outcome(below, drawn, setting, chance))
    for switch, (on, off) in zip(switches, moves, strict=True):
        happens = standing.draws_of(switch.stream)[HAPPENS] < switch.probability
        rest = rest + np.where(happens, on, off)
    return Answer(headline=headline, mixture=outcome(mixed, rest), branches=tuple(branches))


def _question(standing: Standing, switches: Sequence[Switch]) -> _Question:
    stated = {(e.event_id, e.starts): k for k, e in enumerate(standing.events)}
    named: list[int] = []
    new: dict[tuple[str, tuple[tuple[date, float], ...]], OpenEvent] = {}
    for event, _ in (term for s in switches for term in (s.off, s.on) if term is not None):
        key = (event.event_id, event.starts)
        if key not in stated:
            new[key] = event
        elif stated[key] not in named:
            named.append(stated[key])
    chances = [e.probability for e in standing.events]
    order = {(standing.events[k].event_id, standing.events[k].starts): i for i, k in enumerate(named)}
    order |= {key: len(named) + i for i, key in enumerate(new)}

    def place(term: tuple[OpenEvent, float] | None) -> tuple[int, float] | None:
        return None if term is None else (order[term[0].event_id, term[0].starts], term[1])

    further = [course(e, standing.periods) for e in new.values()]
    return _Question(
        mixture=apart(standing.mixture, chances, named, further),
        stated=tuple(chances[k] for k in named),
        terms=tuple((place(s.on), place(s.off)) for s in switches),
    )


def _drawn_apart(standing: Standing, question: _Question) -> tuple[Draws, list[tuple[Draws, Draws]]]:
    """Draws without the events of the switches, and what each adds to them when on, and off."""
    courses = question.mixture.courses
    sizes = [standing.shift(c) for c in courses]

    def moved(term: tuple[int, float] | None) -> Draws:
        if term is None or term[1] == 0.0:
            return NO_DRAWS
        place, chance = term
        if chance == 1.0:
            return sizes[place]
        return np.asarray(sizes[place] * (standing.draws_of(courses[place].name)[HAPPENS] < chance))

    rest = standing.drawn
    for place, chance in enumerate(question.stated):
        rest = rest - moved((place, chance))
    return rest, [(moved(on), moved(off)) for on, off in question.terms]


def _outcome(
    standing: Standing,
    quantiles: Array,
    above: Array,
    drawn: Draws,
    setting: tuple[bool, ...] = (),
    chance: float = 1.0,
) -> Outcome:
    risen = fallen = np.zeros((len(above) - standing.lag, 0))
    if above.shape[1]:
        known = standing.sorted if drawn is standing.drawn else np.sort(drawn, axis=1)
        risen, fallen = _crossed(drawn, known, above[standing.lag :])
    nowcast = np.zeros((standing.lag, above.shape[1]))
    return Outcome(
        on=setting,
        probability=chance,
        quantiles=quantiles,
        above=above,
        risen=np.concatenate([nowcast, risen]),
        fallen=np.concatenate([nowcast, fallen]),
    )


def _crossed(drawn: Draws, in_order: Draws, above: Array) -> tuple[Array, Array]:
    """Share of draws that stood above, and below, by each step, (steps, levels) each.

    drawn: (steps, draws), and the same sorted.

    At each step the highest draws stand above, as many as the exact chance says: what re-ordering by rank to
    the exact marginals would give, without making the paths.
    """
    draws = drawn.shape[1]
    counts = np.clip(np.rint(above * draws), 0, draws).astype(np.intp)
    lowest = np.take_along_axis(in_order, np.minimum(draws - counts, draws - 1), axis=1)
    chosen = np.where(counts > 0, lowest, np.inf)
    risen, fallen = np.empty(above.shape), np.empty(above.shape)
    for level in range(above.shape[1]):
        beyond = drawn >= chosen[:, level, None]
        risen[:, level], fallen[:, level] = _by_step(beyond), _by_step(~beyond)
    # a count of draws is a rounded chance: never less than the exact chance of any month so far
    return (
        np.maximum(risen, np.maximum.accumulate(above, axis=0)),
        np.maximum(fallen, np.maximum.accumulate(1.0 - above, axis=0)),
    )


def _by_step(happened: NDArray[np.bool_]) -> Array:
    """Share of columns in which it happened at or before each row; happened: (steps, draws)."""
    steps, draws = happened.shape
    first = np.where(happened.any(axis=0), happened.argmax(axis=0), steps)
    return np.asarray(np.cumsum(np.bincount(first, minlength=steps)[:steps]) / draws)
