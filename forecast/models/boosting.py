"""Gradient boosting pooled over the panel: quantiles of the standardised move ahead, by horizon.

One set of trees serves every series. Target: (y(o+h) - y(o)) / (scale(o) sqrt(h)), with the horizon h as a
feature beside lags, volatility and the panel's mood (features.py). Pinball loss (Koenker and Bassett 1978)
by gradient boosting (Friedman 2001) on scikit-learn's histogram trees.

Log prices have no preferred direction, so every training row also stands upside down: what the trees learn
is momentum and reversal, never the drift of one decade. Hence the 0.1 quantile is that of 0.9 mirrored, and
two forests give three quantiles. The median is the path; the outer two are the model's own range, which
calibration makes honest (Romano, Patterson and Candes 2019). Both are shrunk towards the Gaussian random
walk, the more the fewer series there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.errors import HistoryTooShort, ModelNotFitted
from forecast.models.base import Cost, FitInput, Origins, check_finite
from forecast.models.features import DIGITS, scale_of, series_features
from forecast.models.trees import Forest, forest_of
from forecast.types import Array

NAME = "boosting"
MIDDLE, HIGH = 0.5, 0.9
#: Series at which half of what the trees say is believed. On the development panels of 31 and 12 series any
#: share gains; triples of the same series lose at every share: three prices hold one history.
BELIEF_SERIES = 20.0
#: Half the 80 % range of a Gaussian walk, in its standard deviations: the range before the trees are heard.
GAUSSIAN = 1.2816
#: Training rows of a fit, all series together, before mirroring.
ROWS = 6_000
#: Fewest rows from which one series alone is a panel.
FEWEST_ROWS = 200
#: Horizons trained on, evenly spaced in logs; the trees hold the value of one up to about the next.
HORIZONS = 8
#: Quotes before an origin from which its scale can be trusted.
WARM_UP = 24
#: Half a range is at least a quarter of the Gaussian one, in standard deviations, ...
NARROWEST = 0.32
#: ... and never a point (log units).
SMALLEST = 1e-5
#: Share of all rows in a leaf. One period holds a row of every series: a small leaf would learn single dates.
LEAST_SHARE = 0.05
ITERATIONS, RATE, LEAVES, RIDGE = 80, 0.05, 6, 10.0


def horizons(steps: int) -> list[int]:
    """Up to HORIZONS different steps from 1 to `steps`, evenly spaced in logs."""
    return sorted({round(h) for h in np.geomspace(1, steps, min(HORIZONS, steps))})


def rows_at(features: Array, ahead: Sequence[int]) -> Array:
    """Every origin's features (o, k) with every horizon beside them: (o * len(ahead), k + 1)."""
    repeated = np.repeat(features, len(ahead), axis=0)
    return np.column_stack([repeated, np.tile(np.asarray(ahead, dtype=np.float64), len(features))])


def mirrored(rows: Array, odd: int) -> Array:
    """The same rows for the price turned upside down: the first `odd` columns change sign."""
    return np.column_stack([-rows[:, :odd], rows[:, odd:]])


def outcomes(data: FitInput, ahead: Sequence[int]) -> tuple[Array, Array]:
    """Features with their horizon, (r, k + 1), and standardised moves, (r,), of one series; known only."""
    y, scale = data.y, scale_of(data.y).one
    features, _ = series_features(data)
    mature = (np.cumsum(np.isfinite(y)) >= WARM_UP) & (scale > 0.0)
    rows, moves = [], []
    for h in ahead:
        origins = np.flatnonzero(mature[:-h] & np.isfinite(y[h:]))
        rows.append(rows_at(features[origins], [h]))
        moves.append((y[origins + h] - y[origins]) / (scale[origins] * np.sqrt(h)))
    return np.concatenate(rows), np.round(np.concatenate(moves), DIGITS)


