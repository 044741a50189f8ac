"""Three real training runs, and what became known between them: a world for changes of forecast.

Between the first two a month passes: Dy gets a new month, Nd a correction of its last one, Dy in Europe a
new quote, and a ban on Tb becomes likelier. Before the third, on the day of the second, Nd in Europe gets its
first quotes. The quotes of Tb are demonstration data.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
from sqlalchemy import insert, select

from data.reference.files import MARK
from data.store import events as event_store
from data.store import fx, prices
from data.store.engine import make_engine
from data.store.migrate import migrate
from data.store.tables import api_key, metadata
from data.types import FxRate, Quote, Series
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from service import events, fitting, ingest
from service.cache import Cache
from service.clock import Clock
from service.context import Context, open_context
from service.settings import Settings

OLD, NEW = date(2026, 9, 20), date(2026, 10, 20)
MONTHS = 50
CHINA = DY, ND, TB = "dy-two-cn", "nd-two-cn", "tb-two-cn"
OUTSIDE = DY_EU, TB_EU, LATER, BARE = "dy-two-eu", "tb-two-eu", "nd-two-eu", "dy-two-fob"
BAN = "CN-TWO-BAN"
DEARER, CORRECTED = 1.07, 0.95
RECORDED = datetime(2026, 9, 18, 8, tzinfo=UTC)


def month(index: int) -> date:
    """First day of the month `index` months after July 2022; the last is August 2026."""
    year, rest = divmod(2022 * 12 + 6 + index, 12)
    return date(year, rest + 1, 1)


def catalogue() -> list[Series]:
    """Three Chinese series, and four outside of which two have no quote at first."""
    shared = {"form": "oxide", "purity": "99.5 %", "unit": "kg", "provenance": "made up"}
    china = [
        Series(series_id=name, element=name[:2].title(), market="cn", currency="CNY", tax_basis="incl-vat",
               frequency="monthly-mean", title=f"Made-up {name[:2].title()} oxide, China", **shared)
        for name in CHINA
    ]  # fmt: skip
    outside = [
        Series(series_id=name, element=name[:2].title(), market=name[-3:].strip("-"), currency="USD",
               tax_basis="ex-vat", frequency="dated", title=f"Made-up {name}",
               base_series=f"{name[:2]}-two-cn", **shared)
        for name in OUTSIDE
    ]  # fmt: skip
    return china + outside


def level(series_id: str, index: int) -> float:
    """Price of a Chinese series in that month: a walk with momentum, the same for any length."""
    k = CHINA.index(series_id)
    e = np.random.default_rng(20 + k).standard_normal(MONTHS + 12) * 0.04
    walk = np.cumsum(e[1:] + 0.4 * e[:-1])
    return round(float(1000.0 * (k + 1) * np.exp(walk[index])), 2)


def quote(series_id: str, ds: date, value: float, *, point: bool = False) -> Quote:
    """A quote that was recorded before the first run."""
    after = month((ds.year - 2022) * 12 + ds.month - 7 + 1)
    return Quote(
        series_id=series_id,
        ds=ds,
        value=value,
        available_on=ds if point else after,
        recorded_at=RECORDED,
        source=(MARK if series_id == TB else "") + "made up",
        kind="point" if point else "monthly-mean",
    )


def quotes() -> list[Quote]:
    """Monthly means to August 2026, and four dated quotes of Dy and of Tb in Europe."""
    china = [quote(name, month(i), level(name, i)) for name in CHINA for i in range(MONTHS)]
    europe = [
        quote(name, month(i).replace(day=12), round(level(base, i) / 5, 2), point=True)
        for name, base in ((DY_EU, DY), (TB_EU, TB))
        for i in range(MONTHS - 16, MONTHS, 4)
    ]
    return china + europe


def rates(first: int, last: int, recorded_at: datetime) -> list[FxRate]:
    """Rates of these months."""
    walk = np.random.default_rng(2).normal(0, 0.01, (MONTHS + 12, 2)).cumsum(axis=0)
    return [
        FxRate(month=month(i), currency=name, per_usd=round(float(start * np.exp(walk[i, k])), 4),
               available_on=month(i + 1), recorded_at=recorded_at, source="made up")
        for i in range(first, last)
        for k, (name, start) in enumerate((("CNY", 6.9), ("EUR", 0.9)))
    ]  # fmt: skip


def ban() -> Event:
    """A ban on Tb, announced, with a day ahead and one chance in ten."""
    known = date(2026, 8, 3)
    return Event(
        event_id=BAN,
        title="Made-up ban",
        instrument="licence",
        direction="tighten",
        jurisdiction="CN",
        elements={"Tb": Coverage.COVERED},
        market_side=MarketSide.BOTH,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=known, known_on=known),
            EventChange(stage=Stage.EFFECTIVE, on=date(2026, 12, 1), known_on=known, probability=0.1),
        ),
    )


def three_runs(settings: Settings) -> Context:
    """Fill an empty database and train three times. The context is of the second day."""
    before = open_context(settings.model_copy(update={"today": OLD}))
    migrate(before.engine)
    with before.engine.begin() as conn:
        for series in catalogue():
            prices.add_series(conn, series)
        prices.append(conn, quotes())
        fx.append(conn, rates(0, MONTHS, RECORDED))
        event_store.save(conn, ban(), RECORDED, "test")
    train(before)
    after = replace(before, settings=settings.model_copy(update={"today": NEW}), clock=Clock.starting(NEW))
    a_month_passes(after)
    train(after)
    first = [
        {"unique_id": LATER, "ds": f"2026-0{m}-12", "y": 400.0 + m, "available_on": NEW.isoformat()}
        for m in (6, 7, 8, 9)
    ]
    take_in(after, first)
    train(after)
    return after


def a_month_passes(context: Context) -> None:
    """What becomes known between the runs, by the ways that people use."""
    rows = [
        {"unique_id": DY, "ds": month(MONTHS).isoformat(), "y": round(level(DY, MONTHS - 1) * DEARER, 2)},
        {
            "unique_id": ND,
            "ds": month(MONTHS - 1).isoformat(),
            "y": round(level(ND, MONTHS - 1) * CORRECTED, 2),
        },
        {"unique_id": DY_EU, "ds": "2026-10-05", "y": round(level(DY, MONTHS - 1) / 5 * DEARER * 1.2, 2)},
    ]
    take_in(context, rows)
    with context.engine.begin() as conn:
        fx.append(conn, rates(MONTHS, MONTHS + 1, context.clock.now()))
    likelier = {"stage": "effective", "on": "2026-12-01", "known_on": "2026-10-08", "probability": 0.9}
    events.add_change(context, BAN, likelier, author="test")


def take_in(context: Context, rows: list[dict[str, object]]) -> None:
    """Quotes, as an upload."""
    body = json.dumps(rows).encode()
    found = ingest.ingest(context, ingest.Content(media_type=ingest.JSON, body=body))
    assert (found.added + found.corrected, found.refused) == (len(rows), ())


def train(context: Context) -> None:
    """A real run, in this process."""
    run = fitting.run_here(context, "test", lambda _: None)
    assert run.state == "done", run.error


def copied(context: Context, database_url: str) -> Context:
    """Everything that a database holds but keys, which each server makes for itself, in an empty one."""
    found = replace(context, engine=make_engine(database_url), cache=Cache())
    migrate(found.engine)
    with context.engine.connect() as source, found.engine.begin() as target:
        for table in (t for t in metadata.sorted_tables if t is not api_key):
            rows = [dict(row._mapping) for row in source.execute(select(table))]
            if rows:
                target.execute(insert(table), rows)
    return found
