"""How should paths hang together? Three ways of ranking them, scored on questions that only paths answer.

    python -m tests.benchmarks.joint_paths

On dev_m (beside the checkout, in ../shared): 24 commodities, 16 cutoffs, random-walk paths with the ranges
that the service would give them. Pinball of the mean, highest and lowest price within 12 months and of
baskets of four, relative to a correlated normal walk; below 1 is better. Everything is read up to its cutoff.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from forecast.distribution.calibration import WARM_UP, calibrate
from forecast.distribution.paths import past_scores, reorder, shock_correlation, walk_scores
from forecast.distribution.volatility import SMALLEST, volatility
from forecast.types import QUANTILES, SCORED_QUANTILES, Array
from tests.benchmarks.bench import BENCH

MONTHS, STEPS, SERIES, DRAWS, CUTOFFS = 300, 12, 24, 600, 16
LEVELS = np.array(SCORED_QUANTILES)
QUESTIONS: dict[str, Callable[[Array, int], Array]] = {
    "mean of the months": lambda logs, axis: np.exp(logs).mean(axis=axis),
    "highest month": lambda logs, axis: logs.max(axis=axis),
    "lowest month": lambda logs, axis: logs.min(axis=axis),
}


def whole_errors(scores: Array, cutoff: int, rng: np.random.Generator) -> Array:
    """Ranks by whole past 12-step error vectors (series, periods, steps), ties broken by a small walk."""
    seen = np.isfinite(scores[:, : cutoff - STEPS]).all(axis=(0, 2))
    chosen = rng.choice(np.flatnonzero(seen), DRAWS)
    signs = rng.choice([-1.0, 1.0], DRAWS)[:, None, None]
    noise = np.cumsum(rng.standard_normal((DRAWS, STEPS, len(scores))), axis=1)
    return np.asarray(np.moveaxis(scores[:, chosen], 0, 2) * signs + 0.15 * noise)


def pinball(draws: Array, outcome: Array) -> Array:
    """Mean over LEVELS for draws (draws, n) and outcomes (n,)."""
    error = outcome - np.quantile(draws, LEVELS, axis=0)
    return np.asarray(np.maximum(LEVELS[:, None] * error, (LEVELS[:, None] - 1) * error).mean(axis=0))


def main() -> None:
    """Score, print."""
    path = BENCH.parent / "data" / "bench" / "dev_monthly.csv"
    if not path.exists():
        print("skipped: ../shared/data/bench/dev_monthly.csv is not there")
        return
    wide = pd.read_csv(path, parse_dates=["ds"]).pivot_table(index="ds", columns="unique_id", values="y")
    wide = wide.iloc[-MONTHS:]
    logs = np.log(wide.loc[:, wide.notna().mean() > 0.8].iloc[:, :SERIES].to_numpy().T)
    count, length = logs.shape
    sd = np.array([volatility(row) for row in logs])
    errors = np.full((count, length, STEPS), np.nan)
    for k in range(STEPS):
        errors[:, : length - k - 1, k] = logs[:, k + 1 :] - logs[:, : length - k - 1]
    errors[:, :WARM_UP] = np.nan
    calibration = calibrate(errors, np.where(np.isfinite(sd), sd, SMALLEST)[:, :, None], 12)
    scores = errors / calibration.scale
    baskets = [np.random.default_rng(n).choice(count, 4, replace=False) for n in range(20)]
    found: dict[tuple[str, str], list[float]] = {}
    for cutoff in np.linspace(140, length - STEPS - 1, CUTOFFS).astype(int):
        known = scores[:, : cutoff - 1, 0]
        rng = np.random.default_rng(cutoff)
        walks = {
            "normal walk": np.cumsum(walk_scores(DRAWS, STEPS, count, shock_correlation(known), rng), axis=1),
            "runs of errors": np.cumsum(past_scores(DRAWS, STEPS, known, rng), axis=1),
            "whole error vectors": whole_errors(scores, int(cutoff), rng),
        }
        scale = calibration.scale[:, cutoff, 0]
        shape = calibration.shape(int(cutoff), QUANTILES)
        later = logs[:, cutoff + 1 : cutoff + STEPS + 1].T
        whole = np.isfinite(later).all(axis=0) & np.isfinite(logs[:, cutoff])
        for name, ranks in walks.items():
            paths = np.stack(
                [reorder(ranks[:, :, u], scale[u] * shape, QUANTILES) for u in range(count)], axis=2
            )
            moved = later - logs[:, cutoff]
            for question, of in QUESTIONS.items():
                loss = pinball(of(paths, 1)[:, whole], of(moved, 0)[whole]) / scale[whole]
                found.setdefault((question, name), []).append(float(loss.mean()))
            for step in (6, 12):
                pairs = [
                    (np.exp(paths[:, step - 1, b]).mean(axis=1), np.exp(moved[step - 1, b]).mean())
                    for b in baskets
                    if whole[b].all()
                ]
                loss = pinball(np.array([p for p, _ in pairs]).T, np.array([y for _, y in pairs]))
                found.setdefault((f"basket, month {step}", name), []).append(float(loss.mean()))
    table = pd.Series({key: np.mean(values) for key, values in found.items()}).unstack()
    print(f"{count} series, {CUTOFFS} cutoffs; pinball relative to the normal walk")
    print(table.div(table["normal walk"], axis=0).round(4).to_string())


if __name__ == "__main__":
    main()
