"""Time statsforecast's four automatic models on a long frame. Runs in `.venv-bench`, by its path.

    training_peer.py FRAME.csv STEPS PROCESSES

Prints one JSON object a run: without a season first (with whatever is loaded or compiled on the way), the
same again warm, then with a season of twelve months.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import AutoARIMA, AutoCES, AutoETS, AutoTheta, Naive


def seconds(frame: pd.DataFrame, steps: int, processes: int, season: int) -> float:
    """Wall seconds of fitting the four on every series and forecasting with 80 and 95 % intervals."""
    models = [model(season_length=season) for model in (AutoARIMA, AutoETS, AutoTheta, AutoCES)]
    started = time.perf_counter()
    runner = StatsForecast(models=models, freq="MS", n_jobs=processes, fallback_model=Naive())
    runner.forecast(df=frame, h=steps, level=[80, 95])
    return time.perf_counter() - started


def main(path: str, steps: int, processes: int) -> None:
    warnings.filterwarnings("ignore")
    frame = pd.read_csv(path, parse_dates=["ds"])
    fits = frame["unique_id"].nunique()
    for what, season in (("no season, first run", 1), ("no season, warm", 1), ("season of 12, warm", 12)):
        spent = seconds(frame, steps, processes, season)
        print(json.dumps({"what": what, "fits": fits, "seconds": spent}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
