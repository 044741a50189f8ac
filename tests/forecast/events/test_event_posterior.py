"""The posterior against brute force: dense covariances, in the space of the data."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from forecast.events.dummies import columns
from forecast.events.effects import fit_effects
from forecast.events.estimation import measure
from forecast.events.posterior import AVERAGING, GROUP_SD, OWN_SD, discount, innovations
from forecast.events.reading import GROUP_TYPES, GROUPS, read_events
from forecast.events.scales import joint_nodes
from tests.forecast.events.makers import history, in_force, walk

DAY = date(2020, 12, 31)


def level_covariance(n: int) -> np.ndarray:
    """Covariance of n MA(1) changes of consecutive steps with unit shocks."""
    a = AVERAGING
    return (1 + a * a) * np.eye(n) + a * (np.eye(n, k=1) + np.eye(n, k=-1))


def change_covariance(quotes: np.ndarray) -> np.ndarray:
    """The same for changes between quotes that are steps apart, by adding the steps up."""
    steps = quotes[-1] - quotes[0]
    sums = np.zeros((len(quotes) - 1, steps))
    for i, (one, two) in enumerate(pairwise(quotes)):
        sums[i, one - quotes[0] : two - quotes[0]] = 1
    return sums @ level_covariance(steps) @ sums.T


@pytest.mark.parametrize("quotes", [np.arange(9), np.array([0, 1, 4, 5, 11, 12, 13])])
def test_innovations_are_independent_with_unit_variance(quotes: np.ndarray) -> None:
    n = len(quotes) - 1
    root = innovations(np.eye(n), np.diff(quotes).astype(float))
    np.testing.assert_allclose(root @ change_covariance(quotes) @ root.T, np.eye(n), atol=1e-12)


def test_posterior_equals_dense_generalised_least_squares() -> None:
    dy, tb, nd = walk(48, 1), walk(48, 2, 0.06), walk(48, 3)
    dy[[10, 11, 30]] = np.nan
    tb[11] = np.nan
    histories = [history("Dy", dy, "2017-01"), history("Tb", tb, "2017-01"), history("Nd", nd[6:], "2017-07")]
    mine = "mine-closure"
    everywhere = dict.fromkeys(("Dy", "Tb", "Nd"), "sympathy")
    events = [
        in_force("A", date(2018, 2, 1), instrument=mine, elements={"Dy": "supply", "Tb": "supply"}),
        in_force("B", date(2018, 3, 20), instrument="threat", elements=everywhere),
        in_force("C", date(2019, 7, 9), instrument=mine, elements={"Dy": "supply", "Nd": "partial"}),
        in_force("D", date(2020, 1, 9), instrument="licence"),
    ]
    fit = fit_effects(histories, events, DAY)
    readings = fit.readings
    found = measure(histories, readings)
    assert found is not None
    posterior = found.posterior
    assert found.readings == readings
    scales, means = np.array([r.scale for r in readings]), np.array([r.mean for r in readings])

    # changes of every series below each other, and where each ends
    y, x, ends, blocks = [], [], [], []
    for s, h in enumerate(histories):
        quotes = np.flatnonzero(np.isfinite(h.y))
        dummies = columns(readings, h.periods)[quotes] * [r.weight(h.key.element) for r in readings]
        y.append(np.diff(h.log_price[quotes]))
        x.append(np.diff(dummies, axis=0))
        ends += [(h.periods[q].ordinal - histories[0].periods[0].ordinal, s) for q in quotes[1:]]
        blocks.append(np.linalg.cholesky(change_covariance(quotes)))
    sizes = np.cumsum([0, *[len(b) for b in blocks]])
    lower = np.zeros((sizes[-1], sizes[-1]))
    for block, a, b in zip(blocks, sizes, sizes[1:], strict=False):
        lower[a:b, a:b] = block
    x_all = np.vstack(x) * scales
    y_all = np.concatenate(y) - np.vstack(x) @ means
    same = np.array([[a.group == b.group for b in readings] for a in readings])
    own_group = np.array(found.members)
    own_type = np.array(GROUP_TYPES)[own_group]

    def dense(noise, tails, tau):  # type: ignore[no-untyped-def]
        shock = np.array(
            [
                [
                    (p == q) * noise.sd[s] * noise.sd[r] * noise.correlation[s, r] / noise.precision[p]
                    for q, r in ends
                ]
                for p, s in ends
            ]
        )
        v = lower @ shock @ lower.T
        prior = same * (GROUP_SD**2 / tails.group[own_group]) + np.diag(OWN_SD**2 / tails.own)
        prior = prior * np.outer(tau, tau)
        gain = prior @ x_all.T @ np.linalg.inv(x_all @ prior @ x_all.T + v)
        return gain @ y_all, prior - gain @ x_all @ prior

    here = np.bincount([p for p, _ in ends], minlength=48)
    vague = discount(posterior.noise, posterior.tails, here)
    nodes = joint_nodes(posterior.scales)[:, own_type]
    means = np.array([dense(posterior.noise, posterior.tails, tau)[0] for tau in nodes])
    inside = np.mean([dense(*vague, tau)[1] for tau in nodes], axis=0)
    g = len(GROUPS)
    np.testing.assert_allclose(posterior.mean[g:], means.mean(axis=0), rtol=0, atol=1e-9)
    between = np.cov(means.T, bias=True)
    np.testing.assert_allclose(posterior.covariance[g:, g:], inside + between, rtol=0, atol=1e-9)
    for estimate, v in zip(fit.estimates, posterior.mean[g:], strict=True):
        assert estimate.mean == pytest.approx(estimate.reading.mean + estimate.reading.scale * v, abs=1e-9)


def test_a_wild_month_counts_less() -> None:
    y = walk(60, 5)
    y[30:] *= 1.6
    events = [in_force("A", date(2017, 2, 1), instrument="mine-closure")]
    found = measure([history("Dy", y, "2016-01")], read_events(events, "cn", DAY))
    assert found is not None
    precision = found.posterior.noise.precision
    assert precision[30] == precision.min()
    assert precision[30] < 0.1


def test_a_longer_gap_is_weaker_evidence() -> None:
    on = date(2018, 7, 1)
    full = walk(60, 6)
    gap = full.copy()
    gap[24:36] = np.nan
    events = [in_force("A", on, instrument="quota")]
    near, far = (fit_effects([history("Dy", y, "2016-01")], events, DAY).estimates[0] for y in (full, gap))
    assert far.sd > near.sd
