"""Small panels with something wrong in them, events to go with them, and what is asked of any forecast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.pipeline import PanelRun, run_panel
from forecast.types import QUANTILES, SeriesForecast

DAY = date(2024, 6, 30)
MONTHS = 60
MEDIAN = QUANTILES.index(0.5)
LOW, HIGH = QUANTILES.index(0.1), QUANTILES.index(0.9)
Rows = pd.DataFrame


def walk(name: str, seed: int, element: str | None = None, months: int = MONTHS) -> Rows:
    """A random walk to June 2024 with the momentum of averaged prices."""
    e = np.random.default_rng(seed).standard_normal(months + 1) * 0.05
    return pd.DataFrame(
        {
            "unique_id": name,
            "ds": pd.date_range(end="2024-06-01", periods=months, freq="MS"),
            "y": 100.0 * np.exp(np.cumsum(e[1:] + 0.27 * e[:-1])),
            "element": element or name.title(),
            "market": "cn",
            "currency": "CNY",
        }
    )


def sound() -> Rows:
    return pd.concat([walk("dy", 1), walk("nd", 2)], ignore_index=True)


def since(rows: Rows, day: str, factor: float) -> Rows:
    return rows.assign(y=rows["y"].where(rows["ds"] < day, rows["y"] * factor))


def without(rows: Rows, start: str, end: str) -> Rows:
    return rows[(rows["ds"] < start) | (rows["ds"] > end)]


def late(rows: Rows) -> Rows:
    return rows.assign(y=rows["y"].where(rows["ds"] < "2023-09-01"))


BAD: dict[str, Callable[[Rows], Rows]] = {
    "constant": lambda rows: rows.assign(y=50.0),
    "two points": lambda rows: rows.tail(2),
    "two equal points": lambda rows: rows.tail(2).assign(y=50.0),
    "a gap of two years": lambda rows: without(rows, "2021-01-01", "2022-12-01"),
    "ten times the level": lambda rows: since(rows, "2022-03-01", 10.0),
    "ten times, last month": lambda rows: since(rows, "2024-06-01", 10.0),
    "ten times for a month": lambda rows: since(since(rows, "2022-03-01", 10.0), "2022-04-01", 0.1),
    "no price at the end": late,
}


def of(run: PanelRun, name: str) -> SeriesForecast:
    return next(f for f in run.forecasts if f.key.unique_id == name)


@cache
def beside(kind: str | None) -> PanelRun:
    """Two sound series, and a bad one of the same element and market as the first."""
    rows = [sound()] if kind is None else [sound(), BAD[kind](walk("bad", 3, "Tb"))]
    return run_panel(pd.concat(rows, ignore_index=True), horizon=6, freq="MS", known_at=DAY)


def width(found: SeriesForecast) -> np.ndarray:
    """Log width of the 80 % range, (steps,)."""
    return np.asarray(np.log(found.values[:, HIGH] / found.values[:, LOW]))


def check_numbers(found: SeriesForecast) -> None:
    for numbers in (found.values, found.mean, found.paths, found.base_quantiles):
        assert np.isfinite(numbers).all()
    assert (found.values > 0).all()
    assert (np.diff(found.values, axis=1) >= 0).all()
    assert sum(found.weights.values()) == pytest.approx(np.ones(len(found.periods)))


def step(stage: Stage, on: date, known_on: date, probability: float = 1.0) -> EventChange:
    return EventChange(stage=stage, on=on, known_on=known_on, probability=probability)


def licence(
    name: str, on: date, known_on: date, *more: EventChange, element: str = "Dy", direction: str = "tighten",
    probability: float = 1.0,
) -> Event:  # fmt: skip
    return Event(
        event_id=name,
        title=name,
        instrument="licence",
        direction=direction,
        jurisdiction="China",
        elements={element: Coverage.COVERED},
        market_side=MarketSide.BOTH,
        changes=(
            step(Stage.ANNOUNCED, known_on, known_on),
            step(Stage.EFFECTIVE, on, known_on, probability),
            *more,
        ),
    )


PAST = date(2023, 9, 1)  # recent enough to be named
AHEAD, KNOWN = date(2024, 9, 1), date(2024, 4, 1)
