"""What was forecast at a past cutoff of crossing any level and of standing beyond it, kept small.

The sample paths of a backtest are too many to keep. What questions about levels ask of them is how three
numbers are distributed at each step: the price, its highest and its lowest so far. Each is kept as the draws
at a fixed grid of shares, in logs relative to the last price known at the cutoff. They are taken from joint
paths, as the forecast served at that cutoff would have had them, never from ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.types import Array, SeriesForecast

#: Shares of draws at or below the values kept: every 2.5 %, finer towards the ends, the ends themselves.
SHARES: tuple[float, ...] = (
    0.0,
    0.005,
    0.01,
    *(round(0.025 * i, 3) for i in range(1, 40)),
    0.99,
    0.995,
    1.0,
)
VALUE, HIGHEST, LOWEST = range(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exceedance:
    """The forecast of one series at one cutoff.

    origin: period of `last_price`, the newest one known then. grid: (3, steps, len(SHARES)) float32, log
    ratios to it of VALUE, HIGHEST and LOWEST at steps 1, 2 ... after the cutoff.
    """

    unique_id: str
    cutoff: date
    origin: pd.Period
    last_price: float
    grid: NDArray[np.float32]


def exceedance(made: SeriesForecast, cutoff: date) -> Exceedance:
    """From the joint paths of a forecast made at a cutoff. The nowcast is left out, as in a crossing."""
    ratios = np.log(made.paths[:, made.lag :].T / np.float32(made.last_price))
    each = np.stack([ratios, np.maximum.accumulate(ratios), np.minimum.accumulate(ratios)])
    # the smallest draw that has at least that share at or below it
    places = np.ceil(np.array(SHARES) * each.shape[2]).astype(np.intp) - 1
    return Exceedance(
        unique_id=made.key.unique_id,
        cutoff=cutoff,
        origin=made.origin,
        last_price=made.last_price,
        grid=np.sort(each, axis=2)[:, :, np.maximum(places, 0)],
    )


def chance(grid: NDArray[np.float32], log_ratio: float, steps: int, *, above: bool, within: bool) -> float:
    """Forecast chance of a price beyond a level, from one grid of `exceedance`.

    log_ratio: of the level to the last price known at the cutoff. within: in some step up to number `steps`
    (from 1); otherwise in that step. Linear between the shares kept.
    """
    which = (HIGHEST if above else LOWEST) if within else VALUE
    below = float(np.interp(log_ratio, grid[which, steps - 1], SHARES, left=0.0, right=1.0))
    return 1.0 - below if above else below


def value(grid: NDArray[np.float32], share: float, step: int) -> float:
    """Log ratio of a quantile of the price at a step (from 1) to the last price known."""
    return float(np.interp(share, SHARES, grid[VALUE, step - 1].astype(np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How chances did against what came. value: 1 - brier / reference, at most 1, None where reference is
    perfect; reference: Brier score of the frequency at the other cutoffs; hits: outcomes that came true.
    """

    value: float | None
    brier: float
    reference: float
    hits: int
    n: int


def skill(chances: Array, came: NDArray[np.bool_]) -> Skill:
    """Brier skill (Brier 1950) of chances (n,), n from 2, against the climatological frequency, that of all
    outcomes but the one it is scored on."""
    true = came.astype(np.float64)
    others = (true.sum() - true) / (len(true) - 1)
    brier, reference = float(np.mean((chances - true) ** 2)), float(np.mean((others - true) ** 2))
    return Skill(
        value=1.0 - brier / reference if reference > 0 else None,
        brier=brier,
        reference=reference,
        hits=int(came.sum()),
        n=len(came),
    )
