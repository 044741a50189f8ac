"""Scenario answers: they recombine, start from the headline, and agree with brute force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pandas as pd
import pytest

from forecast.distribution.branches import Answer, Standing, ask
from forecast.distribution.mixture import SCORES, mix, prepare
from forecast.distribution.paths import interpolate, reorder
from forecast.distribution.shocks import shared_levels, shifts
from forecast.events.course import course, courses
from forecast.events.scenario import EventEdit, Hypothesis, Scenario, Size, size_of, switches
from forecast.types import QUANTILES, Array, EventPart, OpenEvent, SeriesKey

LAG, STEPS, DRAWS, SEED = 3, 15, 1000, 5
PERIODS = pd.period_range("2026-09", periods=STEPS, freq="M")
ORIGIN = PERIODS[0] - 1
KEY = SeriesKey(unique_id="dy-oxide-cn", element="Dy", market="cn", currency="CNY")


def open_event(name: str, chance: float, on: date, mean: float, **changes: object) -> OpenEvent:
    values: dict[str, object] = {
        "event_id": name,
        "title": name,
        "event_type": "threat",
        "state": "pending",
        "probability": chance,
        "starts": ((on, 1.0),),
        "shape": "step",
        "months": None,
        "dof": 4.0,
        "limit": 3.0,
        "parts": (EventPart(mean=mean, below=0.1, above=0.15, origin=ORIGIN),),
    }
    return OpenEvent(**{**values, **changes})  # type: ignore[arg-type]


EVENTS = (
    open_event("truce", 0.8, date(2026, 10, 10), -0.15, shape="decaying_step", months=3.0),
    open_event("expiry", 0.3, date(2027, 1, 10), 0.5),
    open_event("quota", 0.5, date(2027, 3, 1), 0.1, shape="ramp", months=3.0),
)
STATED = {e.event_id: e for e in EVENTS}


def standing() -> Standing:
    base = 7.0 + np.outer(0.05 * np.sqrt(np.arange(1, STEPS + 1)), SCORES + 0.05 * SCORES * np.abs(SCORES))
    walk = np.cumsum(np.random.default_rng(0).standard_normal((DRAWS, STEPS)), axis=1)
    paths = courses(EVENTS, PERIODS)
    return Standing(
        final=mix(base, paths, [e.probability for e in EVENTS]),
        base=base,
        base_paths=reorder(walk, base, QUANTILES),
        lag=LAG,
        periods=PERIODS,
        events=EVENTS,
        levels=shared_levels(STATED, DRAWS, SEED),
        seed=SEED,
    )


HERE = standing()
LEVELS = np.array([7.1, 7.4])


def answer(scenario: Scenario, levels: Array = LEVELS) -> Answer:
    return ask(HERE, switches(scenario, STATED, EVENTS, KEY, ORIGIN), levels)


def closure(chance: float = 0.4) -> Hypothesis:
    return Hypothesis(
        event_id="closure",
        title="A mine closes",
        event_type="feed-loss",
        probability=chance,
        starts=((date(2027, 2, 1), 0.5), (date(2027, 5, 1), 0.5)),
        shape="decaying_step",
        months=4.0,
        weights={"Dy": 0.5},
        china=size_of("china", 0.4, 0.1, 0.9),
        premium=Size(mean=0.0, below=0.0, above=0.0),
    )


FULL = Scenario(
    edits=(
        EventEdit(event_id="expiry", kind="postponed", probability=0.6, to=date(2027, 7, 10)),
        EventEdit(event_id="quota", kind="cancelled", probability=0.25),
        EventEdit(event_id="truce", kind="probability", probability=0.5),
    ),
    hypotheses=(closure(),),
)


def test_no_change_is_the_headline() -> None:
    found = answer(Scenario())
    assert found.mixture is found.headline
    assert found.branches == ()
    np.testing.assert_array_equal(found.headline.quantiles, HERE.final)
    stated = answer(Scenario(edits=(EventEdit(event_id="expiry", kind="probability"),)))
    np.testing.assert_allclose(stated.mixture.quantiles, HERE.final, atol=1e-3)
    np.testing.assert_allclose(stated.mixture.above, stated.headline.above, atol=1e-9)
    np.testing.assert_array_equal(stated.mixture.risen, stated.headline.risen)


def test_branches_weighted_by_probability_are_the_mixture() -> None:
    found = answer(FULL)
    assert len(found.branches) == 16
    assert sum(b.probability for b in found.branches) == pytest.approx(1.0)
    weighted = sum(b.probability * b.above for b in found.branches)
    np.testing.assert_allclose(weighted, found.mixture.above, atol=1e-9)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_certainty_is_the_branch(chance: float) -> None:
    found = answer(Scenario(hypotheses=(closure(chance),)))
    branch = found.branches[0 if chance else 1]
    np.testing.assert_allclose(found.mixture.quantiles, branch.quantiles, atol=1e-12)
    np.testing.assert_allclose(found.mixture.risen, branch.risen, atol=1e-12)
    absent = found.branches[1]
    np.testing.assert_allclose(absent.above, found.headline.above, atol=1e-9)


def test_months_before_anything_named_keep_the_stored_numbers() -> None:
    found = answer(Scenario(hypotheses=(closure(),)))
    before = [k for k, p in enumerate(PERIODS) if p < pd.Period("2027-02", "M")]
    for outcome in (found.mixture, *found.branches):
        np.testing.assert_array_equal(outcome.quantiles[before], HERE.final[before])
    assert (np.abs(found.branches[0].quantiles - HERE.final)[len(before)] > 1e-3).any()


def test_a_branch_is_the_headline_of_a_world_in_which_it_is_so() -> None:
    found = answer(FULL)
    for setting, branch in zip(product((True, False), repeat=4), found.branches, strict=True):
        assert branch.on == setting
        late, off, calm, closed = setting
        expiry = replace(EVENTS[1], starts=((date(2027, 7, 10), 1.0),)) if late else EVENTS[1]
        world = [replace(EVENTS[0], probability=float(calm)), expiry, *([] if off else [EVENTS[2]])]
        hypothesis = switches(Scenario(hypotheses=(closure(),)), STATED, EVENTS, KEY, ORIGIN)[0].on
        if closed and hypothesis is not None:
            world.append(replace(hypothesis[0], probability=1.0))
        wanted = mix(HERE.base, courses(world, PERIODS), [e.probability for e in world])
        np.testing.assert_allclose(branch.quantiles, wanted, atol=2.5e-3)


def test_brute_force_agrees() -> None:
    """A world drawn anew: base, events and switches at random, 200,000 times."""
    n, rng = 200_000, np.random.default_rng(3)
    found = answer(FULL).mixture
    step = STEPS - 2
    logs = interpolate(rng.standard_normal(n), SCORES, HERE.base[step])

    def size(event: OpenEvent) -> Array:
        path = course(event, PERIODS)
        t = np.clip(rng.standard_t(4, n), -3, 3)
        day = rng.choice(len(event.starts), n, p=[w for _, w in event.starts])
        slope = np.where(t < 0, path.below[day, step], path.above[day, step])
        return np.asarray(path.location[day, step] + slope * t)

    late = replace(EVENTS[1], starts=((date(2027, 7, 10), 1.0),))
    postponed, cancelled = rng.random(n) < 0.6, rng.random(n) < 0.25
    logs = logs + (rng.random(n) < 0.5) * size(EVENTS[0])
    logs += (rng.random(n) < 0.3) * np.where(postponed, size(late), size(EVENTS[1]))
    logs += (~cancelled & (rng.random(n) < 0.5)) * size(EVENTS[2])
    hypothesis = switches(FULL, STATED, EVENTS, KEY, ORIGIN)[3].on
    assert hypothesis is not None
    logs += (rng.random(n) < 0.4) * size(hypothesis[0])
    reached = [(logs <= q).mean() for q in found.quantiles[step]]
    np.testing.assert_allclose(reached, QUANTILES, atol=4.5 * 0.5 / np.sqrt(n))
    np.testing.assert_allclose(found.above[step], [(logs > x).mean() for x in LEVELS], atol=0.005)


def test_crossing_is_that_of_the_reordered_paths() -> None:
    """Chances of crossing are those of paths with the branch's own marginals, counted by hand."""
    found = answer(Scenario(hypotheses=(closure(),)))
    for outcome, closed in zip(found.branches, (True, False), strict=True):
        world = [*EVENTS]
        on = switches(Scenario(hypotheses=(closure(),)), STATED, EVENTS, KEY, ORIGIN)[0].on
        if closed and on is not None:
            world.append(replace(on[0], probability=1.0))
        levels = shared_levels([e.event_id for e in world], DRAWS, SEED)
        added = shifts(courses(world, PERIODS), [e.probability for e in world], levels)
        paths = reorder(HERE.base_paths + added, outcome.quantiles, QUANTILES)[:, LAG:]
        for k, level in enumerate(LEVELS):
            up = np.maximum.accumulate(paths > level, axis=1).mean(axis=0)
            down = np.maximum.accumulate(paths <= level, axis=1).mean(axis=0)
            np.testing.assert_allclose(outcome.risen[LAG:, k], up, atol=0.006)
            np.testing.assert_allclose(outcome.fallen[LAG:, k], down, atol=0.006)
        assert not outcome.risen[:LAG].any()
        at = np.maximum.accumulate(outcome.above[LAG:], axis=0)
        assert (outcome.risen[LAG:] >= at - 0.5 / DRAWS - 1e-12).all()
        assert (np.diff(outcome.risen, axis=0) >= 0).all()


