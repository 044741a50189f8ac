"""A real server on a real socket, over a database with two made-up series, on both databases."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import httpx2
import numpy as np
import pytest
import uvicorn

from data.store import events as event_store
from data.store import forecasts as forecast_store
from data.store import fx as fx_store
from data.store import prices, runs
from data.store.forecasts import IssuedForecast
from data.store.migrate import migrate
from data.types import Quote, Series
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.types import QUANTILES
from service import auth
from service.app import create_app
from service.context import Context, open_context
from service.settings import Settings

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MONTHS = 60


def make_series(series_id: str, *, currency: str = "CNY", tax: str = "incl-vat", element: str = "Nd") -> Series:
    """A catalogue entry of a made-up series."""
    return Series(
        series_id=series_id,
        element=element,
        form="oxide",
        purity="99.5 %",
        market="cn" if currency == "CNY" else "eu",
        currency=currency,
        unit="kg",
        tax_basis=tax,
        frequency="monthly-mean",
        title=f"Made-up {series_id}",
        provenance="made for a test",
        base_series=None,
        licence_note="none",
    )


def month(index: int) -> date:
    """First day of the month `index` months after 2021-07."""
    year, rest = divmod(2021 * 12 + 6 + index, 12)
    return date(year, rest + 1, 1)


def make_quotes(series_id: str, *, start: float, seed: int) -> list[Quote]:
    """MONTHS monthly means to 2026-06, a random walk."""
    steps = np.random.default_rng(seed).normal(0, 0.05, MONTHS).cumsum()
    return [
        Quote(
            series_id=series_id,
            ds=month(i),
            value=round(float(start * np.exp(step)), 2),
            low=None,
            high=None,
            available_on=month(i + 1),
            recorded_at=NOW,
            source="made-up",
            kind="monthly-mean",
            n_quotes=None,
            note=None,
        )
        for i, step in enumerate(steps)
    ]
