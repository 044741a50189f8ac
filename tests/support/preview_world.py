"""Made-up series whose crossings are known by construction, and a backtest that foretold them or did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from data.store import facts, forecasts, fx, prices, runs
from data.store.migrate import migrate
from data.types import FxRate, Quote, Series
from forecast.evaluation.exceedance import exceedance
from service import exceedance_facts
from service.context import Context, open_context
from service.settings import Settings
from tests.support.service_world import ISSUED, TODAY, answerable, forecast

MADE, WEEKLY = "made-cn", "weekly-cn"
#: Month of the newest monthly price.
LAST = pd.Period("2026-09", "M")
CUTOFFS = [pd.Period("2020-09", "M") + 3 * k for k in range(24)]
QUIET, HIGH = 100.0, 130.0


def comes(cutoff: int) -> bool:
    """Does the price rise in the second month after that cutoff? It does after every other one."""
    return cutoff % 2 == 1


def open_world(url: str) -> Context:
    """A context over a new database."""
    context = open_context(Settings(database_url=url, today=TODAY))
    migrate(context.engine)
    return context


def series(series_id: str, frequency: str = "monthly-mean") -> Series:
    """One in CNY with VAT."""
    return Series(series_id=series_id, element="Nd", form="oxide", purity="99 %", market="cn", currency="CNY",
                  unit="kg", tax_basis="incl-vat", frequency=frequency, title=f"Made-up {series_id}",
                  provenance="made up")  # fmt: skip


def monthly(values: Mapping[pd.Period, float], series_id: str = MADE) -> list[Quote]:
    """Monthly means, each available on the first day of the next month, all recorded at once."""
    return [
        Quote(series_id=series_id, ds=month.start_time.date(), value=value,
              available_on=(month + 1).start_time.date(), recorded_at=datetime(2026, 11, 1, tzinfo=UTC),
              source="made up", kind="monthly-mean")
        for month, value in values.items()
    ]  # fmt: skip


def weekly(values: Iterable[float], start: date = date(2025, 1, 3)) -> list[Quote]:
    """Friday quotes, available the day after."""
    return [point(start + timedelta(weeks=k), value) for k, value in enumerate(values)]


def point(day: date, value: float, **changes: object) -> Quote:
    """One dated quote."""
    own = Quote(series_id=WEEKLY, ds=day, value=value, available_on=day + timedelta(days=1),
                recorded_at=datetime(2026, 11, 1, tzinfo=UTC), source="made up", kind="point")  # fmt: skip
    return replace(own, **changes)  # type: ignore[arg-type]


def rates(values: Mapping[pd.Period, float]) -> list[FxRate]:
    """CNY per USD by month, each available on the first day of the next month."""
    return [
        FxRate(month=month.start_time.date(), currency="CNY", per_usd=value,
               available_on=(month + 1).start_time.date(), recorded_at=datetime(2026, 11, 1, tzinfo=UTC),
               source="made up")
        for month, value in values.items()
    ]  # fmt: skip


def keep(context: Context, quotes: Iterable[Quote], known: Iterable[FxRate] = ()) -> None:
    """Store quotes of MADE or WEEKLY, and rates."""
    with context.engine.begin() as conn:
        for name, frequency in ((MADE, "monthly-mean"), (WEEKLY, "dated")):
            prices.add_series(conn, series(name, frequency))
        prices.append(conn, quotes)
        fx.append(conn, known)


def with_backtest(context: Context, foretold: Callable[[int], bool], cutoffs: int = len(CUTOFFS)) -> None:
    """A price that is QUIET but for HIGH in the second month after every other cutoff, and a run whose
    backtest says at each cutoff that it will rise so where `foretold` says yes, else that it will stay."""
    values = dict.fromkeys(pd.period_range(CUTOFFS[0] - 24, LAST, freq="M"), QUIET)
    values |= {c + 2: HIGH for k, c in enumerate(CUTOFFS) if comes(k)}
    keep(context, monthly(values), rates(dict.fromkeys(values, 7.0)))
    issued = replace(forecast(MADE, 1, level=QUIET), known_at=ISSUED.date())
    made = answerable(issued, 0.0)
    noise = np.random.default_rng(0).normal(size=(400, 4)) * 0.05
    kept = []
    for k, cutoff in enumerate(CUTOFFS[:cutoffs]):
        rise = np.log([1.0, HIGH / QUIET, 1.0, 1.0]) if foretold(k) else np.zeros(4)
        then = replace(made, paths=(QUIET * np.exp(rise + noise)).astype(np.float32), lag=0, origin=cutoff,
                       last_price=QUIET)  # fmt: skip
        kept.append(exceedance(then, cutoff.end_time.date()))
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="made up")
        forecasts.save(conn, replace(issued, run_id=run_id))
        months = list(issued.periods)
        forecasts.save_fx_paths(conn, run_id, months, {"CNY": np.full((400, len(months)), 7.0)})
        for fact in exceedance_facts.facts_of(kept):
            facts.save(conn, run_id, fact)
