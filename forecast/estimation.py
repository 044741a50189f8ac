"""Which model is estimated when, and on what: each fit of a run is done once and shared by all its cutoffs.

A fit belongs to a day. It sees what was known at the end of that day (prices, events, effects) and nothing
else, so a cutoff may use every fit whose day had come by then. Besides its own day a cutoff uses the days of
a fixed calendar, the same ones for every cutoff: that is what makes a backtest of many cutoffs cheap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from forecast.distribution.calibration import WARM_UP
from forecast.errors import InputError, ModelNotFitted
from forecast.events.dummies import design_by_type
from forecast.events.effects import EffectsFit, fit_effects
from forecast.events.event import Event
from forecast.events.event import known_at as events_known_at
from forecast.models import CANDIDATES, PANEL_MODELS, get_model, get_panel_model
from forecast.models.base import Candidate, Cost, FitInput, Fitted
from forecast.models.features import panel_features
from forecast.periods import Book, last_day
from forecast.types import Array, PriceHistory

#: map(function, items) of an executor, or the built-in one
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
PANEL = ""  # stands for all series together
MANY_QUOTES = 10  # dated quotes in a period whose mean is taken for the period's own
BATCHES = 64  # a fit takes milliseconds: an executor is given them in batches


@dataclass(frozen=True)
class Known:
    """What is known at the end of a day. effects: by market. lag: periods withheld, by series.

    failures: series that cannot be forecast from it, with the reason.
    """

    day: date
    histories: tuple[PriceHistory, ...]
    events: tuple[Event, ...]
    effects: Mapping[str, EffectsFit]
    failures: tuple[tuple[str, str], ...] = ()
    lag: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Series -> its position in `histories`."""
        return {h.key.unique_id: u for u, h in enumerate(self.histories)}

    @cached_property
    def adjusted(self) -> tuple[Array, ...]:
        """Log price less the effects in force, (n,) a series."""
        fits = [self.effects.get(h.key.market or "") for h in self.histories]
        return tuple(
            h.log_price - (0.0 if fit is None else fit.adjustment(h.key, h.periods))
            for h, fit in zip(self.histories, fits, strict=True)
        )

    def reach(self, series: str) -> int:
        """Ordinal of the newest period that a fit serving this cutoff may have seen."""
        last = pd.Period(self.day, self.histories[0].periods.freqstr).ordinal
        return last - (max(self.lag.values(), default=0) if series == PANEL else self.lag.get(series, 0))

    def inputs(self, season: int, seed: int) -> tuple[FitInput, ...]:
        """Event-adjusted prices of every series as models are given them, with what the panel does beside."""
        plain = [
            FitInput(y=y, periods=h.periods, season=season, seed=seed, noise=thinness(y, h.counts))
            for y, h in zip(self.adjusted, self.histories, strict=True)
        ]
        moods = panel_features(plain) if plain else []
        return tuple(replace(d, panel=mood) for d, mood in zip(plain, moods, strict=True))


def thinness(y: Array, counts: Array | None) -> Array | None:
    """Log sd of what the mean of a few dated quotes misses of its period's mean, (n,), or None for nothing.

    The price of one random day of a random walk misses the mean of its period by 1 / sqrt(6) of a period's
    move, that of n days by sqrt(n) less; from MANY_QUOTES on it is the mean.
    """
    if counts is None or not (counts < MANY_QUOTES).any():
        return None
    move = float(np.sqrt(np.mean(np.diff(y[np.isfinite(y)]) ** 2)))
    few = np.isfinite(counts) & (counts < MANY_QUOTES)
    return np.where(few, move / np.sqrt(6.0 * np.where(few, counts, 1.0)), 0.0)


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


def with_events(data: FitInput, history: PriceHistory, events: Sequence[Event], day: date) -> FitInput:
    """Log prices with the events in them, and beside them the dummies by type as known on `day`."""
    names, exog = design_by_type(events, history.periods, history.key.element, history.key.market, day)
    return replace(data, y=history.log_price, exog=exog if names else None, exog_names=names)


def known_at(
    books: Sequence[Book], events: Sequence[Event], day: date, lag: Mapping[str, int] | None = None
) -> Known:
    """Histories, events and estimated effects at the end of `day`. lag: periods withheld, by series."""
    histories, failures = [], []
    for book in books:
        history = book.at(day, (lag or {}).get(book.key.unique_id, 0))
        if history is None:
            failures.append((book.key.unique_id, "no price was available by the day asked for"))
        elif np.isfinite(history.y).sum() < 2:
            failures.append((book.key.unique_id, "one quote is no history: at least 2 are needed"))
        else:
            histories.append(history)
    public = events_known_at(events, day)
    groups: dict[str, list[PriceHistory]] = {}  # effects are never pooled over markets
    for history in histories:
        if history.key.market and history.key.element:
            groups.setdefault(history.key.market, []).append(history)
    effects = {m: fit_effects(group, public, day) for m, group in groups.items()} if public else {}
    return Known(
        day=day,
        histories=tuple(histories),
        events=public,
        effects=effects,
        failures=tuple(failures),
        lag=lag or {},
    )


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
    for cutoff in cutoffs:
        for day, model, series in _wanted(cutoff, season):
            if day != cutoff.day and day not in calendar:
                calendar[day] = known_at(books, events, day)
            at = cutoff if day == cutoff.day else calendar[day]
            origin = _origin(at, series)
            if origin is None:
                continue
            name = (series, model.name, day, origin, reach := at.reach(series))
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


def _wanted(at: Known, season: int) -> Iterator[tuple[date, Candidate, str]]:
    """(day, model, series) of each fit that a cutoff uses."""
    for model in CANDIDATES:
        for series in (PANEL,) if model in PANEL_MODELS else at.place:
            for day in _days(at, series, model, season):
                yield day, model, series


def _days(at: Known, series: str, model: Candidate, season: int) -> tuple[date, ...]:
    """Days of the fits that a cutoff uses; of a panel they are those of its longest history."""
    if series == PANEL:
        history = max(at.histories, key=lambda h: np.isfinite(h.y).sum())
    else:
        history = at.histories[at.place[series]]
    return fit_days(model, history, at.day, season, at.reach(series))


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
    reach = at.reach(whose)
    days = _days(at, whose, model, season)
    return tuple(
        f
        for f in fits[whose, model.name]
        if f.day in days and (f.reach == reach if f.day == at.day else f.origin <= reach)
    )
