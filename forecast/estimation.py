"""Which model is estimated when, and on what: each fit of a run is done once and shared by all its cutoffs.

A fit belongs to a day. It sees what was known at the end of that day (prices, events, effects) and nothing
else, so a cutoff may use every fit whose day had come by then. Besides its own day a cutoff uses the days of
a fixed calendar, the same ones for every cutoff: that is what makes a backtest of many cutoffs cheap.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.dealing import Deal, Lost, batch_size, here
from forecast.distribution.calibration import WARM_UP
from forecast.distribution.combination import BENCHMARK
from forecast.errors import InputError, ModelNotFitted, WorkLost
from forecast.events.event import Event
from forecast.known import PANEL, Known, known_at, with_events
from forecast.models import CANDIDATES
from forecast.models.base import Candidate, Cost, FitInput, Fitted, Model, PanelModel
from forecast.periods import Book, last_day
from forecast.types import PriceHistory, Progress, Step

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFit:
    """A fit that hung, crashed or took too much: its model is left out like one that could not be fitted, and
    the run says so. series: PANEL for all of them."""

    series: str
    model: str
    day: date
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """Every fit of a run, and which of them were lost."""

    fits: Fits
    lost: tuple[LostFit, ...]


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

    series: str
    model: Candidate
    day: date
    origin: int
    reach: int
    data: tuple[FitInput, ...]
    steps: int

    def fit(self, fitted: Fitted | None, why: str = "", seconds: float = 0.0) -> Fit:
        """What became of it."""
        return Fit(
            day=self.day, origin=self.origin, reach=self.reach, fitted=fitted, why=why, seconds=seconds
        )


def _estimate(job: _Job) -> Fit | Lost:
    """A fit, or why there is none. An error that no model raises on purpose loses the fit, not the run."""
    with _TURN:
        started = time.perf_counter()
        fitted: Fitted | None = None
        why = ""
        try:
            if isinstance(job.model, PanelModel):
                fitted = job.model.fit_panel(job.data, job.steps)
            elif isinstance(job.model, Model):
                fitted = job.model.fit(job.data[0])
        except (ModelNotFitted, InputError) as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - it is named in what is given back
            where = traceback.extract_tb(error.__traceback__)[-1]
            return Lost(f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})")
        return job.fit(fitted, why, time.perf_counter() - started)


def estimate(
    books: Sequence[Book],
    events: Sequence[Event],
    cutoffs: Sequence[Known],
    *,
    season: int,
    steps: int,
    seed: int,
    models: Sequence[Candidate] = CANDIDATES,
    deal: Deal = here,
    progress: Progress | None = None,
) -> Estimated:
    """Every fit that the cutoffs use, each done once. The numbers do not depend on who is dealt the work; a
    fit that is lost is one that gave nothing. Raises WorkLost for one of the random walk, or for half of
    all."""
    jobs = _jobs(books, events, cutoffs, models, season=season, steps=steps, seed=seed)
    # neighbours go to different batches: the costly ones of a series stand side by side
    stride = -(-len(jobs) // batch_size(len(jobs))) if jobs else 1
    ordered = [job for first in range(stride) for job in jobs[first::stride]]
    out: dict[tuple[str, str], list[Fit]] = {}
    lost: list[LostFit] = []
    # the bar has nothing to estimate and may not be missing: it stays here
    results = deal(_estimate, [job for job in ordered if job.model.name != BENCHMARK])
    for done, job in enumerate(ordered):
        if progress:
            progress(
                Step(stage="models", done=done, total=len(ordered), series=job.series, model=job.model.name)
            )
        fit = _estimate(job) if job.model.name == BENCHMARK else next(results)
        if isinstance(fit, Lost):
            if job.model.name == BENCHMARK:
                raise WorkLost(f"the random walk of {job.series}", fit.why)
            lost.append(LostFit(series=job.series, model=job.model.name, day=job.day, why=fit.why))
            if 2 * len(lost) > len(ordered):  # no model does that: the machine, or the limits
                raise WorkLost("more than half of the fits", fit.why)
            fit = job.fit(None, str(ModelNotFitted(job.model.name, fit.why)))
        out.setdefault((job.series, job.model.name), []).append(fit)
    fits = {key: tuple(sorted(some, key=lambda f: (f.day, f.origin))) for key, some in out.items()}
    return Estimated(fits=fits, lost=tuple(sorted(lost, key=lambda f: (f.series, f.model, f.day))))


def _jobs(
    books: Sequence[Book],
    events: Sequence[Event],
    cutoffs: Sequence[Known],
    models: Sequence[Candidate],
    *,
    season: int,
    steps: int,
    seed: int,
) -> list[_Job]:
    """Every estimation that the cutoffs use, each once."""
    calendar: dict[date, Known] = {}
    inputs: dict[int, tuple[FitInput, ...]] = {}
    jobs: dict[tuple[str, str, date, int, int], _Job] = {}

    def at_day(cutoff: Known, day: date) -> Known:
        if day != cutoff.day and day not in calendar:
            calendar[day] = known_at(books, events, day)
        return cutoff if day == cutoff.day else calendar[day]

    for cutoff in cutoffs:
        for day, model, series in _wanted(cutoff, models, season, at_day):
            at = at_day(cutoff, day)
            origin = _origin(at, series)
            if origin is None:
                continue
            name = (series, model.name, day, origin, reach := at.reach)
            if name not in jobs:
                if id(at) not in inputs:
                    inputs[id(at)] = at.inputs(season, seed)
                jobs[name] = _Job(
                    series=series,
                    model=model,
                    day=day,
                    origin=origin,
                    reach=reach,
                    data=_inputs(at, model, series, inputs[id(at)]),
                    steps=steps,
                )
    return list(jobs.values())


def _wanted(
    at: Known, models: Sequence[Candidate], season: int, at_day: Callable[[Known, date], Known]
) -> Iterator[tuple[date, Candidate, str]]:
    """(day, model, series) of each fit that a cutoff uses."""
    for model in models:
        for series in (PANEL,) if isinstance(model, PanelModel) else at.place:
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
    whose = PANEL if isinstance(model, PanelModel) else series
    reach = at.reach
    days = _days(at, whose, model, season)
    return tuple(
        f
        for f in fits[whose, model.name]
        if (f.reach == reach if f.day == at.day else f.day in days and f.reach <= reach)
    )
