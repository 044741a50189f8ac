"""Champion and challenger: may a forecaster take, or keep, the place that another one has?

Both are scored out of sample at the same cutoffs, each made from what was known at its cutoff. The panel's
scores together decide (decide_promotion); a series' own scores can only say no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.distribution.combination import BENCHMARK
from forecast.evaluation.selection import (
    FEWEST,
    WORSE,
    Decision,
    decide_promotion,
    paired_gain,
    posterior_gain,
)
from forecast.types import Array

#: How much further from its nominal share a range may have held than the champion's, by level.
COVERAGE_BAND: Mapping[int, float] = {80: 0.05, 95: 0.03}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One forecaster at a run's cutoffs, each (series, cutoffs, steps), NaN where there is no outcome.

    pinball in any unit that a series shares with its rivals; inside: level -> 1 where the range held, else 0.
    """

    pinball: Array
    inside: Mapping[int, Array]

    def of(self, series: int) -> Scores:
        """Those of one series."""
        one = slice(series, series + 1)
        return Scores(pinball=self.pinball[one], inside={k: v[one] for k, v in self.inside.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """serve: may the contender have the place? evidence: JSON-ready figures behind it."""

    serve: bool
    reason: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A contender against a rival, and the random walk beside them: the bar for both.

    names: of contender and rival. standing: the contender has the place and defends it. news: (series,
    cutoffs, steps) months of which a cutoff could not know that they would be out of the ordinary.
    step_span: cutoffs that one forecast spans.
    """

    names: tuple[str, str]
    contender: Scores
    rival: Scores
    walk: Scores
    standing: bool
    news: NDArray[np.bool_]
    step_span: int


def decide(contest: Contest, series: int) -> Verdict:
    """Whether the contender is served for one series.

    To take the place it must win: decide_promotion() over the panel, which asks for a gain that is real. To
    keep it, it must not have measured worse than its rival. Either way the series' own scores must not say
    that it is worse than the random walk, worse than its rival in months of news, or that its ranges hold
    a share further from what they say.
    """
    pooled = decide_promotion(
        contest.contender.pinball,
        contest.rival.pinball,
        inside80=contest.contender.inside[80],
        step_span=contest.step_span,
        against=_called(contest.names[1]),
    )
    own = _Own.of(contest, series)
    evidence = {"panel": _plain(pooled), "own": own.figures(), "step_span": contest.step_span}
    wins = pooled.promote
    if contest.standing and not pooled.vetoed and pooled.gain >= 0.0:
        wins, pooled = True, replace(pooled, reason=f"{pooled.reason}; it has the place and did not lose")
    if not wins:
        return Verdict(serve=False, reason=pooled.reason, evidence=evidence)
    against = own.says_no()
    return Verdict(serve=against is None, reason=against or pooled.reason, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What one series' scores say. coverage: level -> shares of (contender, rival)."""

    names: tuple[str, str]
    cutoffs: int
    gain: float
    over_walk: float
    coverage: Mapping[int, tuple[float, float]]
    news_cells: int
    news_gain: float
    standing: bool

    @classmethod
    def of(cls, contest: Contest, series: int) -> _Own:
        mine, theirs, walk = (s.of(series) for s in (contest.contender, contest.rival, contest.walk))
        paired = np.isfinite(mine.pinball) & np.isfinite(theirs.pinball)
        cutoffs = int(paired.any(axis=(0, 2)).sum())
        news = contest.news[series : series + 1] & paired
        return cls(
            names=contest.names,
            cutoffs=cutoffs,
            gain=paired_gain(mine.pinball, theirs.pinball),
            over_walk=_believed(mine.pinball, walk.pinball, contest.step_span),
            coverage={
                level: (_share(mine.inside[level], paired), _share(theirs.inside[level], paired))
                for level in COVERAGE_BAND
            },
            news_cells=int(news.sum()),
            news_gain=_believed(np.where(news, mine.pinball, np.nan), theirs.pinball, contest.step_span),
            standing=contest.standing,
        )

    def says_no(self) -> str | None:
        """Why these scores refuse what the panel's allow, or None."""
        if self.cutoffs < FEWEST and not self.standing:
            return f"only {self.cutoffs} cutoffs of its own with an outcome: no evidence for this series"
        if self.over_walk < -WORSE:
            return f"vetoed: on this series, shrunk, {-self.over_walk:.1%} worse than the random walk"
        for level, (mine, theirs) in self.coverage.items():
            if _off(mine, level) > _off(theirs, level) + COVERAGE_BAND[level]:
                return (
                    f"vetoed: on this series its {level} % range held {mine:.0%} of the outcomes,"
                    f" that of {_called(self.names[1])} {theirs:.0%}"
                )
        if self.news_gain < -WORSE:
            return (
                f"vetoed: in months of news on this series, shrunk, {-self.news_gain:.1%} worse than"
                f" {_called(self.names[1])}"
            )
        return None

    def figures(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "cutoffs": self.cutoffs,
            "gain": self.gain,
            "over_walk": self.over_walk,
            "coverage": {
                str(level): [_or_none(s) for s in shares] for level, shares in self.coverage.items()
            },
            "news": {"outcomes": self.news_cells, "gain": self.news_gain},
        }


def _believed(mine: Array, theirs: Array, step_span: int) -> float:
    """The gain of one series, shrunk by what its independent blocks of cutoffs can tell."""
    cutoffs = int((np.isfinite(mine) & np.isfinite(theirs)).any(axis=(0, 2)).sum())
    return posterior_gain(paired_gain(mine, theirs), cutoffs / max(step_span, 1))[0]


def _share(inside: Array, where: NDArray[np.bool_]) -> float:
    seen = inside[where & np.isfinite(inside)]
    return float(seen.mean()) if len(seen) else float("nan")


def _off(share: float, level: int) -> float:
    return abs(share - level / 100) if np.isfinite(share) else 0.0


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _called(name: str) -> str:
    return "the random walk" if name == BENCHMARK else f"the {name}"


def _plain(decision: Decision) -> dict[str, Any]:
    return {name: _or_none(v) if isinstance(v, float) else v for name, v in asdict(decision).items()}
