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
from data.store.tables.deliveries import attempt, delivery, delivery_alert, endpoint
from data.store.tables.sources import fx_day, quarantine, source, source_result, source_state

__all__ = [
    "api_key",
    "attempt",
    "backtest_score",
    "delivery",
    "delivery_alert",
    "endpoint",
    "event",
    "event_change",
    "event_version",
    "forecast",
    "fx_day",
    "fx_path",
    "fx_rate",
    "metadata",
    "quarantine",
    "quote",
    "run",
    "run_fact",
    "series",
    "source",
    "source_result",
    "source_state",
]
