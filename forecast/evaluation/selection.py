"""Which forecast is served: one decision, with its reason, for backtests and for service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from forecast.types import Array

PRIOR_SD = 0.01  # spread of the gain over a random walk before any evidence, around none
BLOCK_SD = 0.033  # spread of the gain from one independent block to the next, measured on dev_m
LIKELY = 0.6  # chance of a gain from which it is served; above a half, so a measured loss never is
WORSE = 0.005  # a challenger believed to be this much worse at any third of the steps is vetoed
COVERAGE_ALLOWED = (0.65, 0.93)  # of a nominal 80 % range over the cutoffs
FEWEST = 4  # cutoffs with an outcome below which there is no evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """promote: serve the challenger? gain: 1 - challenger / champion; shrunk_gain: its posterior mean;
    chance: posterior probability that it is above 0. vetoed: whatever it gained, it may not be served.

    dm, dm_p: Diebold-Mariano statistic of the paired differences with its small-sample correction, and the
    two-sided p of it; shown, they decide nothing.
    """

    promote: bool
    reason: str
    gain: float
    shrunk_gain: float
    chance: float
    cutoffs: int
    dm: float
    dm_p: float
    vetoed: bool = False


def posterior_gain(gain: float, blocks: float) -> tuple[float, float]:
    """(mean, chance of more than 0) of the true gain, from one measured over independent blocks.

    Normal prior N(0, PRIOR_SD^2), likelihood N(gain, BLOCK_SD^2 / blocks).
    """
    information = blocks / BLOCK_SD**2
    variance = 1.0 / (1.0 / PRIOR_SD**2 + information)
    mean = gain * information * variance
    return float(mean), float(norm.cdf(mean / np.sqrt(variance)))


def paired_gain(challenger: Array, champion: Array) -> float:
    """1 - geometric mean over series of score ratios; scores (u, j, k), pairs that both exist count."""
    both = np.isfinite(challenger) & np.isfinite(champion)
    mine = np.where(both, challenger, 0.0).sum(axis=(1, 2))
    theirs = np.where(both, champion, 0.0).sum(axis=(1, 2))
    seen = (mine > 0) & (theirs > 0)
    return float(1.0 - np.exp(np.mean(np.log(mine[seen] / theirs[seen])))) if seen.any() else 0.0


def diebold_mariano(challenger: Array, champion: Array, block: int) -> tuple[float, float]:
    """(statistic, two-sided p) of the mean difference champion - challenger over cutoffs.

    Newey-West variance with `block` - 1 lags; Harvey, Leybourne and Newbold's (1997) correction for few
    cutoffs, read as Student's t. (0, 1) where there is nothing to tell.
    """
    both = np.where(np.isfinite(challenger) & np.isfinite(champion), champion - challenger, np.nan)
    seen = np.isfinite(both).any(axis=(0, 2))
    if seen.sum() < 3:
        return 0.0, 1.0
    d = np.nanmean(both[:, seen], axis=(0, 2))
    e, n = d - d.mean(), len(d)
    variance = e @ e
    for lag in range(1, min(block, n)):
        variance += 2.0 * (1.0 - lag / block) * (e[lag:] @ e[:-lag])
    if variance <= 0:
        return 0.0, 1.0
    spanned = min(block, n)
    few = np.sqrt((n - spanned) * (n - spanned + 1)) / n
    statistic = float(few * d.mean() * n / np.sqrt(variance))
    return statistic, float(2.0 * t.sf(abs(statistic), n - 1))


def decide_promotion(
    challenger: Array,
    champion: Array,
    *,
    inside80: Array,
    step_span: int,
    finite: bool = True,
    against: str = "the random walk",
) -> Decision:
    """Serve the challenger if its paired out-of-sample pinball says that it gains.

    challenger, champion: pinball (series, cutoffs, steps) at the same cutoffs, NaN where no actual.
    inside80: the same shape, 1 where the challenger's 80 % range held. step_span: cutoffs that one
    forecast spans; errors within it overlap. against: the champion, as the reason names it.

    The gain is shrunk towards none by what the blocks can tell (posterior_gain), and the challenger is served
    from a chance of LIKELY that it is one: what measured worse never is, and three series, whose scores say
    less than thirty's, have to gain more. Vetoes: not finite, no evidence at all, coverage off, or
    believed to be worse than the champion in any third of the steps.
    """
    cutoffs = int((np.isfinite(challenger) & np.isfinite(champion)).any(axis=(0, 2)).sum())
    gain = paired_gain(challenger, champion)
    blocks = cutoffs / max(step_span, 1) * np.sqrt(challenger.shape[0])
    shrunk, chance = posterior_gain(gain, blocks)
    dm, dm_p = diebold_mariano(challenger, champion, max(step_span, 1))
    covered = float(np.nanmean(inside80)) if np.isfinite(inside80).any() else float("nan")
    thirds = [
        posterior_gain(paired_gain(challenger[:, :, part], champion[:, :, part]), blocks)[0]
        for part in np.array_split(np.arange(challenger.shape[2]), min(3, challenger.shape[2]))
    ]
    low, high = COVERAGE_ALLOWED

    def decision(promote: bool, reason: str, *, vetoed: bool = False) -> Decision:
        return Decision(
            promote=promote,
            reason=reason,
            vetoed=vetoed,
            gain=gain,
            shrunk_gain=shrunk,
            chance=chance,
            cutoffs=cutoffs,
            dm=dm,
            dm_p=dm_p,
        )

    if not finite:
        return decision(False, "vetoed: a value is not finite", vetoed=True)
    if cutoffs < FEWEST:
        return decision(False, f"only {cutoffs} cutoffs with an outcome: no evidence against {against}")
    if not low <= covered <= high:
        return decision(False, f"vetoed: its 80 % range held {covered:.0%} of the outcomes", vetoed=True)
    if min(thirds) < -WORSE:
        worst = f"{-min(thirds):.1%} worse than {against} in one third of the steps"
        return decision(False, f"vetoed: shrunk, {worst}", vetoed=True)
    measured = (
        f"{abs(gain):.1%} {'less' if gain > 0.0 else 'more'} pinball loss than {against} over {cutoffs}"
        f" cutoffs, {shrunk:+.1%} of it believed"
    )
    if chance < LIKELY:
        return decision(False, f"{measured}: better with chance {chance:.0%}, {LIKELY:.0%} is asked")
    return decision(True, f"{measured}: better with chance {chance:.0%}")
