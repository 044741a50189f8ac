"""Volatilities of series too young to have one."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.distribution.calibration import WARM_UP
from forecast.distribution.volatility import SMALLEST, volatility, with_swing
from forecast.distribution.young import TYPICAL_MONTH, TYPICAL_WEEK, panel_volatility


def walks(n: int, *sds: float) -> np.ndarray:
    steps = np.random.default_rng(2).standard_normal((len(sds), n))
    return np.cumsum(steps * np.array(sds)[:, None], axis=1)


def own(y: np.ndarray) -> np.ndarray:
    return with_swing(y, np.stack([volatility(row) for row in y]), 12)


def test_a_grown_series_has_its_own_to_the_bit() -> None:
    y = walks(120, 0.02, 0.2)
    found = panel_volatility(y, 12)
    np.testing.assert_array_equal(found[:, WARM_UP - 1 :], own(y)[:, WARM_UP - 1 :])
    beside = np.vstack([y, np.full(120, np.nan)])
    beside[2, -2:] = [0.0, 5.0]
    np.testing.assert_array_equal(panel_volatility(beside, 12)[:2, :-1], found[:, :-1])


@pytest.mark.parametrize(("season", "typical"), [(12, TYPICAL_MONTH), (52, TYPICAL_WEEK)])
def test_alone_two_equal_quotes_lean_on_the_shipped_volatility(season: int, typical: float) -> None:
    found = panel_volatility(np.zeros((1, 2)), season)
    assert found[0, 0] == pytest.approx(typical)
    assert found[0, 1] == pytest.approx(5.5 / 6.5 * typical, rel=1e-3)


def test_in_a_panel_they_lean_on_the_median_of_those_that_are_grown() -> None:
    y = np.vstack([walks(60, 0.02, 0.05, 0.2), np.full((2, 60), np.nan)])
    y[3, -2:] = 1.0
    y[4] = 3.0  # never moved: no example for others
    y[0, -1] = np.nan  # quoted a month ago
    found = panel_volatility(y, 12)
    kept = own(y)
    wanted = np.median([kept[0, -2], kept[1, -1], kept[2, -1]])
    assert found[3, -1] == pytest.approx(5.5 / 6.5 * wanted + SMALLEST / 6.5)
    assert found[4, -1] == SMALLEST


def test_the_own_takes_over_without_a_seam() -> None:
    y = walks(60, 0.2)
    ratio = (panel_volatility(y, 12) / own(y))[0, : WARM_UP + 1]
    assert ratio[1] < 0.6
    assert np.abs(np.diff(ratio[10:])).max() < 0.06
    assert ratio[WARM_UP - 1] == 1.0
