"""Planted contests: who may take a place, who keeps it, and what an over-fitter gets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from forecast.evaluation.challenge import COVERAGE_BAND, Contest, Scores, decide
from forecast.evaluation.metrics import pinball
from forecast.types import SCORED_QUANTILES, Array

SERIES, CUTOFFS, STEPS, SPAN = 3, 24, 6, 2
SHAPE = (SERIES, CUTOFFS, STEPS)
MOVE = 0.04
LEVELS = (*SCORED_QUANTILES,)
Z = norm.ppf(LEVELS)


def scores(error: Array, width: float = 1.0) -> Scores:
    """Of log errors (series, cutoffs, steps), under normal ranges of a random walk's width."""
    spread = width * MOVE * np.sqrt(np.arange(1, STEPS + 1))
    bounds = {level: norm.ppf(0.5 + level / 200) * spread for level in COVERAGE_BAND}
    return Scores(
        pinball=pinball(error, spread[:, None] * Z, LEVELS),
        inside={level: np.where(np.abs(error) <= bound, 1.0, 0.0) for level, bound in bounds.items()},
    )


def walk_errors(seed: int = 0) -> Array:
    """Errors of the random walk on a random walk."""
    steps = np.random.default_rng(seed).normal(0.0, MOVE, SHAPE)
    return steps.cumsum(axis=2)


def contest(mine: Scores, theirs: Scores, **changes: object) -> Contest:
    made = Contest(
        names=("combination", "rw"),
        contender=mine,
        rival=theirs,
        walk=theirs,
        standing=False,
        news=np.zeros(SHAPE, dtype=np.bool_),
        step_span=SPAN,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def times(found: Scores, ratio: Array | float) -> Scores:
    """The same ranges, with the loss times a ratio."""
    return replace(found, pinball=found.pinball * ratio)


def test_a_real_gain_takes_the_place() -> None:
    theirs = scores(walk_errors())
    found = decide(contest(times(theirs, 0.95), theirs), 0)
    assert found.serve
    assert "5.0% less pinball loss than the random walk over 24 cutoffs" in found.reason
    assert found.evidence["panel"]["gain"] == pytest.approx(0.05)
    assert found.evidence["own"]["coverage"]["80"][0] == found.evidence["own"]["coverage"]["80"][1]


def test_a_gain_too_small_to_be_one_keeps_a_place_and_does_not_take_it() -> None:
    theirs = scores(walk_errors())
    small = contest(times(theirs, 0.999), theirs)
    assert not decide(small, 0).serve
    kept = decide(replace(small, standing=True), 0)
    assert kept.serve
    assert "has the place and did not lose" in kept.reason


def test_what_measured_worse_than_the_random_walk_loses_its_place() -> None:
    theirs = scores(walk_errors())
    assert not decide(contest(times(theirs, 1.001), theirs, standing=True), 0).serve


def test_one_series_may_say_no_to_what_the_panel_gains() -> None:
    theirs = scores(walk_errors())
    ratio = np.array([0.85, 0.85, 1.06])[:, None, None]
    found = [decide(contest(times(theirs, ratio), theirs), u) for u in range(SERIES)]
    assert [verdict.serve for verdict in found] == [True, True, False]
    assert "on this series, shrunk" in found[2].reason


def test_lost_coverage_is_a_veto_whatever_was_gained() -> None:
    errors = walk_errors()
    theirs = scores(errors)
    narrow = scores(errors, width=0.75)
    mine = replace(narrow, pinball=theirs.pinball * 0.9)
    found = decide(contest(mine, theirs), 1)
    assert not found.serve
    assert "80 % range held" in found.reason
    tails = replace(theirs, inside={80: theirs.inside[80], 95: scores(errors, width=0.8).inside[95]})
    found = decide(contest(times(tails, 0.9), theirs), 1)
    assert not found.serve
    assert "95 % range held" in found.reason


def test_months_of_news_are_looked_at_apart() -> None:
    theirs = scores(walk_errors())
    news = np.zeros(SHAPE, dtype=np.bool_)
    news[0, ::3] = True
    ratio = np.where(news, 1.3, 0.8)
    found = [decide(contest(times(theirs, ratio), theirs, news=news), u) for u in range(SERIES)]
    assert [verdict.serve for verdict in found] == [False, True, True]
    assert "in months of news" in found[0].reason
    assert found[0].evidence["own"]["news"]["outcomes"] == news[0].sum()


def test_a_series_without_outcomes_of_its_own_wins_nothing_and_loses_nothing() -> None:
    theirs = scores(walk_errors())
    mine = times(theirs, 0.9)
    mine.pinball[0, 3:] = np.nan
    assert not decide(contest(mine, theirs), 0).serve
    assert decide(contest(mine, theirs), 1).serve
    assert decide(contest(mine, theirs, standing=True), 0).serve


def overfitted(seed: int) -> tuple[Scores, Scores, Scores]:
    """(scored in sample, scored out of sample, the random walk's) of a regression on 20 columns of noise.

    It is fitted on 40 months: once on those that hold the outcomes, once on those before the cutoff.
    """
    rng = np.random.default_rng(seed)
    length, window, features = 200, 40, 20
    cutoffs = np.linspace(80, length - STEPS - 1, CUTOFFS).astype(int)
    errors = np.zeros((3, *SHAPE))
    for u in range(SERIES):
        change, noise = rng.normal(0.0, MOVE, length), rng.standard_normal((length, features))
        for j, at in enumerate(cutoffs):
            ahead = slice(at + 1, at + 1 + STEPS)
            for k, end in enumerate((at + 1 + STEPS, at + 1)):
                seen = slice(end - window, end)
                fitted = np.linalg.lstsq(noise[seen], change[seen], rcond=None)[0]
                errors[k, u, j] = np.cumsum(change[ahead] - noise[ahead] @ fitted)
            errors[2, u, j] = np.cumsum(change[ahead])
    inside, outside, walk = (scores(e) for e in errors)
    return inside, outside, walk


def test_an_in_sample_overfitter_is_never_promoted() -> None:
    """In sample it would win every time, so the test can fail; out of sample it never does."""
    charmed = 0
    for seed in range(40):
        inside, outside, walk = overfitted(seed)
        loss = {k: float(np.nansum(s.pinball)) for k, s in (("in", inside), ("walk", walk))}
        charmed += loss["in"] < 0.9 * loss["walk"]
        for series in range(SERIES):
            assert not decide(contest(outside, walk), series).serve
            assert not decide(contest(outside, walk, standing=True), series).serve
    assert charmed == 40
