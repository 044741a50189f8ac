"""Runs with planted scores and easy numbers over the small world: who is champion, and what came of it.

The mixture's forecast is a tenth above the random walk's, so that an answer tells which of them speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from data.store import champions, facts, forecasts, prices, runs
from data.types import Quote
from forecast.evaluation.challenge import COVERAGE_BAND, Scores
from service import promotion, standing
from service.clock import Clock
from service.context import Context
from service.trial import Trial
from tests.support.service_world import BASE, OUTSIDE, answerable, fill, forecast

WALK, MIXTURE = "rw", "combination"
LEVEL, ABOVE = 500.0, 1.1
CUTOFFS, STEPS = 24, 6


def world(context: Context) -> None:
    """The small world without a forecast."""
    fill(context, with_forecast=False)


def at(day: str, hour: int = 9) -> datetime:
    """An instant of a day."""
    return datetime.combine(date.fromisoformat(day), time(hour), UTC)


def on(context: Context, day: str) -> Context:
    """The same database on another day."""
    return replace(context, clock=Clock.starting(date.fromisoformat(day)))


def trial(gain: float) -> Trial:
    """A contest in which the mixture of the Chinese series lost this much less than the random walk."""
    shape = (1, CUTOFFS, STEPS)
    loss = np.random.default_rng(0).gamma(4.0, 2.0, shape)
    held = np.where(np.arange(loss.size).reshape(shape) % 5 == 0, 0.0, 1.0)
    inside = dict.fromkeys(COVERAGE_BAND, held)
    return Trial(
        series=(BASE,),
        cutoffs=tuple(m.end_time.date() for m in pd.period_range("2018-01", periods=CUTOFFS, freq="3M")),
        steps=tuple(range(1, STEPS + 1)),
        scores={
            WALK: Scores(pinball=loss, inside=inside),
            MIXTURE: Scores(pinball=loss * (1.0 - gain), inside=inside),
        },
        news=np.zeros(shape, dtype=np.bool_),
    )


def run(
    context: Context,
    day: str,
    gain: float | None,
    *,
    withheld: Mapping[tuple[str, str], str] | None = None,
    replay: bool = False,
) -> int:
    """A finished run of a day. gain: of the mixture in its backtest, None for a run that scored nothing."""
    silent = withheld or {}
    with context.engine.begin() as conn:
        prices.lock(conn)
        run_id = runs.request(conn, requested_at=at(day), reason="made up")
        claimed = runs.claim(conn, now=at(day), worker="test")
        assert claimed is not None
        tried = None if gain is None else trial(gain)
        origin = forecast(BASE, run_id, issued_at=at(day)).origin
        decided = promotion.decide_run(
            conn, claimed, tried, origins={BASE: shifted(origin, day)}, withheld=silent, now=at(day)
        )
        recipes = [r for r in (WALK, MIXTURE) if (BASE, r) not in silent]
        for name, level in ((BASE, LEVEL), (OUTSIDE, 75.0)):
            served = champions.rung(name, run_id, recipes, BASE, decided[BASE])
            assert served is not None
            for recipe in recipes:
                made = dated(name, run_id, day, level * (ABOVE if recipe == MIXTURE else 1.0))
                header = {
                    **made.header,
                    "champion": "premium" if name == OUTSIDE else recipe,
                    "promotion_reason": decided[BASE].reason,
                    "withheld": {other: why for (_, other), why in silent.items()},
                    "fingerprint": "f" * 64,
                    "versions": {"ytterby": "0"},
                    "seed": 0,
                    "last_price": level,
                }
                kept = replace(
                    made, header=header, recipe=recipe, served=recipe == served.recipe, replay=replay
                )
                forecasts.save(conn, kept)
                for fact in standing.facts_of(answerable(kept, 0.0), recipe):
                    facts.save(conn, run_id, fact)
        facts.save(conn, run_id, standing.shocks_of([answerable(kept, 0.0)], 0))
        runs.finish(conn, claimed, finished_at=at(day), summary={"failures": []})
    return run_id


def shifted(origin: date, day: str) -> date:
    """Month of the newest quote of a run on a day: four before it."""
    return (pd.Period(date.fromisoformat(day), "M") - 4).start_time.date()


def dated(name: str, run_id: int, day: str, level: float) -> forecasts.IssuedForecast:
    """The made-up forecast, with its months counted from this day."""
    made = forecast(name, run_id, issued_at=at(day), level=level)
    first = pd.Period(date.fromisoformat(day), "M") - 3
    months = [(first + k).start_time.date() for k in range(len(made.periods))]
    return replace(made, periods=months, origin=(first - 1).start_time.date())


def came(context: Context, name: str, month: str, value: float, *, recorded: str, known: str = "") -> None:
    """A monthly mean of a series, recorded on a day; public on another, or on the first of the next month."""
    ds = date.fromisoformat(f"{month}-01")
    after = (ds + timedelta(days=32)).replace(day=1)
    quote = Quote(
        series_id=name,
        ds=ds,
        value=value,
        available_on=date.fromisoformat(known) if known else after,
        recorded_at=at(recorded, 8),
        source="made up later",
        kind="monthly-mean",
    )
    with context.engine.begin() as conn:
        prices.append(conn, [quote])
