"""The peers: who they are, how each is run, and the one that is not in the bench, the median of four.

All but the base forecast log prices. The four automatic models of statsforecast look for no season: on
`dev_m` one of twelve months moves AutoTheta from 0.986 to 0.982 and makes AutoARIMA five times as slow.
Prophet is as it ships.
"""

from __future__ import annotations

import json

import numpy as np

from tests.benchmarks import bench

BASE = "rw_sf"
BAR = "rw_log"
MEDIAN = "sf_median4"
#: The members of the median, by the name the bench gives them.
FOUR = ("sf_arima_log", "sf_ets_log", "sf_theta_log", "sf_ces_log")
NAMES = {
    BASE: "statsforecast Naive, own intervals (the base)",
    BAR: "random walk in logs, Gaussian (the bar)",
    "rw_conf": "random walk in logs, own empirical quantiles",
    "sm_sarimax011_log": "ARIMA(0,1,1), statsmodels",
    "sf_arima_log": "AutoARIMA, statsforecast",
    "sf_ets_log": "AutoETS, statsforecast",
    "sf_theta_log": "AutoTheta, statsforecast",
    "sf_ces_log": "AutoCES, statsforecast",
    MEDIAN: "median of the four, by quantile",
    "prophet_log": "Prophet as shipped",
}


def run_peers(panel: str) -> None:
    """Every peer whose result is not kept yet, those of statsforecast in their own environment."""
    for name in NAMES:
        if name == MEDIAN or bench.stored(panel, name).exists():
            continue
        elsewhere = name == BASE or name.startswith("sf_")
        options = {"python": bench.peer_python()} if elsewhere else {}
        bench.run(panel, "--methods", name, **options)
        if not bench.stored(panel, name).exists():
            raise RuntimeError(f"{panel}: {name} gave no result; what it said stands above")
    store_median(panel)


def store_median(panel: str) -> None:
    """The median of the four, kept as if it had been a forecaster: its time is theirs together."""
    kept = []
    for name in FOUR:
        with np.load(bench.stored(panel, name), allow_pickle=False) as found:
            kept.append({part: found[part] for part in ("uid", "cut", "q", "mean")})
    first = kept[0]
    same = all((part[key] == first[key]).all() for part in kept for key in ("uid", "cut"))
    if not same:
        raise RuntimeError(f"{panel}: the four did not forecast the same series; delete their results")
    measured = [bench.info(panel, name) for name in FOUR]
    together = {key: sum(one[key] for one in measured) for key in ("wall", "cpu")}
    np.savez_compressed(
        bench.stored(panel, MEDIAN),
        uid=first["uid"],
        cut=first["cut"],
        q=median_of([part["q"] for part in kept]),
        mean=np.median([part["mean"] for part in kept], axis=0),
        info=json.dumps({**measured[0], **together, "method": MEDIAN}),
    )


def median_of(fans: list[np.ndarray]) -> np.ndarray:
    """The median over forecasters at each quantile, (k, steps, quantiles); in order stays in order."""
    return np.median(fans, axis=0)