def test_a_postponed_event_moves_later() -> None:
    later = EventEdit(event_id="expiry", kind="postponed", to=date(2027, 6, 1))
    found = answer(Scenario(edits=(later,))).mixture
    gone = answer(Scenario(edits=(EventEdit(event_id="expiry", kind="cancelled"),))).mixture
    june = int(np.flatnonzero(pd.Period("2027-06", "M") == PERIODS)[0])
    np.testing.assert_allclose(found.quantiles[:june], gone.quantiles[:june], atol=1e-3)
    np.testing.assert_allclose(found.quantiles[june:], HERE.final[june:], atol=1e-3)
    assert (HERE.final[june - 1] - found.quantiles[june - 1]).max() > 0.05


def test_what_does_not_reach_the_series_changes_nothing() -> None:
    elsewhere = replace(closure(), weights={"Nd": 1.0})
    found = answer(Scenario(hypotheses=(elsewhere,)))
    for outcome in (found.mixture, *found.branches):
        np.testing.assert_array_equal(outcome.quantiles, HERE.final)
        np.testing.assert_array_equal(outcome.risen, found.headline.risen)
    assert prepare(HERE.base, ()).steps.size == 0


def test_without_levels_no_draw_is_read() -> None:
    found = answer(FULL, np.zeros(0))
    assert found.mixture.above.shape == found.mixture.risen.shape == (STEPS, 0)
    np.testing.assert_array_equal(found.mixture.quantiles, answer(FULL).mixture.quantiles)
