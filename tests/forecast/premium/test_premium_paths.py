"""Paths: spread grows with lag and horizon, moments agree with the posterior, same seed same paths."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.errors import InputError
from forecast.models.premium import PremiumPriors, fit_premium
from forecast.types import Array

DAYS = ("2025-04-01", "2025-05-06", "2025-06-04", "2025-09-18", "2025-12-11", "2026-02-05")
PREMIUMS = (0.33, 1.44, 1.31, 1.42, 1.66, 1.67)
AHEAD = pd.period_range("2026-03", "2028-05", freq="M")


def spread_grows(paths: Array) -> bool:
    """Every month adds spread: the sd of each step exceeds that of the step before."""
    sd = paths.std(axis=0)
    return bool(sd[0] > 0.02 and (np.diff(sd) > 0).all())


def test_spread_grows_with_the_horizon(build):
    paths = fit_premium(build(DAYS, PREMIUMS)).draws(AHEAD, 4000, np.random.default_rng(1))
    assert paths.shape == (4000, len(AHEAD))
    assert spread_grows(paths)


def test_a_constant_ratio_is_not_a_model(build):
    fit = fit_premium(build(DAYS, PREMIUMS))
    constant = np.full((4000, len(AHEAD)), fit.components["level_mean"])
    assert not spread_grows(constant)
    uncertain = constant + fit.components["level_sd"] * np.random.default_rng(1).standard_normal((4000, 1))
    assert not spread_grows(uncertain)
    # and the quotes themselves speak against it: a ratio that only ever made one step explains them less
    still = fit_premium(build(DAYS, PREMIUMS), PremiumPriors(sd_grid=(1e-4,)))
    assert fit.components["log_evidence"] > still.components["log_evidence"] + 2


def test_spread_grows_with_the_age_of_the_last_quote(build):
    month = pd.period_range("2026-11", "2026-11", freq="M")
    sds = []
    for kept in (6, 5, 4, 3, 2):
        fit = fit_premium(build(DAYS[:kept], PREMIUMS[:kept]))
        sds.append(fit.draws(month, 20_000, np.random.default_rng(2)).std())
    assert sds == sorted(sds)
    assert sds[-1] > 1.15 * sds[0]


def test_paths_agree_with_the_posterior(build):
    fit = fit_premium(build(DAYS, PREMIUMS))
    months = pd.period_range("2025-05", "2027-11", freq="M")
    paths = fit.draws(months, 40_000, np.random.default_rng(3))
    for j in (0, 4, 8, 12, 30):
        mean, sd = fit.level_at(date(months[j].year, months[j].month, 16))
        assert paths[:, j].mean() == pytest.approx(mean, abs=0.02)
        assert paths[:, j].std() == pytest.approx(sd, rel=0.05)


def test_paths_are_joint_over_time(build):
    """The change from one month to the next is far smaller than the spread of either."""
    paths = fit_premium(build(DAYS, PREMIUMS)).draws(AHEAD, 4000, np.random.default_rng(4))
    assert np.corrcoef(paths[:, 11], paths[:, 12])[0, 1] > 0.9
    assert np.diff(paths, axis=1)[:, 11].std() < 0.5 * paths[:, 12].std()


def test_a_control_makes_heavier_tails_and_a_wider_walk(build):
    held = fit_premium(build(DAYS, PREMIUMS)).draws(AHEAD, 20_000, np.random.default_rng(5))[:, -1]
    free = fit_premium(build(DAYS[:1], PREMIUMS[:1], element="Nd"))
    free_paths = free.draws(AHEAD, 20_000, np.random.default_rng(5))[:, -1]
    assert held.std() > free_paths.std()
    middle, outer = np.quantile(held - np.median(held), [0.9, 0.995])
    assert outer / middle > 2.1  # 2.01 for a normal


def test_a_step_counts_with_its_share_of_the_month(build):
    """The control of 4 April is in force on 27 of 30 days: that share of the step is in the month."""
    inp = build(DAYS[:1], PREMIUMS[:1], known_at=date(2025, 4, 10))
    months = pd.period_range("2025-04", "2025-05", freq="M")
    april, may = fit_premium(inp).draws(months, 40_000, np.random.default_rng(6)).mean(axis=0)
    base = fit_premium(inp).level_at(date(2025, 4, 1))[0]
    assert may - base == pytest.approx(0.5, abs=0.03)
    assert april - base == pytest.approx(0.5 * 27 / 30, abs=0.03)


def test_the_same_seed_gives_the_same_paths(build):
    one, two = (
        fit_premium(build(DAYS, PREMIUMS)).draws(AHEAD, 50, np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_inputs_are_not_changed(build):
    inp = build(DAYS, PREMIUMS)
    points, y = inp.points.copy(), inp.base.y.copy()
    fit_premium(inp).draws(AHEAD, 10, np.random.default_rng(8))
    pd.testing.assert_frame_equal(inp.points, points)
    np.testing.assert_array_equal(inp.base.y, y)


def test_periods_have_to_ascend_and_not_precede_the_quotes(build):
    fit = fit_premium(build(DAYS, PREMIUMS))
    with pytest.raises(InputError, match="ascending"):
        fit.draws(AHEAD[::-1], 10, np.random.default_rng(9))
    with pytest.raises(InputError, match="2025-04-01 or later"):
        fit.level_at(date(2024, 1, 1))
