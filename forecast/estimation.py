"""Which model is estimated when, and on what: each fit of a run is done once and shared by all its cutoffs.

A fit belongs to a day. It sees what was known at the end of that day (prices, events, effects) and nothing
else, so a cutoff may use every fit whose day had come by then. Besides its own day a cutoff uses the days of
a fixed calendar, the same ones for every cutoff: that is what makes a backtest of many cutoffs cheap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from forecast.distribution.calibration import WARM_UP
from forecast.errors import InputError, ModelNotFitted
from forecast.events.event import Event
from forecast.known import PANEL, Known, known_at, with_events
from forecast.models import CANDIDATES, PANEL_MODELS, get_model, get_panel_model
from forecast.models.base import Candidate, Cost, FitInput, Fitted
from forecast.periods import Book, last_day
from forecast.types import PriceHistory

#: map(function, items) of an executor, or the built-in one
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
BATCHES = 64  # a fit takes milliseconds: an executor is given them in batches
#: Fits of one process take turns, whatever executor runs them: the filters by which an optimiser says that it
#: did not converge, and the stream that Stan's wrapper draws from, belong to the process and not to a thread.
_TURN = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One estimation, or why there is none. origin: ordinal of the newest period that it saw; reach: of the
    newest that it could have seen."""

    day: date
    origin: int
    reach: int
    fitted: Fitted | None
    why: str = ""
    seconds: float = 0.0


