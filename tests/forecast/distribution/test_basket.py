"""Baskets and crossings are answers of paths: they differ from what marginals would say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.distribution.basket import basket, reach, standard_error
from forecast.distribution.paths import past_scores, reorder
from forecast.types import QUANTILES

MONTHS = 12


def joint() -> tuple[np.ndarray, np.ndarray]:
    """Two prices whose past errors correlate with 0.8."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((2, 150))
    errors = np.stack([common[0], 0.8 * common[0] + 0.6 * common[1]])
    walks = np.cumsum(past_scores(1000, MONTHS, errors, rng), axis=1)
    scores = np.sort(rng.standard_normal(2001))[[round(q * 2000) for q in QUANTILES]]
    fan = np.outer(0.06 * np.sqrt(np.arange(1, MONTHS + 1)), scores)
    return tuple(np.exp(5.0 + reorder(walks[:, :, u], fan, QUANTILES)) for u in range(2))  # type: ignore[return-value]


def test_the_variance_of_a_basket_is_that_of_its_paths_and_not_the_independent_one() -> None:
    first, second = joint()
    found = basket([first, second], [np.full(MONTHS, 3.0), np.full(MONTHS, 1.0)])
    for month in range(MONTHS):
        by_hand = [(3 * a + b) / 4 for a, b in zip(first[:, month], second[:, month], strict=True)]
        assert found.unit[:, month].var() == pytest.approx(np.var(by_hand))
        alone = (9 * first[:, month].var() + second[:, month].var()) / 16
        assert found.unit[:, month].var() > 1.25 * alone
    total = [sum(3 * a + b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(found.total, total)
    months_alone = sum((3 * first[:, m] + second[:, m]).var() for m in range(MONTHS))
    assert found.total.var() > 3 * months_alone


def test_a_month_without_a_purchase_has_no_unit_cost() -> None:
    first, second = joint()
    amounts = np.array([1.0] * 6 + [0.0] * 6)
    found = basket([first, second], [amounts, amounts])
    assert np.isnan(found.unit[:, 6:]).all()
    np.testing.assert_allclose(found.total, (first + second)[:, :6].sum(axis=1))


def test_crossing_by_is_likelier_than_beyond_at() -> None:
    found = reach(joint()[0]).crossing(160.0, above=True)
    assert (found.within >= np.maximum.accumulate(found.at)).all()
    assert found.within[-1] > 1.3 * found.at[-1]


@given(
    arrays(np.float64, (20, 6), elements=st.floats(1, 100)),
    st.floats(1, 100),
    st.booleans(),
)
def test_crossing_counts_paths(paths: np.ndarray, level: float, above: bool) -> None:
    found = reach(paths).crossing(level, above=above)
    beyond = paths > level if above else paths < level
    assert found.within.tolist() == [beyond[:, : k + 1].any(axis=1).mean() for k in range(6)]
    assert (found.within >= found.at).all()


def test_standard_error_of_a_share() -> None:
    assert standard_error(0.5, 1000) == pytest.approx(0.0158, abs=1e-4)
    assert standard_error(0.0, 1000) == 0.0
