"""The exact mixture against brute force, quadrature and its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import t as student

from forecast.distribution.mixture import SCORES, apart, base_above, excess_table, mix, prepare
from forecast.distribution.paths import interpolate, strict
from forecast.errors import InputError
from forecast.events.course import Course
from forecast.types import QUANTILES, Array

STEPS = 12
LEVELS = np.array([4.6, 5.0, 5.4, 6.5])


def base(sd: float = 0.06, skew: float = 0.1) -> Array:
    """A fan with heavier tails than a normal, wider on one side: what calibration gives."""
    shape = SCORES + skew * SCORES * np.abs(SCORES) + 0.05 * SCORES**2
    return np.asarray(5.0 + np.outer(sd * np.sqrt(np.arange(1, STEPS + 1)), shape))


def term(
    mean: float, below: float, above: float, start: int, *, dof: float = 4.0, limit: float = 3.0
) -> Course:
    """The same effect at every step from `start` on."""
    on = np.where(np.arange(STEPS) >= start, 1.0, 0.0)[None]
    return Course(
        name="e",
        shares=np.ones(1),
        location=mean * on,
        below=below * on,
        above=above * on,
        dof=dof,
        limit=limit,
    )


TERMS = (
    term(0.5, 0.8, 0.8, 6),
    term(-0.1, 0.25, 0.25, 4),
    term(0.03, 0.05, 0.2, 3),
    term(-0.05, -0.1, -0.02, 0),
    term(0.3, 0.0, 0.0, 8),
    term(0.05, 0.04, 0.04, 0, dof=8.0, limit=10.0),
)
CHANCES = (0.15, 0.5, 0.8, 0.95, 0.3, 1.0)


def draw(step: int, n: int, rng: np.random.Generator) -> Array:
    """Brute force: draws of base and events at one step."""
    out = interpolate(rng.standard_normal(n), SCORES, base()[step])
    for course, chance in zip(TERMS, CHANCES, strict=True):
        t = np.clip(rng.standard_t(course.dof, n), -course.limit, course.limit)
        size = course.location[0, step] + np.where(t < 0, course.below[0, step], course.above[0, step]) * t
        out = out + np.where(rng.random(n) < chance, size, 0.0)
    return np.asarray(out)


@pytest.mark.parametrize("step", [0, 3, 11])
def test_brute_force_agrees(step: int) -> None:
    n = 1_000_000
    draws = draw(step, n, np.random.default_rng(step))
    mixture = prepare(base(), TERMS)
    below = mixture.below(CHANCES)
    found = mixture.quantiles(below)[step]
    reached = np.array([(draws <= q).mean() for q in found])
    np.testing.assert_allclose(reached, QUANTILES, atol=4.5 * 0.5 / np.sqrt(n))
    above = [(draws > level).mean() for level in LEVELS]
    np.testing.assert_allclose(mixture.above(below, LEVELS)[step], above, atol=4.5 * 0.5 / np.sqrt(n))


@pytest.mark.parametrize("course", [TERMS[0], TERMS[2], TERMS[3]])
def test_quadrature_agrees(course: Course) -> None:
    """One certain effect: its distribution function as an integral over the effect's density."""
    step, dof, limit = 9, course.dof, course.limit
    row = strict(base()[step])
    low, high, at = course.below[0, step], course.above[0, step], course.location[0, step]
    mixture = prepare(base(), [course])
    below = mixture.below([1.0])

    def reached(t: float, level: float) -> float:
        x = np.array([level - at - (low if t < 0 else high) * t])
        return float(ndtr(interpolate(x, row, SCORES))[0])

    row_of = int(np.flatnonzero(mixture.steps == step)[0])
    for level in LEVELS[:3]:
        inside = [
            quad(lambda t, x=level: reached(t, x) * student.pdf(t, dof), *ends, limit=200, epsabs=1e-6)[0]
            for ends in ((-limit, 0.0), (0.0, limit))
        ]
        tail = student.sf(limit, dof)
        wanted = 1.0 - sum(inside) - tail * (reached(-limit, level) + reached(limit, level))
        assert mixture.above(below, LEVELS)[row_of, list(LEVELS).index(level)] == pytest.approx(
            wanted, abs=3e-5
        )


