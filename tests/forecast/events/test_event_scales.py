"""Scales of broad types: the grid against brute force, the predictive t against the mixture it stands for."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy import stats

from forecast.events.dummies import columns
from forecast.events.effects import fit_effects
from forecast.events.reading import read_events
from forecast.events.scales import (
    GRID,
    SCALE,
    SCALE_DOF,
    grid_weights,
    joint_nodes,
    log_prior,
    matching_t,
    normalise,
    prior_t,
)
from tests.forecast.events.makers import change, event, history, in_force, walk


def test_the_prior_of_a_factor_is_a_half_t() -> None:
    weights = normalise(log_prior())
    for upper in (10, 15, 20):
        edge = np.sqrt(GRID[upper - 1] * GRID[upper])
        assert weights[:upper].sum() == pytest.approx(2 * stats.t.cdf(edge / SCALE, SCALE_DOF) - 1, abs=0.06)


def test_the_table_keeps_its_range() -> None:
    """Of one effect, before any price: the 90 % range of a t of 4 with the table's scale."""
    mean, scale, dof = prior_t()
    assert mean == 0.0
    assert scale * stats.t.ppf(0.95, dof) == pytest.approx(stats.t.ppf(0.95, 4), rel=0.02)


def test_grid_weights_equal_the_evidence_of_the_data() -> None:
    rng = np.random.default_rng(4)
    kinds = np.array([0, 0, 2, 2, 2])
    x, middle = rng.normal(size=(40, 5)), np.array([0.7, 1.0, 0.4, 0.6])
    y = x @ rng.normal(size=5) + rng.normal(size=40)
    root = rng.normal(size=(5, 5)) * (kinds[:, None] == kinds)
    prior = root @ root.T + 0.3 * np.eye(5)
    z = np.column_stack([x, y])
    weights = grid_weights(z.T @ z, np.linalg.inv(prior), kinds, middle)
    np.testing.assert_allclose(weights[[1, 3]], [normalise(log_prior())] * 2, rtol=1e-12)
    for kind in (0, 2):
        found = []
        for tau in GRID:
            factor = np.where(kinds == kind, tau, middle[kinds])
            covariance = x @ (prior * np.outer(factor, factor)) @ x.T + np.eye(40)
            found.append(stats.multivariate_normal(cov=covariance).logpdf(y))
        np.testing.assert_allclose(weights[kind], normalise(np.array(found) + log_prior()), atol=1e-9)


def test_joint_nodes_have_the_quantiles_of_the_grid() -> None:
    narrow = normalise(-0.5 * (np.log(GRID) - 0.3) ** 2 / 0.2**2)
    nodes = joint_nodes(np.stack([normalise(log_prior()), narrow]))
    assert np.log(nodes[:, 1]).mean() == pytest.approx(0.3, abs=0.02)
    assert np.log(nodes[:, 1]).std() == pytest.approx(0.2, abs=0.04)
    assert abs(np.corrcoef(nodes.T)[0, 1]) < 0.2
    np.testing.assert_array_equal(nodes, joint_nodes(np.stack([normalise(log_prior()), narrow])))


def test_matching_t_has_the_range_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    centres, scales = rng.normal(size=(20, 2)) * [0.2, 1.0], rng.uniform(0.5, 2, size=(20, 2))
    mean, scale, dof = matching_t(centres, scales)
    draws = centres + scales * rng.standard_t(4, size=(400_000 // 20, 20, 2))
    for k in range(2):
        low, high = np.quantile(draws[:, :, k], [0.05, 0.95])
        assert 2 * scale[k] * stats.t.ppf(0.95, dof[k]) == pytest.approx(high - low, rel=0.02)
        assert mean[k] == pytest.approx(centres[:, k].mean())
        assert 3 <= dof[k] <= 30


@pytest.mark.parametrize(("size", "wider"), [(0.0, False), (0.6, True)])
def test_a_type_learns_how_large_its_effects_are(size: float, wider: bool) -> None:
    """Six closures that did nothing narrow what the next may do; six that did much widen it."""
    days = [date(2017 + i, 2 + i, 3) for i in range(6)]
    mines = [in_force(f"M{i}", d, instrument="mine-closure", elements={"Dy": "supply"})
             for i, d in enumerate(days)]  # fmt: skip
    start = change("effective", date(2025, 6, 1), date(2025, 1, 1), 0.5)
    ahead = event(
        "NEXT", date(2025, 1, 1), instrument="mine-closure", elements={"Dy": "supply"}, changes=[start]
    )
    day, quiet = date(2025, 1, 31), history("Dy", walk(110, 1, 0.02))
    jumps = columns(read_events(mines, "cn", day), quiet.periods) @ (size * (-1.0) ** np.arange(6))
    prices = history("Dy", quiet.y * np.exp(jumps))
    known = next(e for e in fit_effects([prices], [*mines, ahead], day).estimates if not e.informed)
    (alone,) = fit_effects([], [ahead], day, market="cn").estimates
    assert known.events_behind == 6
    assert (known.high - known.low > alone.high - alone.low) is wider
