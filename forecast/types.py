"""The shared words of the core, as frozen data. Arrays are float64; logs are natural."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: 0.025, 0.05, 0.10 ... 0.95, 0.975: what is stored and served.
QUANTILES: tuple[float, ...] = (0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975)
#: 0.05 ... 0.95: the nineteen that are scored.
SCORED_QUANTILES: tuple[float, ...] = QUANTILES[1:-1]

#: What an effect is an effect on.
ON_PRICE, ON_PREMIUM = "price", "premium over the Chinese price"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Which price this is. `market` is "cn", "eu", "fob" or None for a series outside the catalogue."""

    unique_id: str
    element: str | None = None
    market: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """Prices of one series on its full calendar, NaN where no quote exists.

    periods: PeriodIndex without holes, ending at the last quote (the origin); y: price > 0 or NaN,
    same length, the first and the last are numbers. counts: of how many dated quotes each price is the mean,
    NaN where that is not known, (n,), or None.
    """

    key: SeriesKey
    periods: pd.PeriodIndex
    y: Array
    counts: Array | None = None

    @property
    def origin(self) -> pd.Period:
        """Period of the last quote."""
        return self.periods[-1]

    @property
    def log_price(self) -> Array:
        """Natural log of the price, shape (n,), NaN kept."""
        return np.log(self.y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """`target` is quoted outside China and is modelled as the price of `base` times a premium."""

    target: str
    base: str
    base_includes_vat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a run is. stage: "models" (its fits), "paths" and "ranges" (series of the newest forecast),
    "backtest" (its cutoffs); done, total: of that stage; series, model: in hand, "" for all or none."""

    stage: str
    done: int
    total: int
    series: str = ""
    model: str = ""


#: Told each step of a run, in the process that asks.
Progress = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What became of one model on one series. `status` is "ok" or "left-out"; `why` is empty when ok."""

    model: str
    status: str
    why: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUse:
    """How one event enters one forecast. `effect_*` are log effects, when it happens, on what `acts_on` says:
    the price itself, or outside China the premium alone, beside what the event does to the Chinese price."""

    event_id: str
    title: str
    event_type: str
    state: str  # "past", "pending", "scheduled", "unknown-outcome"
    probability: float
    effect_mean: float
    effect_low: float  # 5 % quantile
    effect_high: float  # 95 % quantile
    events_behind: int  # past events of the type and market that inform the effect
    joint_with: tuple[str, ...] = ()
    acts_on: str = ON_PRICE


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPart:
    """What an event does to one factor of a price, as a log effect on this series at full strength.

    mean: its centre. below, above: scales of a Student-t on either side of it, equal where a type predicts.
    origin: period from which on the factor counts what the event adds; earlier ones are quotes that hold it.
    """

    mean: float
    below: float
    above: float
    origin: pd.Period


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """An event that may still happen, or may have, as a term of the log price of one series.

    starts: days on which its shape may begin with their shares, sum 1. months: half-life of a decaying step,
    length of a ramp, else None. dof: of the Student-t of its size, which ends at `limit`
    scales. parts: the price in China, and outside also the premium over it; their sizes are independent.
    """

    event_id: str
    title: str
    event_type: str
    state: str  # "pending", "scheduled", "unknown-outcome"; "hypothetical" in a scenario
    probability: float
    starts: tuple[tuple[date, float], ...]
    shape: str  # as in the table of events: "pulse", "step", "ramp", "decaying_step"
    months: float | None
    dof: float
    limit: float
    parts: tuple[EventPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What the range stands on.

    kind: "own and pooled" (60 own errors or more), "pooled" (the panel's shapes), "prior" (shipped shapes),
    "premium" (outside China: stated priors). n_errors: own one-step errors.
    """

    kind: str
    n_errors: int
    volatility: float  # log scale of one step at the origin
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesForecast:
    """The forecast of one series as issued.

    periods: steps 1 ... lag + horizon after the origin; the first `lag` are the nowcast.
    quantiles: (q,), values: (steps, q) prices in the series' own basis, never crossing, > 0.
    mean: (steps,); paths: (draws, steps), float32 prices with the same marginals, joint over the series of
    a run. weights: model -> (steps,), sum 1 at each step.
    base_quantiles: (steps, 21) log prices at QUANTILES if no open event happens; base_paths: (draws, steps)
    float32 log prices with those marginals. The served quantiles are base and open_events mixed.
    """

    key: SeriesKey
    origin: pd.Period
    last_price: float
    lag: int
    periods: pd.PeriodIndex
    quantiles: tuple[float, ...]
    values: Array
    mean: Array
    paths: NDArray[np.float32]
    weights: Mapping[str, Array]
    champion: str
    promotion_reason: str
    reports: tuple[FitReport, ...]
    calibration: CalibrationReport
    base_quantiles: Array
    base_paths: NDArray[np.float32]
    open_events: tuple[OpenEvent, ...] = ()
    events: tuple[EventUse, ...] = ()
    caveats: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