#: (series, model) -> its fits, oldest first
Fits = Mapping[tuple[str, str], tuple[Fit, ...]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """years: between days of the calendar; whole: on all of history or on its later half; own: does every
    cutoff also get a fit of its own day?"""

    years: int
    whole: bool
    own: bool


SCHEDULES: Mapping[Cost, Schedule] = {
    "cheap": Schedule(1, whole=True, own=True),
    "medium": Schedule(4, whole=False, own=True),
    "costly": Schedule(2, whole=False, own=False),
}


def fit_days(model: Candidate, history: PriceHistory, day: date, season: int, reach: int) -> tuple[date, ...]:
    """Days whose fits of a model a cutoff at `day` uses for a series, oldest first.

    The calendar's days are ends of periods whose ordinal is a multiple of the schedule's years, from the
    first on that has WARM_UP quotes (and as many as the model needs) up to `reach`, the newest that may have
    been seen. A costly model has a fit of the cutoff's own day only where the calendar has none yet.
    """
    schedule = SCHEDULES[model.cost]
    quotes = history.periods.asi8[np.isfinite(history.y)]
    first = max(WARM_UP, model.min_observations) - 1
    if not schedule.whole:
        first = max(first, len(quotes) // 2)
    days: list[date] = []
    if first < len(quotes):
        every = schedule.years * season
        start = -(-int(quotes[first]) // every) * every
        freq = history.periods.freqstr
        last = min(int(quotes[-1]), reach)
        days = [d for p in range(start, last + 1, every) if (d := _end(p, freq)) < day]
    return tuple(days) if days and not schedule.own else (*days, day)


@lru_cache(maxsize=4096)
def _end(ordinal: int, freq: str) -> date:
    return last_day(pd.Period(ordinal=ordinal, freq=freq))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One estimation as any executor can take it: one input for a model of series, all for one of panels."""

    key: tuple[str, str]
    day: date
    origin: int
    reach: int
    data: tuple[FitInput, ...]
    steps: int


def _run(jobs: Sequence[_Job]) -> list[Fit]:
    with _TURN:
        return [_estimate(job) for job in jobs]


def _estimate(job: _Job) -> Fit:
    started = time.perf_counter()
    series, name = job.key
    fitted: Fitted | None = None
    why = ""
    try:
        if series == PANEL:
            fitted = get_panel_model(name).fit_panel(job.data, job.steps)
        else:
            fitted = get_model(name).fit(job.data[0])
    except (ModelNotFitted, InputError) as error:
        why = str(error)
    seconds = time.perf_counter() - started
    return Fit(day=job.day, origin=job.origin, reach=job.reach, fitted=fitted, why=why, seconds=seconds)


def estimate(
    books: Sequence[Book],
    events: Sequence[Event],
    cutoffs: Sequence[Known],
    *,
    season: int,
    steps: int,
    seed: int,
    mapper: Map = map,
) -> Fits:
    """Every fit that the cutoffs use, each done once. `mapper` is an executor's map; the numbers do not
    depend on it."""
    calendar: dict[date, Known] = {}
    inputs: dict[int, tuple[FitInput, ...]] = {}
    jobs: dict[tuple[str, str, date, int, int], _Job] = {}

    def at_day(cutoff: Known, day: date) -> Known:
        if day != cutoff.day and day not in calendar:
            calendar[day] = known_at(books, events, day)
        return cutoff if day == cutoff.day else calendar[day]

    for cutoff in cutoffs:
        for day, model, series in _wanted(cutoff, season, at_day):
            at = at_day(cutoff, day)
            origin = _origin(at, series)
            if origin is None:
                continue
            name = (series, model.name, day, origin, reach := at.reach)
            if name not in jobs:
                if id(at) not in inputs:
                    inputs[id(at)] = at.inputs(season, seed)
                jobs[name] = _Job(
                    key=(series, model.name),
                    day=day,
                    origin=origin,
                    reach=reach,
                    data=_inputs(at, model, series, inputs[id(at)]),
                    steps=steps,
                )
    ordered = list(jobs.values())
    # neighbours go to different batches: the costly ones of a series stand side by side
    count = min(BATCHES, len(ordered))
    batches = [ordered[i::count] for i in range(count)]
    out: dict[tuple[str, str], list[Fit]] = {}
    for batch, fits in zip(batches, mapper(_run, batches), strict=True):
        for job, fit in zip(batch, fits, strict=True):
            out.setdefault(job.key, []).append(fit)
    return {key: tuple(sorted(fits, key=lambda f: (f.day, f.origin))) for key, fits in out.items()}


def _wanted(
    at: Known, season: int, at_day: Callable[[Known, date], Known]
) -> Iterator[tuple[date, Candidate, str]]:
    """(day, model, series) of each fit that a cutoff uses."""
    for model in CANDIDATES:
        for series in (PANEL,) if model in PANEL_MODELS else at.place:
            days = [d for d in _days(at, series, model, season) if _origin(at_day(at, d), series) is not None]
            # prices that became available late were known on none of the calendar's days
            for day in days or [at.day]:
                yield day, model, series


def _days(at: Known, series: str, model: Candidate, season: int) -> tuple[date, ...]:
    """Days of the fits that a cutoff uses; of a panel they are those of its longest history."""
    if series == PANEL:
        history = max(at.histories, key=lambda h: np.isfinite(h.y).sum())
    else:
        history = at.histories[at.place[series]]
    return fit_days(model, history, at.day, season, at.reach)


def _origin(at: Known, series: str) -> int | None:
    """Ordinal of the newest period that a fit sees; None where the series has no price by then."""
    if series == PANEL:
        return max((h.origin.ordinal for h in at.histories), default=None)
    return at.histories[at.place[series]].origin.ordinal if series in at.place else None


def _inputs(at: Known, model: Candidate, series: str, inputs: tuple[FitInput, ...]) -> tuple[FitInput, ...]:
    if series == PANEL:
        return inputs
    u = at.place[series]
    return (with_events(inputs[u], at.histories[u], at.events, at.day) if model.uses_events else inputs[u],)


def fits_for(fits: Fits, at: Known, series: str, model: Candidate, season: int) -> tuple[Fit, ...]:
    """Fits of a model that a cutoff may use for one of its series, oldest first; the last serves its origin.

    Those of the cutoff's own plan, less any that saw a period which is withheld here. There is one at least.
    """
    whose = PANEL if model in PANEL_MODELS else series
    reach = at.reach
    days = _days(at, whose, model, season)
    return tuple(
        f
        for f in fits[whose, model.name]
        if (f.reach == reach if f.day == at.day else f.day in days and f.reach <= reach)
    )
