"""A migrated database, and made-up rows to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from data.store.engine import make_engine
from data.store.migrate import migrate
from data.types import Series
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage

NOW = datetime(2026, 11, 24, 9, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The instant at which tests happen."""
    return NOW


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database, SQLite and PostgreSQL in turn."""
    made = make_engine(database_url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def nd_series() -> Series:
    """A catalogue entry."""
    return Series(
        series_id="nd-oxide-cn",
        element="Nd",
        form="oxide",
        purity="99.5 %",
        market="cn",
        currency="CNY",
        unit="kg",
        tax_basis="incl-vat",
        frequency="monthly-mean",
        title="Neodymium oxide, China",
        provenance="made for a test",
        base_series=None,
        licence_note="none",
    )


@pytest.fixture
def licence_event() -> Event:
    """An export licence step, announced and in force on one day, suspended later."""
    return Event(
        event_id="2025-04-licence",
        title="Export licences",
        instrument="export-licensing",
        direction="tighten",
        jurisdiction="CN",
        elements={"Dy": Coverage.COVERED, "Nd": Coverage.SYMPATHY},
        market_side=MarketSide.EX_CHINA,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=date(2025, 4, 4), known_on=date(2025, 4, 4)),
            EventChange(stage=Stage.EFFECTIVE, on=date(2025, 4, 4), known_on=date(2025, 4, 4)),
            EventChange(
                stage=Stage.SUSPENDED,
                on=date(2025, 11, 10),
                known_on=date(2025, 11, 1),
                probability=0.75,
                note="for a year",
            ),
        ),
        forms=("oxide", "metal"),
        sources=({"url": "https://example.org/a", "archived": None},),
        confidence="high",
        description={"reason": "made up", "seen": ["a", "b"]},
    )
