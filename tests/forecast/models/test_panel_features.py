"""Features: by the book, free of the unit, and blind to what comes after their period."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.models.base import FitInput
from forecast.models.features import lags, moves, panel_features, scale_of, series_features
from forecast.types import Array


def given_input(y: Array, start: str = "2010-01", freq: str = "M") -> FitInput:
    periods = pd.period_range(start, periods=y.size, freq=freq)
    return FitInput(y=y, periods=periods, season=12 if freq == "M" else 52)


def holed(n: int, seed: int, missing: float = 0.2) -> Array:
    rng = np.random.default_rng(seed)
    y = 3.0 + np.cumsum(rng.normal(size=n) * 0.04)
    y[rng.random(n) < missing] = np.nan
    y[-1] = 3.0
    return y


def slow_scale(y: Array, at: int) -> tuple[float, float]:
    """Weighted means over all changes up to a period, one by one: weight of a change by its age in steps."""
    known = [i for i in range(at + 1) if np.isfinite(y[i])]
    recent = weight = total = 0.0
    for before, i in pairwise(known):
        gap = i - before
        share = (1 - 0.94**gap) * 0.94 ** (at - i)
        recent += share * (y[i] - y[before]) ** 2 / gap
        weight += share
        total += (y[i] - y[before]) ** 2
    return recent / weight, total / (known[-1] - known[0])


def test_the_scale_equals_its_slow_twin() -> None:
    y = holed(80, seed=1)
    scale = scale_of(y)
    for at in np.flatnonzero(np.isfinite(y))[1:]:
        wanted = slow_scale(y, int(at))
        assert (scale.fast[at], scale.slow[at]) == pytest.approx(wanted, rel=1e-12)
    assert np.isnan(scale.one[~np.isfinite(y)]).all()


def test_a_move_over_a_missing_quote_is_missing() -> None:
    y = np.array([0.0, 0.1, np.nan, 0.3, 0.5])
    found = moves(y, np.full(5, 0.1), 2)
    np.testing.assert_allclose(found, [np.nan, np.nan, np.nan, 0.2 / 0.1 / 2**0.5, np.nan])
    assert np.isnan(moves(y, np.ones(5), 5)).all()


@pytest.mark.parametrize(("season", "wanted"), [(12, (1, 2, 3, 6, 12)), (52, (1, 2, 4, 13, 26, 52))])
def test_lags_are_those_of_the_calendar(season: int, wanted: tuple[int, ...]) -> None:
    assert lags(season) == wanted


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 999), missing=st.floats(0.0, 0.7), cut=st.integers(5, 90))
def test_later_prices_change_no_feature(seed: int, missing: float, cut: int) -> None:
    y = holed(100, seed, missing)
    changed = y.copy()
    changed[cut:] = np.random.default_rng(seed + 1).normal(size=100 - cut)
    plain, odd = series_features(given_input(y))
    other, _ = series_features(given_input(changed))
    np.testing.assert_array_equal(plain[:cut], other[:cut])
    moved, _ = series_features(given_input(y + 2.0))
    np.testing.assert_allclose(moved, plain, rtol=0, atol=2.1e-6)
    turned, _ = series_features(given_input(-y))
    np.testing.assert_allclose(turned[:, :odd], -plain[:, :odd], rtol=0, atol=2.1e-6)
    np.testing.assert_allclose(turned[:, odd:], plain[:, odd:], rtol=0, atol=2.1e-6)


def test_the_mood_is_the_median_of_the_series_quoted_in_a_period() -> None:
    data = [
        given_input(holed(90, 1), "2010-01"),
        given_input(holed(60, 2), "2011-04"),
        given_input(holed(40, 3), "2014-01"),
        given_input(np.full(50, 2.0), "2010-01"),
    ]
    found = panel_features(data)
    assert [f.shape for f in found] == [(90, 2), (60, 2), (40, 2), (50, 2)]
    scales = [scale_of(d.y) for d in data]
    quarters = [moves(d.y, s.one, 3) for d, s in zip(data, scales, strict=True)]
    for period in pd.period_range("2010-01", "2017-04", freq="M"):
        at = [(u, d.periods.get_loc(period)) for u, d in enumerate(data) if period in d.periods]
        momentum = [quarters[u][i] for u, i in at if np.isfinite(quarters[u][i])]
        regime = [scales[u].regime[i] for u, i in at if np.isfinite(scales[u].regime[i])]
        wanted = [np.median(values) if values else np.nan for values in (momentum, regime)]
        for u, i in at:
            np.testing.assert_allclose(found[u][i], wanted, rtol=1e-12)


def test_the_mood_of_a_period_knows_no_later_price() -> None:
    full = [given_input(holed(90, seed)) for seed in range(5)]
    cut = [given_input(d.y[:60]) for d in full]
    for whole, early in zip(panel_features(full), panel_features(cut), strict=True):
        np.testing.assert_array_equal(whole[:60], early)
