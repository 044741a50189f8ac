"""Every table. The migrations make them; a test compares the two on both databases."""

from __future__ import annotations

from data.store.tables.alerts import alert, alert_day, alert_rule, alert_signal, alert_transition, silence
from data.store.tables.api import idempotency_key
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
from data.store.tables.jobs import job, job_slot, job_wanted, lease
from data.store.tables.record import forecast_score, model_health, promotion
from data.store.tables.sources import fx_day, quarantine, source, source_result, source_state

__all__ = [
    "alert",
    "alert_day",
    "alert_rule",
    "alert_signal",
    "alert_transition",
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
    "forecast_score",
    "fx_day",
    "fx_path",
    "fx_rate",
    "idempotency_key",
    "job",
    "job_slot",
    "job_wanted",
    "lease",
    "metadata",
    "model_health",
    "promotion",
    "quarantine",
    "quote",
    "run",
    "run_fact",
    "series",
    "silence",
    "source",
    "source_result",
    "source_state",
]
