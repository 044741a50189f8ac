"""Backtest figures of one run: which cutoffs, and how every model did at them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd

from forecast.evaluation.metrics import block_bootstrap, coverage, interval_score, mase, pinball, rmsse
from forecast.distribution.combination import BENCHMARK
from forecast.periods import last_day
from forecast.types import SCORED_QUANTILES, Array

#: Months of history before the first cutoff: what calibration and models need to begin.
_WARM_UP = 36
_FREQ = "M"
_BOUNDS = {"80": (0.1, 0.9), "95": (0.025, 0.975)}
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


def score(frame: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Long frame of COLUMNS from backtest rows (unique_id, ds, cutoff, model, mean, q...) and the prices
    that came. step None is all months together. low, high: 90 % block bootstrap over cutoffs."""
    # Outside China a month may hold several dated quotes: what came is their mean.
    months = history.assign(ds=pd.PeriodIndex(history["ds"], freq=_FREQ).to_timestamp())
    prices = months.groupby(["unique_id", "ds"], as_index=False)["y"].mean()
    joined = frame.merge(prices[["unique_id", "ds", "y"]], on=["unique_id", "ds"], how="inner")
    if joined.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    joined["step"] = (
        pd.PeriodIndex(joined["ds"], freq=_FREQ).asi8 - pd.PeriodIndex(joined["cutoff"], freq=_FREQ).asi8
    )
    rows: list[tuple[object, ...]] = []
    for (series_id, model), group in joined.groupby(["unique_id", "model"], sort=True):
        past = prices.loc[prices["unique_id"] == series_id].sort_values("ds")
        changes = _calendar(past)
        rival = joined[(joined["unique_id"] == series_id) & (joined["model"] == BENCHMARK)]
        for step in (None, *sorted(group["step"].unique())):
            part = group if step is None else group[group["step"] == step]
            base = rival if step is None else rival[rival["step"] == step]
            for metric, value, low, high in _figures(part, base, changes):
                rows.append(
                    (
                        series_id,
                        model,
                        None if step is None else int(step),
                        metric,
                        value,
                        low,
                        high,
                        len(part),
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _calendar(past: pd.DataFrame) -> Array:
    """Prices on a calendar without holes, NaN where there was no quote."""
    index = pd.PeriodIndex(past["ds"], freq=_FREQ)
    values = pd.Series(past["y"].to_numpy(float), index=index)
    return np.asarray(values.reindex(pd.period_range(index[0], index[-1], freq=_FREQ)), dtype=np.float64)


def _figures(
    part: pd.DataFrame, base: pd.DataFrame, changes: Array
) -> Iterator[tuple[str, float | None, float | None, float | None]]:
    actual = part["y"].to_numpy(float)
    loss = _loss(part)
    yield "pinball", *_with_interval(part, loss)
    theirs = base.set_index(["cutoff", "ds"])["y"].index
    mine = part.set_index(["cutoff", "ds"]).index
    shared = mine.intersection(theirs)
    if len(shared):
        own = pd.Series(loss, index=mine).loc[shared].mean()
        other = pd.Series(_loss(base), index=theirs).loc[shared].mean()
        yield "skill", _finite(1 - own / other if other else math.nan), None, None
    yield "mase", _finite(mase(actual, part["q0.5"].to_numpy(float), changes)), None, None
    yield "rmsse", _finite(rmsse(actual, part["mean"].to_numpy(float), changes)), None, None
    for level, (low, high) in _BOUNDS.items():
        bounds = part[f"q{low:g}"].to_numpy(float), part[f"q{high:g}"].to_numpy(float)
        inside = ((actual >= bounds[0]) & (actual <= bounds[1])).astype(float)
        _, least, most = _with_interval(part, inside)
        yield f"coverage_{level}", _finite(coverage(actual, *bounds)), least, most
        yield (
            f"interval_score_{level}",
            *_with_interval(part, interval_score(actual, *bounds, int(level) / 100)),
        )


def _loss(part: pd.DataFrame) -> Array:
    table = part[[f"q{q:g}" for q in SCORED_QUANTILES]].to_numpy(float)
    return pinball(part["y"].to_numpy(float), table, SCORED_QUANTILES)


def _with_interval(part: pd.DataFrame, values: Array) -> tuple[float | None, float | None, float | None]:
    """Mean and 90 % block-bootstrap interval over cutoffs; blocks as long as forecasts overlap."""
    table = pd.DataFrame({"cutoff": part["cutoff"], "step": part["step"], "v": values}).pivot(
        index="cutoff", columns="step", values="v"
    )
    mean = _finite(float(np.nanmean(values)))
    if len(table) < _FEWEST_CUTOFFS:
        return mean, None, None
    months = pd.PeriodIndex(table.index, freq=_FREQ).asi8
    spacing = max((months[-1] - months[0]) / (len(months) - 1), 1.0)
    block = math.ceil(float(part["step"].max()) / spacing)
    low, high = block_bootstrap(table.to_numpy(float), block=block, draws=_DRAWS)
    return mean, _finite(low), _finite(high)


#: Below this an interval would only pretend.
_FEWEST_CUTOFFS = 6
_DRAWS = 300


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
