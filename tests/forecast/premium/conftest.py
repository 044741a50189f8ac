"""Builders of small inputs: a flat Chinese price, a flat exchange rate, quotes at chosen log premiums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.models.premium import PremiumInput
from forecast.types import PriceHistory, SeriesKey
from forecast.vat import china_vat

CHINA = 1130.0  # CNY/kg incl. 13 % VAT, so 1000 without
CNY_PER_USD = 7.0


@pytest.fixture
def base() -> PriceHistory:
    """Dy in China, 1130 CNY/kg every month of 2023-01 to 2026-02."""
    periods = pd.period_range("2023-01", "2026-02", freq="M")
    key = SeriesKey(unique_id="dy-oxide-cn", element="Dy", market="cn", currency="CNY")
    return PriceHistory(key=key, periods=periods, y=np.full(len(periods), CHINA))


@pytest.fixture
def fx() -> pd.DataFrame:
    """7 CNY and 0.9 EUR per USD in every month of 2015-01 to 2026-06, with small known wiggles."""
    months = pd.date_range("2015-01-01", "2026-06-01", freq="MS")
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "month": months,
            "CNY": CNY_PER_USD * np.exp(0.01 * rng.standard_normal(len(months))),
            "EUR": 0.9 * np.exp(0.02 * rng.standard_normal(len(months))),
        }
    )


@pytest.fixture
def licence() -> Event:
    """Shaped like Announcement 18 of 2025: covers Dy and Tb, Nd only in sympathy."""
    day = date(2025, 4, 4)
    return Event(
        event_id="LICENCE",
        title="licence for Dy and Tb",
        instrument="licence",
        direction="tighten",
        jurisdiction="China",
        elements={"Dy": Coverage.COVERED, "Tb": Coverage.COVERED, "Nd": Coverage.SYMPATHY},
        market_side=MarketSide.BOTH,
        changes=tuple(EventChange(stage=s, on=day, known_on=day) for s in (Stage.ANNOUNCED, Stage.EFFECTIVE)),
    )


Builder = Callable[..., PremiumInput]


@pytest.fixture
def build(base: PriceHistory, licence: Event) -> Builder:
    """build(days, log_premiums, ...): quotes in CNY at exactly these log premiums over `base`."""

    def make(
        days: Sequence[str],
        premiums: Sequence[float],
        *,
        sources: Sequence[str] | None = None,
        element: str = "Dy",
        events: tuple[Event, ...] = (licence,),
        known_at: date = date(2026, 11, 24),
        over: PriceHistory = base,
    ) -> PremiumInput:
        stamps = [pd.Timestamp(d) for d in days]
        china = [
            over.y[over.periods.get_loc(pd.Period(s, freq="M"))] / (1 + china_vat(s.date())) for s in stamps
        ]
        points = pd.DataFrame({"ds": stamps, "y": np.array(china) * np.exp(premiums), "currency": "CNY"})
        if sources is not None:
            points["source"] = list(sources)
        return PremiumInput(
            points=points, base=over, element=element, market="eu", events=events, known_at=known_at
        )

    return make
