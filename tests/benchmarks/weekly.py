"""The worst half year of the 80 % range, four weeks ahead, on weekly neodymium.

    python -m tests.benchmarks.weekly

The served pipeline issues a forecast at every week of the later half of the series, each from what was known
then (all three rare earths, prices alone). Beside it stand two usual ways of making a range around a random
walk in logs, both calibrated once on the earlier half: static split conformal, and the same on errors by an
exponentially weighted volatility. What is shown is the share of outcomes inside over 26 consecutive weeks,
at its lowest: a range that is right on average can still fail when it is needed.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from forecast.pipeline import CHAMPION, backtest_panel
from service.pool import fitting_pool
from tests.benchmarks import bench

SERIES = "nd-oxide-cn"
AHEAD, WINDOW = 4, 26
LEVEL, DECAY = 0.8, 0.94


def walk_forward(history: pd.DataFrame, cutoffs: pd.DatetimeIndex) -> pd.Series:
    """1.0 where the price four weeks after a cutoff fell inside the range served then. Index: cutoffs."""
    with fitting_pool(0) as executor:
        rows = backtest_panel(
            history,
            horizon=AHEAD,
            freq="W-FRI",
            cutoffs=[day.date() for day in cutoffs],
            quantiles=(0.1, 0.5, 0.9),
            executor=executor,
        )
    own = rows[(rows["unique_id"] == SERIES) & (rows["model"] == CHAMPION)]
    fan = own.sort_values("ds").groupby("cutoff").nth(AHEAD - 1).set_index("cutoff")
    came = history[history["unique_id"] == SERIES].set_index("ds")["y"].reindex(fan["ds"]).to_numpy()
    held = (fan["q0.1"].to_numpy() <= came) & (came <= fan["q0.9"].to_numpy())
    return pd.Series(held.astype(float), index=fan.index)


def split_conformal(y: pd.Series, half: int, scaled: bool) -> pd.Series:
    """1.0 where |log change over four weeks| is at most its 80 % quantile over origins whose outcome was
    known at position `half`; `scaled` by the volatility at the origin. Index: the origins from `half` on."""
    logs = np.log(y.to_numpy(float))
    error = np.abs(logs[AHEAD:] - logs[:-AHEAD])
    scale = volatility(np.diff(logs, prepend=logs[0]))[:-AHEAD] if scaled else np.ones(len(error))
    score = error / scale
    first = WINDOW  # before that the volatility is hardly one
    bound = np.quantile(score[first : half - AHEAD + 1], LEVEL)
    return pd.Series((score <= bound).astype(float), index=y.index[:-AHEAD]).iloc[half:]


def volatility(changes: np.ndarray) -> np.ndarray:
    """Exponentially weighted root mean square of one-step changes, known at each step."""
    squared = pd.Series(changes**2).ewm(alpha=1 - DECAY).mean()
    return np.sqrt(np.maximum(squared.to_numpy(), 1e-12))


def worst(hits: pd.Series) -> tuple[float, pd.Timestamp]:
    """Lowest share over 26 consecutive origins, and the last of them."""
    rolling = hits.rolling(WINDOW).mean()
    return float(rolling.min()), rolling.idxmin()


def main() -> int:
    if not bench.is_there():
        print("The worst weeks were left out: the folder ../shared/bench is not beside this checkout.")
        return 0
    history = bench.described("ree_w")["df"]
    y = history[history["unique_id"] == SERIES].set_index("ds")["y"]
    half = len(y) // 2
    cutoffs = pd.DatetimeIndex(y.index[half:-AHEAD])
    rows = {
        "static split conformal": split_conformal(y, half, scaled=False),
        "split conformal by volatility": split_conformal(y, half, scaled=True),
        "Ytterby as served": walk_forward(history, cutoffs),
    }
    span = f"{cutoffs[0]:%Y-%m-%d} to {cutoffs[-1]:%Y-%m-%d}"
    print(f"80 % range of {SERIES}, {AHEAD} weeks ahead, at {len(cutoffs)} weekly origins from {span}:")
    for name, hits in rows.items():
        low, end = worst(hits)
        print(f"{name:<32} all {hits.mean():.3f}   worst {WINDOW} weeks {low:.2f} (to {end:%Y-%m-%d})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
