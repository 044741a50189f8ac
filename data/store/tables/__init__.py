"""Every table. The migrations make them; a test compares the two on both databases."""

from __future__ import annotations

from data.store.tables.base import metadata
from data.store.tables.core import (
    api_key,
    backtest_score,
    event,
    event_change,
    event_version,
    forecast,
    fx_path,
    fx_rate,
    quote,
    run,
    run_fact,
    series,
)
from data.store.tables.record import forecast_score, model_health, promotion

__all__ = [
    "api_key",
    "backtest_score",
    "event",
    "event_change",
    "event_version",
    "forecast",
    "forecast_score",
    "fx_path",
    "fx_rate",
    "metadata",
    "model_health",
    "promotion",
    "quote",
    "run",
    "run_fact",
    "series",
]
