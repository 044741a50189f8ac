"""Judged in service: planted losses and ranges lose a place, chance does not."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.evaluation.live import FEWEST, Live, by_horizon, decide_demotion, health
from forecast.types import Array

MONTHS, STEPS = 18, 6


def live(
    ratio: float = 1.0, *, months: int = MONTHS, seed: int = 0, noise: float = 0.02, held: float = 0.8
) -> Live:
    """Forecasts whose loss is the random walk's times a ratio and noise; share of ranges that held."""
    rng = np.random.default_rng(seed)
    shape = (months, STEPS)
    # one outcome scores every forecast of its month, so errors are shared along target months
    target = rng.gamma(4.0, 1.0, months + STEPS)
    came = np.arange(months)[:, None] + np.arange(STEPS)[None, :]
    walk = target[came]
    inside = (rng.random(months + STEPS) < held)[came].astype(float)
    return Live(
        issued=np.arange(600, 600 + months),
        steps=np.arange(1, STEPS + 1),
        loss=walk * ratio * np.exp(noise * rng.standard_normal(shape) - noise**2 / 2),
        walk=walk,
        inside=inside,
    )


def cut(found: Live, inside: Array) -> Live:
    return Live(issued=found.issued, steps=found.steps, loss=found.loss, walk=found.walk, inside=inside)


def test_a_clear_loss_in_service_costs_the_place() -> None:
    found = live(1.3)
    assert health(found).state == "skill"
    reason = decide_demotion(found, live())
    assert reason is not None
    assert "30." in reason
    assert "more pinball loss than the random walk over 23 months" in reason


def test_chance_rarely_costs_a_place_and_a_small_loss_never() -> None:
    """A forecaster as good as the random walk, each loss off by a third."""
    found = [live(seed=seed, noise=0.3) for seed in range(60)]
    worse = [one for one in found if (health(one).skill or 0.0) < -0.05]
    assert worse, "some measure a loss"
    assert sum(decide_demotion(one, live()) is not None for one in found) <= 2
    assert decide_demotion(live(1.03), live()) is None, "sure, and too small to matter"


@pytest.mark.parametrize("months", [1, FEWEST - 1])
def test_few_months_judge_nothing(months: int) -> None:
    found = live(3.0, months=months, held=0.0)
    assert health(found).state == "too few"
    assert decide_demotion(found, live(months=months)) is None


def test_ranges_that_do_not_hold_cost_the_place_where_the_random_walks_held_better() -> None:
    good = live(held=0.8, seed=3)
    narrow = cut(good, np.where(np.arange(MONTHS)[:, None] % 2 == 0, 1.0, 0.0) * np.ones((1, STEPS)))
    assert health(narrow).state == "coverage"
    reason = decide_demotion(narrow, good)
    assert reason is not None
    assert "its 80 % range held 50% of 23 months" in reason
    assert decide_demotion(narrow, narrow) is None, "the rung below is no better"


def test_a_true_range_is_rarely_out_of_band() -> None:
    """One outcome a month, as one step ahead has it: the band is binomial, and RARE is 1 %."""
    rng = np.random.default_rng(5)
    steps, issued = np.array([1]), np.arange(24)
    flat = np.ones((24, 1))
    tries = 400
    found = [
        health(
            Live(issued=issued, steps=steps, loss=flat, walk=flat, inside=(rng.random((24, 1)) < 0.8) * 1.0)
        )
        for _ in range(tries)
    ]
    assert sum(one.state == "coverage" for one in found) <= 0.02 * tries


def test_horizons_are_judged_apart_and_nothing_is_counted_twice() -> None:
    found = live(seed=1)
    far = np.where(found.steps[None, :] >= 4, 0.0, found.inside)
    parts = {(p.first, p.last): p for p in by_horizon(cut(found, far))}
    assert list(parts) == [(1, 1), (2, 3), (4, 6)]
    assert parts[4, 6].state == "coverage"
    assert parts[1, 1].state == "ok"
    assert parts[1, 1].outcomes == MONTHS
    assert parts[2, 3].outcomes == MONTHS + 1, "months that came, not forecasts"
    assert [p.state for p in by_horizon(cut(found, np.full_like(far, np.nan)))] == []


def test_the_random_walk_has_no_skill_against_itself() -> None:
    found = live(noise=0.0)
    judged = health(found)
    assert (judged.skill, judged.state) == (0.0, "ok")
    without = Live(
        issued=found.issued, steps=found.steps, loss=found.loss, walk=found.walk * np.nan, inside=found.inside
    )
    assert health(without).skill is None
