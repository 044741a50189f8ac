"""Backtest figures of one run: which cutoffs, and how every model did at them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from forecast.distribution.combination import BENCHMARK
from forecast.evaluation.metrics import block_bootstrap, interval_score, pinball
from forecast.periods import last_day
from forecast.types import SCORED_QUANTILES, Array

#: Months of history before the first cutoff: what calibration and models need to begin.
_WARM_UP = 36
_FREQ = "M"
_BOUNDS = {"80": (0.1, 0.9), "95": (0.025, 0.975)}
#: Below this many cutoffs an interval would only pretend.
_FEWEST_CUTOFFS = 6
_DRAWS = 300
COLUMNS = ("series_id", "model", "step", "metric", "value", "low", "high", "n")


def lags(history: pd.DataFrame, known_at: date) -> dict[str, int]:
    """Months from each series' last quote to the month of `known_at`."""
    newest = history.groupby("unique_id")["ds"].max()
    now = pd.Period(known_at, _FREQ)
    return {str(name): max(0, now.ordinal - pd.Period(day, _FREQ).ordinal) for name, day in newest.items()}


def cutoffs(history: pd.DataFrame, lag: Mapping[str, int], count: int) -> list[date]:
    """At most `count` days, evenly over the later half of what the longest series allows; ends of months."""
    spans = []
    for name, days in history.groupby("unique_id")["ds"]:
        first = pd.Period(days.min(), _FREQ).ordinal + _WARM_UP + lag[str(name)]
        spans.append((first, pd.Period(days.max(), _FREQ).ordinal - 1))
    usable = [(a, b) for a, b in spans if a <= b]
    if not usable:
        return []
    first, last = min(a for a, _ in usable), max(b for _, b in usable)
    start = first + (last - first) // 2
    chosen = sorted({round(p) for p in np.linspace(start, last, count)})
    return [last_day(pd.Period(ordinal=p, freq=_FREQ)) for p in chosen]


def monthly(history: pd.DataFrame) -> pd.DataFrame:
    """unique_id, ds, y: what came in each month, outside China the mean of its dated quotes."""
    months = history.assign(ds=pd.PeriodIndex(history["ds"], freq=_FREQ).to_timestamp())
    found: pd.DataFrame = months.groupby(["unique_id", "ds"], as_index=False)[["y"]].mean()
    return found


