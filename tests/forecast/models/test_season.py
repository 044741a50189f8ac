"""The season: found where planted, absent where it is not, in its months over holes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.models.base import FitInput
from forecast.models.ets import Ets
from forecast.models.momentum import Momentum
from forecast.models.season import at_periods, seasonal_terms
from forecast.types import Array

WAVE = 0.2 * np.sin(2 * np.pi * np.arange(12) / 12)


def months(n: int) -> pd.PeriodIndex:
    return pd.period_range("2001-04", periods=n, freq="M")


def walk(n: int = 180, seed: int = 0) -> Array:
    return np.asarray(np.cumsum(np.random.default_rng(seed).standard_normal(n) * 0.04))


def seasonal(n: int = 180, seed: int = 0) -> Array:
    return np.asarray(walk(n, seed) + WAVE[np.asarray(months(n).asi8) % 12])


def test_a_planted_season_is_recovered_but_for_what_is_shrunk() -> None:
    found = seasonal_terms(seasonal(), months(180), 12)
    assert np.corrcoef(found, WAVE)[0, 1] > 0.97
    assert 0.75 < np.ptp(found) / np.ptp(WAVE) < 1.1
    assert found.mean() == pytest.approx(0.0, abs=1e-12)


def test_random_walks_hardly_ever_have_one() -> None:
    found = [seasonal_terms(walk(seed=seed), months(180), 12) for seed in range(200)]
    assert sum(terms.size > 1 for terms in found) <= 14  # 3 % and sampling error


@pytest.mark.parametrize(("n", "season"), [(60, 12), (180, 52)])
def test_too_short_or_weekly_has_none(n: int, season: int) -> None:
    assert seasonal_terms(seasonal(n), months(n), season).size == 1


def test_one_jump_makes_no_season() -> None:
    y = walk()
    y[100:] += 3.0
    assert np.ptp(seasonal_terms(y, months(180), 12)) < 0.02


@pytest.mark.parametrize("model", [Momentum(), Ets()], ids=lambda m: m.name)
def test_paths_carry_the_season_in_its_months(model: Momentum | Ets) -> None:
    y = seasonal(200)
    y[30:37] = np.nan
    fitted = model.fit(FitInput(y=y[:170], periods=months(170), season=12))
    data = FitInput(y=y, periods=months(200), season=12)
    path = fitted.paths(data, np.array([150, 181]), 24)
    for row, origin in zip(path, (150, 181), strict=True):
        ahead = np.asarray(months(200 + 24).asi8)[origin + 1 : origin + 13] % 12
        assert np.corrcoef(row[:12], WAVE[ahead])[0, 1] > 0.9
    np.testing.assert_allclose(path[:, 14:23], path[:, 2:11], atol=0.02)
    assert fitted.parameters["seasonal_range"] > 0.25


def test_terms_are_read_by_ordinal() -> None:
    terms = np.arange(12.0)
    np.testing.assert_array_equal(at_periods(terms, np.array([[11, 12], [25, 0]])), [[11.0, 0.0], [1.0, 0.0]])