@given(st.lists(st.floats(0, 1), min_size=len(TERMS), max_size=len(TERMS)), st.integers(0, len(TERMS) - 1))
def test_branches_weighted_by_probability_are_the_mixture(chances: list[float], event: int) -> None:
    mixture = prepare(base(), TERMS)
    happens, does_not = list(chances), list(chances)
    happens[event], does_not[event] = 1.0, 0.0
    p = chances[event]
    weighted = p * mixture.below(happens) + (1 - p) * mixture.below(does_not)
    np.testing.assert_allclose(weighted, mixture.below(chances), atol=1e-12)


def test_a_step_that_nothing_moves_comes_back_bit_for_bit() -> None:
    found = mix(base(), TERMS[:3], CHANCES[:3])
    np.testing.assert_array_equal(found[:3], base()[:3])
    assert (np.abs(found[3:] - base()[3:]).max(axis=1) > 1e-3).all()
    np.testing.assert_array_equal(mix(base(), TERMS, [0.0] * len(TERMS)), base())


def test_an_effect_of_known_size_shifts_every_quantile() -> None:
    np.testing.assert_allclose(mix(base(), [term(0.3, 0, 0, 0)], [1.0]), base() + 0.3, atol=3e-4)


def test_a_price_that_never_moved_takes_the_effect_alone() -> None:
    flat = np.full((STEPS, 21), 4.0)
    found = mix(flat, [term(0.2, 0.1, 0.1, 0)], [1.0])
    wanted = 4.2 + 0.1 * np.clip(student.ppf(QUANTILES, 4), -3, 3)
    np.testing.assert_allclose(found[0], wanted, atol=1e-3)


def test_a_model_without_a_path_gets_none() -> None:
    without = base()
    without[4] = np.nan
    assert np.isnan(mix(without, TERMS, CHANCES)).all()


def test_several_days_of_start_share_one_event() -> None:
    """One event on either of two days is the mixture of two events that exclude each other."""
    early, late = term(0.4, 0.1, 0.1, 2), term(0.4, 0.1, 0.1, 7)
    both = Course(
        name="e",
        shares=np.array([0.25, 0.75]),
        location=np.concatenate([early.location, late.location]),
        below=np.concatenate([early.below, late.below]),
        above=np.concatenate([early.above, late.above]),
        dof=4.0,
        limit=3.0,
    )
    mixture = prepare(base(), [early, late, both])
    wanted = 0.25 * mixture.below([1, 0, 0]) + 0.75 * mixture.below([0, 1, 0])
    np.testing.assert_allclose(mixture.below([0, 0, 1]), wanted, atol=1e-12)


def test_events_taken_apart_leave_the_numbers_of_the_rest_alone() -> None:
    """What is asked about an event, or one more, starts from the same distribution functions."""
    whole = prepare(base(), TERMS, everywhere=True)
    new = term(1.0, 0.5, 0.5, 4)
    asked = apart(whole, CHANCES, [1], [new])
    assert asked.steps.tolist() == list(range(4, STEPS))
    found = asked.quantiles(asked.below([CHANCES[1], 0.0]))
    np.testing.assert_allclose(found, whole.quantiles(whole.below(CHANCES))[4:], atol=1e-9)
    direct = prepare(base(), [*TERMS, new])
    with_it = direct.quantiles(direct.below([*CHANCES[:1], 1.0, *CHANCES[2:], 0.6]))[4:]
    np.testing.assert_allclose(asked.quantiles(asked.below([1.0, 0.6])), with_it, atol=1e-3)


def test_the_base_alone_stands_above_a_level_as_its_quantiles_say() -> None:
    found = base_above(base(), base()[5, [0, 10, 20]])
    np.testing.assert_allclose(found[5], [0.975, 0.5, 0.025], atol=1e-9)


def test_excess_of_a_limited_t() -> None:
    table = excess_table(4.0, 3.0)
    t = np.clip(np.random.default_rng(1).standard_t(4, 400_000), -3, 3)
    for z, value in ((-3.0, table[0]), (0.0, table[len(table) // 2]), (3.0, table[-1])):
        assert value == pytest.approx(np.maximum(z - t, 0).mean(), abs=0.01)
    assert table[-1] == pytest.approx(3.0, abs=1e-12)


def test_a_further_effect_on_a_price_that_hardly_moves_is_refused_and_not_laid_out() -> None:
    """Its cells would number millions: the answer is a sentence, not a gigabyte."""
    mixture = prepare(base(sd=1e-5), [], everywhere=True)
    with pytest.raises(InputError, match="far larger"):
        apart(mixture, [], [], [term(0.5, 0.8, 0.8, 6)])
