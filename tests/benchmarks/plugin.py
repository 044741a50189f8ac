"""Our forecasters as the bench calls them: f(train, h, quantiles) -> frame, a cutoff's series at once."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from data.reference.load import read_events
from forecast.pipeline import forecast_panel


def forecast(train: pd.DataFrame, h: int, quantiles: Sequence[float]) -> pd.DataFrame:
    """The served pipeline on prices alone: no events, no element, no market."""
    freq = os.environ["BENCH_FREQ"]
    return forecast_panel(train, horizon=h, freq=freq, quantiles=tuple(quantiles), seed=0)


def forecast_with_events(train: pd.DataFrame, h: int, quantiles: Sequence[float]) -> pd.DataFrame:
    """The same with the reference events of the Chinese market, for rare earths named as dy-oxide-cn."""
    element = train["unique_id"].str[:2].str.title()
    return forecast_panel(
        train.assign(element=element, market="cn"),
        horizon=h,
        freq=os.environ["BENCH_FREQ"],
        quantiles=tuple(quantiles),
        events=read_events(),
        seed=0,
    )
