"""How a forecaster does in service: skill and coverage by horizon, and when that costs it its place.

Forecasts are issued often and overlap much, so months are counted and not forecasts: what was issued in one
month is one forecast, and the outcomes that coverage is judged by are the months that came.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from forecast.evaluation.metrics import block_bootstrap
from forecast.evaluation.selection import posterior_gain
from forecast.types import Array

#: Months ahead that are judged together, first and last.
HORIZONS: tuple[tuple[int, int], ...] = ((1, 1), (2, 3), (4, 6), (7, 12), (13, 36))
FEWEST = 6  # months of issue, and months of outcomes, below which nothing is judged
WORSE = 0.05  # loss more than the random walk's from which it counts, where it is no chance
UNLIKELY = (
    0.05  # chance that there is no loss, below which it is none: by belief, and by the series' own scatter
)
RARE = 0.01  # chance with which a true 80 % range is outside the band
NOMINAL = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Live:
    """One forecaster on one series in service. issued: (t,) months' ordinals; steps: (k,) from 1; ascending.

    loss, walk: mean pinball of the forecasts issued in a month, (t, k), by a scale that they share; inside:
    share of their 80 % ranges that held. NaN where nothing came yet.
    """

    issued: NDArray[np.int64]
    steps: NDArray[np.int64]
    loss: Array
    walk: Array
    inside: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One horizon. outcomes: months that came. state: "ok", "too few", "skill" or "coverage".

    skill: 1 - loss / random walk's, None without one; chance: that the true one is above 0 (posterior_gain);
    skill_high: its upper bound by block bootstrap. coverage, with the band that a true 80 % range stays in.
    """

    first: int
    last: int
    outcomes: int
    skill: float | None
    chance: float | None
    skill_high: float | None
    coverage: float | None
    coverage_low: float | None
    coverage_high: float | None
    state: str

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def health(live: Live, first: int = 1, last: int = HORIZONS[-1][1]) -> Health:
    """Judge the steps from `first` to `last`; all together without them."""
    wanted = (live.steps >= first) & (live.steps <= last)
    loss, walk, inside = (a[:, wanted] for a in (live.loss, live.walk, live.inside))
    came = (live.issued[:, None] + live.steps[None, wanted])[np.isfinite(inside)]
    outcomes, months = len(np.unique(came)), int(np.isfinite(inside).any(axis=1).sum())
    if min(outcomes, months) < FEWEST:
        return Health(
            first=first, last=last, outcomes=outcomes, skill=None, chance=None, skill_high=None,
            coverage=None, coverage_low=None, coverage_high=None, state="too few",
        )  # fmt: skip
    coverage = float(np.nanmean(inside))
    low, high = (float(binom.ppf(p, outcomes, NOMINAL)) / outcomes for p in (RARE / 2, 1 - RARE / 2))
    longest = int(live.steps[wanted].max())
    skill, bound = _skill(loss, walk, longest)
    chance = None if skill is None else posterior_gain(skill, months / longest)[1]
    state = "ok"
    if skill is not None and chance is not None and bound is not None:
        state = "skill" if skill < -WORSE and chance < UNLIKELY and bound < 0.0 else "ok"
    if state == "ok" and not low <= coverage <= high:
        state = "coverage"
    return Health(
        first=first,
        last=last,
        outcomes=outcomes,
        skill=skill,
        chance=chance,
        skill_high=bound,
        coverage=coverage,
        coverage_low=low,
        coverage_high=high,
        state=state,
    )


def by_horizon(live: Live) -> tuple[Health, ...]:
    """Each of HORIZONS in which something came."""
    found = (health(live, first, last) for first, last in HORIZONS)
    return tuple(one for one in found if one.outcomes)


def decide_demotion(champion: Live, walk: Live) -> str | None:
    """Why a champion loses its place to the random walk by what it did in service, or None.

    Its skill over all steps is below -WORSE, and that it is no loss is unlikely: as believed of a gain, which
    few months tell little of, and by the scatter of its own months (a block bootstrap alone would demote one
    in five that lost nothing, over a year of six steps ahead). Or its 80 % range held a share that a true
    one would not, and the random walk's was nearer. Nothing below FEWEST months.
    """
    found = health(champion)
    if found.state == "skill" and found.skill is not None:
        return (
            f"in service {-found.skill:.1%} more pinball loss than the random walk over {found.outcomes}"
            f" months: no loss with chance {found.chance:.0%}"
        )
    if found.state == "coverage" and found.coverage is not None:
        other = health(walk).coverage
        if other is not None and abs(other - NOMINAL) < abs(found.coverage - NOMINAL):
            return (
                f"in service its 80 % range held {found.coverage:.0%} of {found.outcomes} months, outside"
                f" {found.coverage_low:.0%} to {found.coverage_high:.0%}; the random walk's held {other:.0%}"
            )
    return None


def _skill(loss: Array, walk: Array, longest: int) -> tuple[float | None, float | None]:
    """(1 - loss / walk over pairs, its upper bound); forecasts `longest` months ahead overlap as long."""
    paired = np.isfinite(loss) & np.isfinite(walk)
    scale = float(walk[paired].sum())
    if not scale > 0.0:
        return None, None
    gain = np.where(paired, walk - loss, np.nan)
    mean = scale / paired.sum()
    _, high = block_bootstrap(gain / mean, block=longest, level=1.0 - 2.0 * UNLIKELY)
    return float(np.nansum(gain)) / scale, high