def training_rows(data: Sequence[FitInput], steps: int) -> tuple[Array, Array]:
    """Outcomes of all series, (r, k + 1) and (r,), r about ROWS at most; empty if no price ever moved.

    Every series counts equally: it gives the same number of rows, evenly spaced over horizons and origins.
    A short one gives some of them again: weights in whole numbers, which the library fits six times faster
    than sample weights.
    """
    ahead = horizons(steps)
    found = [outcomes(d, ahead) for d in data]
    found = [(rows, moves) for rows, moves in found if moves.size]
    if not found:
        return np.empty((0, 0)), np.empty(0)
    each = min(max(moves.size for _, moves in found), max(ROWS // len(found), 1))
    chosen = [np.arange(each) * moves.size // each for _, moves in found]
    return (
        np.concatenate([rows[at] for (rows, _), at in zip(found, chosen, strict=True)]),
        np.concatenate([moves[at] for (_, moves), at in zip(found, chosen, strict=True)]),
    )


def fit_quantile(rows: Array, moves: Array, quantile: float) -> Forest:
    """Few, small, strongly regularised trees for one quantile."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        learning_rate=RATE,
        max_iter=ITERATIONS,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=max(20, round(LEAST_SHARE * len(moves))),
        l2_regularization=RIDGE,
        early_stopping=False,
        random_state=0,
    )
    empty = np.isnan(rows).all(
        axis=0
    )  # the library cannot bin a column without a number; a constant never splits
    return forest_of(model.fit(np.where(empty, 0.0, rows), moves))


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBoosting:
    """Forests of the median and of the 0.9 quantile over the same features; rows and series behind them."""

    middle: Forest
    high: Forest
    rows: int
    series: int

    @property
    def believed(self) -> float:
        """Share of the trees in median and range, in [0, 1)."""
        return self.series / (self.series + BELIEF_SERIES)

    @property
    def parameters(self) -> Mapping[str, float]:
        return {
            "believed": self.believed,
            "rows": float(self.rows),
            "series": float(self.series),
            "trees": float(len(self.middle.first) + len(self.high.first)),
        }

    def paths(self, data: FitInput, origins: Origins, steps: int) -> Array:
        scale, rows, mirror = self._at(data, origins, steps)
        median = (self.middle.predict(rows) - self.middle.predict(mirror)) / 2.0
        return check_finite(NAME, data.y[origins, None] + self.believed * median.reshape(scale.shape) * scale)

    def spreads(self, data: FitInput, origins: Origins, steps: int) -> Array:
        """Half the distance of the outer quantiles, floored, never narrower than the step before."""
        scale, rows, mirror = self._at(data, origins, steps)
        half = (self.high.predict(rows) + self.high.predict(mirror)).reshape(scale.shape) / 2.0
        shrunk = GAUSSIAN * (np.maximum(half, NARROWEST) / GAUSSIAN) ** self.believed
        wide = np.maximum(shrunk * scale, SMALLEST)
        return check_finite(NAME, np.maximum.accumulate(wide, axis=1))

    @staticmethod
    def _at(data: FitInput, origins: Origins, steps: int) -> tuple[Array, Array, Array]:
        """Scale by origin and step, (o, steps), 0 before a price ever moved; rows of features; mirrored."""
        ahead = np.arange(1, steps + 1)
        one = np.nan_to_num(scale_of(data.y).one[origins])
        features, odd = series_features(data)
        rows = rows_at(features[origins], ahead.tolist())
        return one[:, None] * np.sqrt(ahead), rows, mirrored(rows, odd)


@dataclass(frozen=True, slots=True)
class Boosting:
    """Gradient boosting over all series of a panel at once. A price that never moved gives a flat path."""

    name: str = NAME
    min_observations: int = 60
    uses_events: bool = False
    cost: Cost = "costly"

    def fit_panel(self, data: Sequence[FitInput], steps: int) -> FittedBoosting:
        """See PanelModel. A single series needs FEWEST_ROWS training rows."""
        quotes = [int(np.isfinite(d.y).sum()) for d in data]
        usable = [d for d, n in zip(data, quotes, strict=True) if n >= self.min_observations]
        if not usable:
            raise HistoryTooShort(self.name, max(quotes, default=0), self.min_observations)
        rows, moves = training_rows(usable, steps)
        if moves.size == 0:
            raise ModelNotFitted(self.name, "no price of the panel ever moved")
        if len(usable) < 2 and moves.size < FEWEST_ROWS:
            raise HistoryTooShort(f"{self.name} on one series, in training rows", moves.size, FEWEST_ROWS)
        _, odd = series_features(usable[0])
        both, targets = np.concatenate([rows, mirrored(rows, odd)]), np.concatenate([moves, -moves])
        middle, high = (fit_quantile(both, targets, q) for q in (MIDDLE, HIGH))
        return FittedBoosting(middle=middle, high=high, rows=moves.size, series=len(usable))