def score(frame: pd.DataFrame, history: pd.DataFrame, few_quotes: Collection[str] = ()) -> pd.DataFrame:
    """Long frame of COLUMNS from backtest rows (unique_id, ds, cutoff, model, mean, q...) and the prices
    that came. step None is all months together. low, high: 90 % block bootstrap over cutoffs.

    few_quotes: series of which no coverage is claimed; they get none.
    """
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    prices = monthly(history)
    joined = frame.merge(prices, on=["unique_id", "ds"], how="inner")
    if joined.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    joined["step"] = (
        pd.PeriodIndex(joined["ds"], freq=_FREQ).asi8 - pd.PeriodIndex(joined["cutoff"], freq=_FREQ).asi8
    )
    rows: list[tuple[object, ...]] = []
    for series_id, own in joined.groupby("unique_id", sort=True):
        past = prices[prices["unique_id"] == series_id]
        tables = {str(model): _Losses.of(part, past) for model, part in own.groupby("model", sort=True)}
        for model, losses in tables.items():
            figures = losses.figures(tables.get(BENCHMARK))
            kept = (f for f in figures if series_id not in few_quotes or not str(f[1]).startswith("coverage"))
            rows += [(series_id, model, *figure) for figure in kept]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    """What one model lost on one series. by_metric: name -> (cutoffs, steps), NaN where nothing came yet."""

    steps: Array
    spacing: float
    by_metric: dict[str, Array]

    @classmethod
    def of(cls, part: pd.DataFrame, past: pd.DataFrame) -> _Losses:
        """From the backtest rows of one model and the history of its series."""
        actual, mean = part["y"].to_numpy(float), part["mean"].to_numpy(float)
        table = part[[f"q{q:g}" for q in SCORED_QUANTILES]].to_numpy(float)
        change = _step_scale(past)
        found = {
            "pinball": pinball(actual, table, SCORED_QUANTILES),
            "mase": np.abs(actual - part["q0.5"].to_numpy(float)) / change[0],
            "rmsse": (actual - mean) ** 2 / change[1],
        }
        for level, (low, high) in _BOUNDS.items():
            bounds = part[f"q{low:g}"].to_numpy(float), part[f"q{high:g}"].to_numpy(float)
            found[f"coverage_{level}"] = ((actual >= bounds[0]) & (actual <= bounds[1])).astype(float)
            found[f"interval_score_{level}"] = interval_score(actual, *bounds, int(level) / 100)
        keys = pd.DataFrame({"cutoff": part["cutoff"], "step": part["step"]})
        cutoffs, row = np.unique(keys["cutoff"].to_numpy(), return_inverse=True)
        steps, column = np.unique(keys["step"].to_numpy(), return_inverse=True)
        cubes = {}
        for name, values in found.items():
            cubes[name] = np.full((len(cutoffs), len(steps)), np.nan)
            cubes[name][row, column] = values
        when = pd.PeriodIndex(cutoffs, freq=_FREQ).asi8
        spacing = max((when[-1] - when[0]) / max(len(when) - 1, 1), 1.0)
        return cls(steps=steps.astype(float), spacing=float(spacing), by_metric=cubes)

    def figures(self, rival: _Losses | None) -> Iterator[tuple[object, ...]]:
        """(step, metric, value, low, high, n) for each metric: over all steps, then at each."""
        for name, table in self.by_metric.items():
            finish = np.sqrt if name == "rmsse" else np.asarray
            low, high = self._intervals(table)
            count = np.append(np.isfinite(table).sum(), np.isfinite(table).sum(axis=0))
            total = np.append(np.nansum(table), np.nansum(table, axis=0))
            # dated quotes without two months in a row have no scale to divide by, and so no figure
            value = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
            for k, step in enumerate((None, *self.steps)):
                numbers = (_finite(float(finish(x[k]))) for x in (value, low, high))
                yield None if step is None else int(step), name, *numbers, int(count[k])
        if rival is not None and rival is not self:
            yield from self._skill(rival)

    def _skill(self, rival: _Losses) -> Iterator[tuple[object, ...]]:
        """1 - pinball over the random walk's, where both were scored."""
        mine, theirs = self.by_metric["pinball"], rival.by_metric["pinball"]
        if mine.shape != theirs.shape:
            return
        both = np.isfinite(mine) & np.isfinite(theirs)
        mine, theirs = np.where(both, mine, np.nan), np.where(both, theirs, np.nan)
        for k, step in enumerate((None, *self.steps)):
            part = slice(None) if step is None else slice(k - 1, k)
            own, other = np.nansum(mine[:, part]), np.nansum(theirs[:, part])
            value = _finite(1 - own / other) if other else None
            yield None if step is None else int(step), "skill", value, None, None, int(both[:, part].sum())

    def _intervals(self, table: Array) -> tuple[Array, Array]:
        """90 % block-bootstrap bounds over cutoffs: (1 + steps,) each, NaN with too few cutoffs.

        A block is as long as forecasts that many steps ahead overlap.
        """
        low, high = np.full((2, 1 + len(self.steps)), np.nan)
        if len(table) < _FEWEST_CUTOFFS:
            return low, high
        blocks = np.ceil(self.steps / self.spacing).astype(int)
        low[0], high[0] = block_bootstrap(table, block=int(blocks.max()), draws=_DRAWS)
        for k, block in enumerate(blocks):
            low[k + 1], high[k + 1] = block_bootstrap(table[:, k], block=int(block), draws=_DRAWS)
        return low, high


def _step_scale(past: pd.DataFrame) -> tuple[float, float]:
    """Mean absolute and mean squared one-step change over the calendar; NaN when the price never moved."""
    index = pd.PeriodIndex(past["ds"], freq=_FREQ)
    values = pd.Series(past["y"].to_numpy(float), index=index).sort_index()
    changes = np.diff(values.reindex(pd.period_range(values.index[0], values.index[-1], freq=_FREQ)))
    seen = changes[np.isfinite(changes) & (changes != 0)]
    if not len(seen):
        return math.nan, math.nan
    return float(np.nanmean(np.abs(changes))), float(np.nanmean(changes**2))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
