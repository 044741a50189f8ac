"""Make the numbers of forecast/distribution/prior_shape.py from two public commodity panels.

    python tests/reference/make_prior_shape.py ../shared/data/bench

Monthly: World Bank commodity prices to 2007-02; weekly: commodity futures to 2013-02. Both end before
the first cutoff of any panel that is scored, so no scored forecast has seen them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.distribution.calibration import WARM_UP
from forecast.distribution.volatility import volatility
from forecast.types import Array

LEVELS = np.round(np.arange(0.025, 1.0, 0.05), 3)
SOURCES = {
    "MONTHLY": ("dev_monthly.csv", "2007-02-28", (1, 3, 6, 12, 24)),
    "WEEKLY": ("dev_weekly.csv", "2013-02-28", (1, 4, 13, 26, 52)),
}


def scores(frame: pd.DataFrame, step: int) -> Array:
    """|log change over `step`| / (volatility at its start * sqrt(step)), pooled over series."""
    found = []
    for _, rows in frame.groupby("unique_id"):
        y = np.log(rows["y"].to_numpy(float))
        z = np.abs(y[step:] - y[:-step]) / (volatility(y)[:-step] * np.sqrt(step))
        found.append(z[WARM_UP:] / 1.0)
    return np.concatenate(found)


def main(folder: Path) -> None:
    for name, (file, last, steps) in SOURCES.items():
        frame = pd.read_csv(folder / file, parse_dates=["ds"])
        frame = frame[(frame["ds"] <= last) & (frame["y"] > 0)]
        for step in steps:
            print(name, step, [float(round(v, 2)) for v in np.quantile(scores(frame, step), LEVELS)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
