"""A rule on forecasts, run over the cutoffs of the stored backtest, and how its forecasts did there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import numpy as np
from sqlalchemy import Connection

from data.store import fx
from data.types import Series
from data.units import FxTable, convert
from forecast.errors import InputError
from forecast.evaluation.exceedance import Exceedance, chance, value
from service.alerts import backtest
from service.alerts.backtest import Backtest, level_at
from service.alerts.calibration import Outcome, in_months, outcome
from service.alerts.known import Past
from service.alerts.previewed import PreviewFiring, Rehearsed
from service.alerts.replay import Firing, replay
from service.alerts.rules import Rule
from service.alerts.state import Observation


def rehearse_chances(conn: Connection, rule: Rule, series: Series, today: date) -> Rehearsed:
    """Judge the rule at each cutoff on what was forecast then, in its basis at the rates of that day."""
    known = backtest.load(conn, rule, series, today)
    rates = Past({}, [], fx.history(conn))
    seen: dict[date, Observation] = {}
    came: dict[date, Outcome] = {}
    passed: dict[date, bool] = {}
    for made in known.made:
        rates.advance(made.cutoff)
        try:
            level = level_at(rule, known.asked, known.own, made.cutoff, rates.fx)
            found = _forecast(rule, known, made, level, rates.fx)
        except InputError:  # before the first exchange rate the rule could not have been asked
            continue
        at = datetime.combine(made.cutoff, time(), UTC)
        seen[made.cutoff] = Observation(key=made.cutoff.isoformat(), value=found, at=at)
        came[made.cutoff] = outcome(made, math.log(level / made.last_price), known.question, known.came)
        passed[made.cutoff] = made.last_price > level if known.question.above else made.last_price < level
    replayed = replay(rule, seen, lambda day, _: [seen[day]])
    days = list(seen)
    return Rehearsed(
        days=(days[0], days[-1]) if days else None,
        observations=len(seen),
        cutoffs=len(seen),
        firings=[_row(fired, came[fired.on], passed[fired.on]) for fired in replayed.firings],
        calibration=known.calibration,
        notes=_notes(rule, known, days),
    )


def _forecast(rule: Rule, known: Backtest, made: Exceedance, level: float, rates: FxTable) -> float:
    """What was forecast at a cutoff: a chance, or a price in the rule's basis."""
    asks = known.question
    if rule.kind == "forecast":
        own = made.last_price * float(np.exp(value(made.grid, rule.quantile or 0.5, asks.steps)))
        return convert(own, known.own, known.asked, on=made.cutoff, fx=rates).value
    ratio = math.log(level / made.last_price)
    return chance(made.grid, ratio, asks.steps, above=asks.above, within=asks.within)


def _row(fired: Firing, came: Outcome, passed: bool) -> PreviewFiring:
    return PreviewFiring(
        on=fired.on,
        of=fired.on,
        value=fired.value,
        resolved_on=fired.resolved_on,
        came_true=came.came,
        lead_months=came.months,
        horizon_over=came.whole,
        passed_before=passed,
    )


def _notes(rule: Rule, known: Backtest, days: Sequence[date]) -> tuple[str, ...]:
    ahead = in_months(known.question.steps)
    if not days:
        return (f"There is no backtest cutoff at which this price was forecast {ahead} ahead.",)
    said = [
        f"Replayed at {len(days)} backtest cutoffs of run {known.run_id} alone{_apart(days)}; each counts as"
        " one issued forecast.",
        f"Each is asked {ahead} ahead, of a level turned into the series' own basis at rates of its day.",
        "Horizons that overlap have outcomes in common: the cutoffs say less than as many independent ones.",
    ]
    if rule.measure == "spot":
        said.append("The backtest is of monthly means: a spot price crosses at least as often.")
    return tuple(said)


def _apart(days: Sequence[date]) -> str:
    if len(days) < 2:
        return ""
    return f", about {in_months(round((days[-1] - days[0]).days / 30.44 / (len(days) - 1)))} apart"
