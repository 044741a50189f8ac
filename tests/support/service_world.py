"""Two made-up series, one event and one stored forecast: a small world for tests of the service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import httpx2
import numpy as np
import pandas as pd
from cryptography.fernet import Fernet
from sqlalchemy import Connection

from data.store import backtests, facts, forecasts, fx, prices, runs
from data.store import events as event_store
from data.store.forecasts import IssuedForecast
from data.store.migrate import migrate
from data.types import FxRate, Quote, Series
from forecast.distribution.mixture import mix
from forecast.distribution.paths import reorder
from forecast.distribution.shocks import shared_levels, shifts
from forecast.events.answers import SeriesEffects
from forecast.events.course import courses
from forecast.events.effects import effects_from, fit_effects
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.events.home import series_effects
from forecast.events.outside import outside_effects
from forecast.events.reading import PREMIUM
from forecast.models.premium import PremiumInput, fit_premium
from forecast.models.premium_sensitivity import premium_parts
from forecast.periods import to_books
from forecast.types import (
    QUANTILES,
    CalibrationReport,
    EventPart,
    EventUse,
    OpenEvent,
    PriceHistory,
    SeriesForecast,
    SeriesKey,
)
from service import standing
from service.context import Context
from service.effect_facts import fact
from service.results import plain

TODAY = date(2026, 11, 24)
RECORDED = datetime(2026, 11, 20, 9, tzinfo=UTC)
ISSUED = datetime(2026, 11, 21, 9, tzinfo=UTC)
MONTHS = 60
LAG, HORIZON, DRAWS = 4, 6, 400
BASE, OUTSIDE = "nd-test-cn", "nd-test-eu"
SECRET_KEY = Fernet.generate_key().decode()


@dataclass(frozen=True)
class Server:
    """A running service: where, a writing key, a client that only reads, and the context behind it."""

    url: str
    context: Context
    key: str
    client: httpx2.Client

    @property
    def writer(self) -> dict[str, str]:
        """Headers with the writing key."""
        return {"Authorization": f"Bearer {self.key}"}


def month(index: int) -> date:
    """First day of the month `index` months after August 2021."""
    year, rest = divmod(2021 * 12 + 7 + index, 12)
    return date(year, rest + 1, 1)


def catalogue() -> tuple[Series, Series]:
    """A Chinese series in CNY with VAT, and one in Europe in USD without."""
    shared = {"element": "Nd", "form": "oxide", "purity": "99.5 %", "unit": "kg", "provenance": "made up"}
    return (
        Series(series_id=BASE, market="cn", currency="CNY", tax_basis="incl-vat", frequency="monthly-mean",
               title="Made-up Nd oxide, China", **shared),
        Series(series_id=OUTSIDE, market="eu", currency="USD", tax_basis="ex-vat", frequency="dated",
               title="Made-up Nd oxide, Europe", base_series=BASE, **shared),
    )  # fmt: skip


def quotes() -> list[Quote]:
    """60 monthly means to July 2026 for China, twelve dated points for Europe."""
    walk = np.random.default_rng(1).normal(0, 0.04, MONTHS).cumsum()
    china = [
        Quote(series_id=BASE, ds=month(i), value=round(float(500 * np.exp(step)), 2),
              available_on=month(i + 1), recorded_at=RECORDED, source="made up", kind="monthly-mean")
        for i, step in enumerate(walk)
    ]  # fmt: skip
    europe = [
        Quote(series_id=OUTSIDE, ds=month(i).replace(day=12), value=round(float(75 * np.exp(walk[i])), 2),
              available_on=month(i).replace(day=13), recorded_at=RECORDED, source="made up", kind="point")
        for i in range(MONTHS - 24, MONTHS, 2)
    ]  # fmt: skip
    return china + europe


def rates() -> list[FxRate]:
    """Rates to June 2026."""
    walk = np.random.default_rng(2).normal(0, 0.01, (MONTHS - 1, 2)).cumsum(axis=0)
    return [
        FxRate(month=month(i), currency=name, per_usd=round(float(start * np.exp(walk[i, k])), 4),
               available_on=month(i + 1), recorded_at=RECORDED, source="made up")
        for i in range(MONTHS - 1)
        for k, (name, start) in enumerate((("CNY", 6.9), ("EUR", 0.9)))
    ]  # fmt: skip


def licence() -> Event:
    """A licence announced and in force in 2025, suspended until a day ahead."""
    return Event(
        event_id="CN-TEST-LICENCE",
        title="Made-up licence",
        instrument="licence",
        direction="tighten",
        jurisdiction="CN",
        elements={"Nd": Coverage.COVERED},
        market_side=MarketSide.EX_CHINA,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=date(2025, 4, 4), known_on=date(2025, 4, 4)),
            EventChange(stage=Stage.EFFECTIVE, on=date(2025, 4, 4), known_on=date(2025, 4, 4)),
            EventChange(stage=Stage.SUSPENDED, on=date(2025, 11, 10), known_on=date(2025, 11, 7)),
        ),
    )


def forecast(
    series_id: str, run_id: int, *, issued_at: datetime = ISSUED, level: float = 500.0
) -> IssuedForecast:
    """A forecast whose numbers are easy to check: log-normal, standard deviation 0.05 times root step."""
    steps = LAG + HORIZON
    normal = np.random.default_rng(3).normal(size=(DRAWS, steps)).cumsum(axis=1) * 0.05
    paths = level * np.exp(normal)
    return IssuedForecast(
        series_id=series_id,
        run_id=run_id,
        issued_at=issued_at,
        known_at=issued_at.date(),
        origin=month(MONTHS - 1),
        lag=LAG,
        periods=[month(MONTHS + k) for k in range(steps)],
        quantiles=QUANTILES,
        values=np.quantile(paths, QUANTILES, axis=0).T,
        mean=paths.mean(axis=0),
        paths=paths.astype(np.float32),
        header={
            "champion": "rw",
            "promotion_reason": "made up",
            "weights": {"rw": [1.0] * steps},
            "reports": [
                {"model": "ets", "status": "left-out", "why": "made up", "parameters": {}, "seconds": 0.1}
            ],
            "calibration": {"kind": "own", "n_errors": 40, "volatility": 0.05, "note": ""},
            "events": [
                {
                    "event_id": "CN-TEST-LICENCE",
                    "title": "Made-up licence",
                    "event_type": "export-barrier",
                    "state": "pending",
                    "probability": 0.5,
                    "effect_mean": 0.1,
                    "effect_low": -0.1,
                    "effect_high": 0.3,
                    "events_behind": 2,
                    "joint_with": [],
                }
            ],
            "caveats": ["A made-up caveat."],
            "details": {},
            "last_price": level,
        },
    )


@cache
def premium() -> dict[str, Any]:
    """What a run would say of the premium of the series in Europe, two sources taking turns."""
    found = [(q.series_id, pd.Timestamp(q.ds), q.value) for q in quotes()]
    rows = pd.DataFrame(found, columns=["unique_id", "ds", "y"])
    europe = rows[rows["unique_id"] == OUTSIDE].assign(currency="USD")
    base = to_books(rows[rows["unique_id"] == BASE], "MS")[0].at(None)
    assert base is not None
    fx = pd.DataFrame([(pd.Timestamp(r.month), r.currency, r.per_usd) for r in rates()],
                      columns=["month", "currency", "per_usd"])  # fmt: skip
    inp = PremiumInput(
        points=europe.assign(source=["Argus", "Argus", "SMM"] * 4),
        base=base,
        element="Nd",
        market="eu",
        events=(licence(),),
        known_at=ISSUED.date(),
        fx=fx.pivot(index="month", columns="currency", values="per_usd").reset_index(),
    )
    return dict(plain(premium_parts(fit_premium(inp))))


@cache
def effects(series_id: str) -> SeriesEffects:
    """What a run would find of the licence: a step of the premium in Europe, a spill-over in China."""
    day, europe = ISSUED.date(), [(q.ds, q.value) for q in quotes() if q.series_id == OUTSIDE]
    china = PriceHistory(
        key=SeriesKey(unique_id=BASE, element="Nd", market="cn"),
        periods=pd.period_range(month(0), periods=MONTHS, freq="M"),
        y=np.array([q.value for q in quotes() if q.series_id == BASE]),
    )
    home = series_effects(fit_effects([china], [licence()], day), china)
    if series_id == BASE:
        return home
    use = EventUse(event_id="CN-TEST-LICENCE", title="", event_type="export-barrier", state="past",
                   probability=1.0, effect_mean=0.5, effect_low=0.2, effect_high=0.8,
                   events_behind=1)  # fmt: skip
    key = SeriesKey(unique_id=OUTSIDE, element="Nd", market="eu", currency="USD")
    premiums = effects_from(None, [licence()], PREMIUM, day)
    return outside_effects(premiums, key, [use], [use.event_id], home, europe)


def expiry(probability: float) -> OpenEvent:
    """An event that may start on 10 January 2027 and would lift the price by about half."""
    return OpenEvent(
        event_id="CN-TEST-EXPIRY",
        title="Made-up expiry",
        event_type="export-barrier",
        state="pending",
        probability=probability,
        starts=((date(2027, 1, 10), 1.0),),
        shape="step",
        months=None,
        dof=4.0,
        limit=3.0,
        parts=(EventPart(mean=0.4, below=0.1, above=0.1, origin=pd.Period(month(MONTHS - 1), "M")),),
    )


def answerable(issued: IssuedForecast, probability: float) -> SeriesForecast:
    """The made-up forecast with the event mixed in: what a run hands over, as far as questions need it."""
    periods = pd.PeriodIndex([pd.Period(day, "M") for day in issued.periods])
    event = expiry(probability)
    base = np.log(issued.values)
    levels = shared_levels([event.event_id], DRAWS, 0)
    final = mix(base, courses([event], periods), [probability])
    added = np.log(issued.paths) + shifts(courses([event], periods), [probability], levels)
    paths = np.exp(reorder(added, final, QUANTILES)) if probability else issued.paths
    return SeriesForecast(
        key=SeriesKey(unique_id=issued.series_id, element="Nd"),
        origin=pd.Period(issued.origin, "M"),
        last_price=issued.header["last_price"],
        lag=issued.lag,
        periods=periods,
        quantiles=QUANTILES,
        values=np.exp(final) if probability else issued.values,
        mean=paths.mean(axis=0),
        paths=np.asarray(paths, dtype=np.float32),
        weights={"rw": np.ones(len(periods))},
        champion="rw",
        promotion_reason="made up",
        reports=(),
        calibration=CalibrationReport(kind="own", n_errors=40, volatility=0.05),
        base_quantiles=base,
        base_paths=np.log(issued.paths),
        open_events=(event,),
    )


def save_answerable(conn: Connection, run_id: int, made: list[SeriesForecast]) -> None:
    """Keep what questions start from."""
    for one in made:
        for kept in standing.facts_of(one, "rw"):
            facts.save(conn, run_id, kept)
    facts.save(conn, run_id, standing.shocks_of(made, 0))


def fill(context: Context, *, with_forecast: bool = True) -> None:
    """Put this world into an empty database."""
    migrate(context.engine)
    with context.engine.begin() as conn:
        for series in catalogue():
            prices.add_series(conn, series)
        prices.append(conn, quotes())
        fx.append(conn, rates())
        event_store.save(conn, licence(), RECORDED, "test")
        if not with_forecast:
            return
        run_id = runs.request(conn, requested_at=ISSUED, reason="made up")
        mine = runs.claim(conn, now=ISSUED, worker="test")
        assert mine is not None
        outside = forecast(OUTSIDE, run_id, level=75.0)
        header = {**outside.header, "details": {"premium_parts": premium()}}
        issued = [forecast(BASE, run_id), replace(outside, header=header)]
        for one in issued:
            forecasts.save(conn, one)
            facts.save(conn, run_id, fact(effects(one.series_id)))
        # an event that is not expected at all: the headline is that of the made-up forecast
        save_answerable(conn, run_id, [answerable(one, 0.0) for one in issued])
        steps = LAG + HORIZON
        flat = {"CNY": np.full((DRAWS, steps), 7.0), "EUR": np.full((DRAWS, steps), 0.9)}
        forecasts.save_fx_paths(conn, run_id, [month(MONTHS + k) for k in range(steps)], flat)
        columns = ["series_id", "model", "step", "metric", "value", "low", "high", "n"]
        scores = [
            (BASE, "champion", None, "pinball", 5.5, 5.0, 6.0, 20),
            (BASE, "rw", 1, "pinball", 4.5, None, None, 10),
        ]
        backtests.save(conn, run_id, pd.DataFrame(scores, columns=columns))
        runs.finish(conn, mine, finished_at=ISSUED, summary={"forecasts": 2, "seconds": 1.0})
