"""What is known at the end of a day: histories, events and their effects, and prices as models get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from forecast.events.dummies import design_by_type
from forecast.events.effects import EffectsFit, fit_effects
from forecast.events.event import Event
from forecast.events.event import known_at as events_known_at
from forecast.models.base import FitInput
from forecast.models.features import panel_features
from forecast.periods import Book
from forecast.types import Array, PriceHistory

PANEL = ""  # stands for all series together
MANY_QUOTES = 10  # dated quotes in a period whose mean is taken for the period's own


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

    @property
    def reach(self) -> int:
        """Ordinal of the newest period that a fit serving this cutoff may have seen, of any series that is
        fitted: effects and what the panel does are in all of them."""
        last = pd.Period(self.day, self.histories[0].periods.freqstr).ordinal
        return last - max(self.lag.get(h.key.unique_id, 0) for h in self.histories)

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
