"""Our forecaster as the bench calls it: f(train, h, quantiles) -> frame, once per cutoff with all series."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from forecast.pipeline import forecast_panel


def forecast(train: pd.DataFrame, h: int, quantiles: Sequence[float]) -> pd.DataFrame:
    """The served pipeline on prices alone: no events, no element, no market."""
    freq = os.environ["BENCH_FREQ"]
    return forecast_panel(train, horizon=h, freq=freq, quantiles=tuple(quantiles), seed=0)
