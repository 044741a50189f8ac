"""The stored backtest of the price that a rule is on: what was forecast at past cutoffs, and what came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import Connection

from data.store import champions, prices
from data.store import fx as fx_store
from data.types import Series
from data.units import Basis, FxTable, convert
from forecast.evaluation.exceedance import Exceedance
from service import catalogue, exceedance_facts
from service.alerts.calibration import MARK, Calibration, Question, calibrate
from service.alerts.observe import basis_of, own_basis
from service.alerts.rules import ABOVE, Rule
from service.context import Context
from service.inputs import monthly

SPOT = f"{MARK}: the backtest knows monthly means, not the spot price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """made: one a cutoff, oldest first, of run `run_id`. came: monthly prices since, by ordinal of the month.

    asked, own: bases of the rule and of the series; question: what the rule asks at each cutoff.
    """

    run_id: int | None
    made: tuple[Exceedance, ...]
    came: Mapping[int, float]
    question: Question
    asked: Basis
    own: Basis
    calibration: Calibration


def load(conn: Connection, rule: Rule, series: Series, today: date) -> Backtest:
    """Of a rule on forecasts. Raises InputError where its basis cannot be given today."""
    served = champions.served(conn, series.series_id)
    run_id = None if served is None else served.run_id
    question = Question(
        above=rule.direction == ABOVE, steps=_steps(rule, today), within=rule.kind == "p_cross_by"
    )
    kept = () if run_id is None else exceedance_facts.load(conn, run_id, series.series_id)
    made = tuple(one for one in kept if one.grid.shape[1] >= question.steps)
    quotes = prices.load(conn, [series.series_id], as_of=today)
    known = monthly([q for q in quotes if q.kind != "annual"], today)
    came = {pd.Period(q.ds, "M").ordinal: q.value for q in known}
    own, asked = own_basis(series), basis_of(rule, series)
    level = level_at(rule, asked, own, today, FxTable(fx_store.load(conn, today)))
    ratio = math.log(level / came[max(came)]) if came else 0.0
    return Backtest(
        run_id=run_id,
        made=made,
        came=came,
        question=question,
        asked=asked,
        own=own,
        calibration=calibrate(made, ratio, question, came),
    )


def level_at(rule: Rule, asked: Basis, own: Basis, day: date, fx: FxTable) -> float:
    """The price that a rule on forecasts asks about, in the series' own basis at the rates of a day."""
    level = rule.threshold if rule.level is None else rule.level
    return convert(level or 0.0, asked, own, on=day, fx=fx).value


def marks(context: Context, conn: Connection, rule: Rule) -> tuple[str, ...]:
    """What a rule has to say of itself: whether chances like its own proved right at past cutoffs."""
    if rule.about.judged_on != "forecast":
        return ()
    series = catalogue.find(conn, rule.series_id or "")
    return marks_of(rule, load(conn, rule, series, context.clock.today()).calibration)


def marks_of(rule: Rule, found: Calibration) -> tuple[str, ...]:
    """The same, from what the backtest said."""
    mark = SPOT if rule.measure == "spot" else found.mark
    return (mark,) if mark else ()


def _steps(rule: Rule, today: date) -> int:
    """Months from today's to the last that a rule asks about."""
    if rule.on is None:
        return rule.horizon or 1
    return max((rule.on.year - today.year) * 12 + rule.on.month - today.month, 1)
