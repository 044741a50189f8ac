"""How forecasts of a level did at the cutoffs of the stored backtest, and what to say of a rule on them.

Two questions are asked of the same cutoffs. The replay asks the owner's: of that level, in money. Calibration
asks whether such chances can be believed: of a level as far from the last price known at each cutoff as the
owner's is from today's, since one amount of money may be out of reach, or passed, at every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.evaluation.exceedance import Exceedance, Skill, chance, skill

FEWEST = 12
MARK = "uncalibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a rule asks at each cutoff. steps: months after it; within: in any of them, else in the last."""

    above: bool
    steps: int
    within: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a question. came: None while it cannot be told; months: to the first one beyond the level;
    whole: have all its months come?"""

    came: bool | None
    months: int | None
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """log_ratio: of the level to the newest price. cutoffs: of the backtest; skill: at those whose months
    have all come, None where there are too few. mark: what a rule has to say of itself, "" for nothing."""

    log_ratio: float
    cutoffs: int
    skill: Skill | None
    mark: str


def outcome(made: Exceedance, log_ratio: float, question: Question, prices: Mapping[int, float]) -> Outcome:
    """What came after a cutoff. log_ratio: of the level to its last price; prices: by ordinal of their month.

    A month without a price is passed over where any month counts; where one counts, nothing can be told.
    """
    cutoff = pd.Period(made.cutoff, "M").ordinal
    first = 1 if question.within else question.steps
    side = 1.0 if question.above else -1.0
    further = {  # how far beyond the level, in logs
        k: side * (float(np.log(prices[cutoff + k] / made.last_price)) - log_ratio)
        for k in range(first, question.steps + 1)
        if cutoff + k in prices
    }
    whole = cutoff + question.steps <= max(prices, default=cutoff)
    months = min((k for k, by in further.items() if by > 0.0), default=None)
    told = months is not None or (whole and bool(further))
    return Outcome(came=months is not None if told else None, months=months, whole=whole)


def calibrate(
    backtest: Sequence[Exceedance], log_ratio: float, question: Question, prices: Mapping[int, float]
) -> Calibration:
    """Skill of the chances of a level that far from the last price known, over the cutoffs of a backtest."""
    chances, came = [], []
    for made in backtest:
        found = outcome(made, log_ratio, question, prices)
        if found.whole and found.came is not None:
            chances.append(
                chance(made.grid, log_ratio, question.steps, above=question.above, within=question.within)
            )
            came.append(found.came)
    scored = skill(np.array(chances), np.array(came, dtype=np.bool_)) if len(came) > 1 else None
    return Calibration(
        log_ratio=log_ratio,
        cutoffs=len(backtest),
        skill=scored,
        mark=_mark(len(backtest), question.steps, len(came), scored),
    )


def in_months(count: int) -> str:
    """A span of time in words."""
    return f"{count} month{'' if count == 1 else 's'}"


def _mark(cutoffs: int, steps: int, n: int, scored: Skill | None) -> str:
    """Why chances of this rule are not to be believed as they stand, or "" where they may be."""
    ahead = in_months(steps)
    if cutoffs == 0:
        return f"{MARK}: no backtest of this price looks {ahead} ahead"
    if n < FEWEST or scored is None:
        known = f"the outcome of {n} of {cutoffs} backtest cutoffs is known {ahead} ahead"
        return f"{MARK}: {known}; {FEWEST} are needed"
    if scored.hits in (0, n):
        often = "never" if scored.hits == 0 else "always"
        return f"{MARK}: a level that far away was {often} passed {ahead} ahead, at {n} backtest cutoffs"
    if scored.value is not None and scored.value <= 0:
        return f"{MARK}: no skill ({scored.value:.2f}) at {n} backtest cutoffs: the usual frequency told more"
    return ""
