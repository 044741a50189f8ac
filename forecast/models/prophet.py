"""Prophet on the log price, with event dummies as regressors, re-anchored to the last price.

Prophet fits a level that need not pass through the last quote, which costs it two to six times the
error of a random walk in the first month. So only the *change* of its trend and season is used, and only
a share of that; the events' part is left to the effects layer. Fitted by the compiled Stan model that
the prophet wheel carries: no network, no compiler.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from multiprocessing import util
from typing import Any

import numpy as np
import pandas as pd

from forecast.errors import ModelNotFitted
from forecast.models.base import Cost, FitInput, Origins, check_finite, check_length
from forecast.models.sarimax import informative
from forecast.types import Array

NAME = "prophet"
#: Share of the fitted change that enters the path. A price goes on far less than the line drawn through it:
#: over the monthly commodity panel (24 cutoffs) 30 % has 1 % less absolute error than a random walk at six
#: months and 4 % less at eighteen; the whole change has 4 % more at one to twelve months.
SHARE = 0.3
#: Prior scale of an event's effect, in log price: one in three is larger than a factor of 1.65.
EVENT_SCALE = 0.5
#: Sine and cosine pairs of the yearly season; twelve months or 52 weeks carry no finer detail reliably.
HARMONICS = 3
YEAR_DAYS = 365.25
MAX_CHANGEPOINTS = 25


@cache
def _prophet() -> Any:
    """The Prophet class, imported on first use (a second), quietly, leaving no folder behind."""
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # else: plotting libraries are missing
    import cmdstanpy

    # cmdstanpy removes its folder at exit, but a worker process leaves without running exit handlers
    util.Finalize(None, shutil.rmtree, args=(cmdstanpy._TMPDIR, True), exitpriority=0)
    cmdstanpy.disable_logging()
    from prophet import Prophet

    logging.getLogger("prophet").setLevel(logging.CRITICAL)
    return Prophet


def days(periods: pd.PeriodIndex) -> Array:
    """Days since 1970-01-01 of the start of each period, (n,)."""
    stamps = periods.to_timestamp().to_numpy().astype("datetime64[D]")
    return np.asarray(stamps.astype(np.int64), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedProphet:
    """Trend and season as plain numbers: times in days since 1970-01-01, values in log price.

    slope: per day before the first changepoint; bends: its change at each of `changepoints`, (c,);
    waves: (HARMONICS, 2) sine and cosine amplitudes, or (0, 2) without a season.
    effects: log effect by type of event.
    """

    slope: float
    changepoints: Array
    bends: Array
    waves: Array
    effects: Mapping[str, float]

    @property
    def parameters(self) -> Mapping[str, float]:
        return {
            "share": SHARE,
            "last_slope_per_year": float((self.slope + self.bends.sum()) * YEAR_DAYS),
            "season_range": float(np.ptp(self._season(np.arange(366.0)))),
            **{f"event_{name}": effect for name, effect in self.effects.items()},
        }

    def curve(self, day: Array) -> Array:
        """Trend plus season at `day` (n,), up to a constant: it is used in differences only."""
        bent = np.maximum(day[:, None] - self.changepoints, 0.0) @ self.bends
        return np.asarray(self.slope * day + bent + self._season(day), dtype=np.float64)

    def _season(self, day: Array) -> Array:
        order = np.arange(1, len(self.waves) + 1)
        angle = 2.0 * np.pi * day[:, None] * order / YEAR_DAYS
        return np.asarray(
            np.sin(angle) @ self.waves[:, 0] + np.cos(angle) @ self.waves[:, 1], dtype=np.float64
        )

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        reach = pd.period_range(data.periods[0], periods=data.y.size + steps, freq=data.periods.freq)
        curve = self.curve(days(reach))
        at = origins[:, None]
        change = curve[at + np.arange(1, steps + 1)] - curve[at]
        return check_finite(NAME, np.asarray(data.y[at] + SHARE * change, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Prophet:
    """Piecewise linear trend, yearly season where two years are known, events. A constant is refused."""

    name: str = NAME
    min_observations: int = 24
    uses_events: bool = True
    cost: Cost = "costly"

    def fit(self, data: FitInput) -> FittedProphet:
        check_length(self, data.y)
        quoted = np.isfinite(data.y)
        y = data.y[quoted]
        spread = float(np.ptp(y))
        if spread == 0.0:
            raise ModelNotFitted(self.name, "the series is constant")
        day = days(data.periods[quoted])
        types = informative(data)
        seasonal = float(day[-1] - day[0]) >= 2 * YEAR_DAYS
        # relative to the last price and in units of the spread, so that priors do not depend on the unit;
        # rounded, because L-BFGS stops up to 0.2 % elsewhere when an input differs in its sixteenth digit
        scaled = np.round((y - y[-1]) / spread, 9)
        frame = pd.DataFrame({"ds": pd.to_datetime(day, unit="D"), "y": scaled})
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # prophet and pandas 3 disagree in many places
            model = _prophet()(
                n_changepoints=min(MAX_CHANGEPOINTS, y.size // 4),
                yearly_seasonality=HARMONICS if seasonal else False,
                weekly_seasonality=False,
                daily_seasonality=False,
                uncertainty_samples=0,
            )
            for name, column in zip(types, data.columns(types)[quoted].T, strict=True):
                frame[f"event {name}"] = column
                model.add_regressor(
                    f"event {name}", prior_scale=round(EVENT_SCALE / spread, 9), standardize=False
                )
            try:
                model.fit(frame, seed=data.seed % 2**32, output_dir=folder)
            except RuntimeError as error:
                raise ModelNotFitted(self.name, f"Stan gave up: {error}") from error
        return self._translate(model, spread, types, seasonal)

    def _translate(self, model: Any, spread: float, types: tuple[str, ...], seasonal: bool) -> FittedProphet:
        """Prophet's parameters in our units; its time runs from 0 to 1 over the history."""
        values = {name: np.asarray(value, dtype=np.float64).ravel() for name, value in model.params.items()}
        for value in values.values():
            check_finite(self.name, value)
        unit = spread * float(model.y_scale)
        length = model.t_scale / pd.Timedelta(days=1)
        start = (model.start - pd.Timestamp(0)) / pd.Timedelta(days=1)
        waves = values["beta"][: 2 * HARMONICS] if seasonal else np.empty(0)
        effects = values["beta"][waves.size : waves.size + len(types)] * unit
        return FittedProphet(
            slope=float(values["k"][0]) * unit / length,
            changepoints=start + np.asarray(model.changepoints_t, dtype=np.float64) * length,
            bends=values["delta"] * unit / length,
            waves=waves.reshape(-1, 2) * unit,
            effects=dict(zip(types, effects.tolist(), strict=True)),
        )
