"""The worst weeks of a range, on prices whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.weekly import AHEAD, WINDOW, split_conformal, volatility, worst

HALF = 200


def prices(calm: float, wild: float) -> pd.Series:
    """400 weeks of a random walk whose steps change their size once, at week 300."""
    steps = np.random.default_rng(1).normal(size=400) * np.where(np.arange(400) < 300, calm, wild)
    return pd.Series(np.exp(steps.cumsum()), index=pd.date_range("2015-01-02", periods=400, freq="W-FRI"))


def test_worst_is_the_lowest_share_over_consecutive_origins_and_where_it_ends() -> None:
    hits = pd.Series(1.0, index=pd.date_range("2020-01-03", periods=100, freq="W-FRI"))
    hits.iloc[40:53] = 0.0
    low, end = worst(hits)
    assert low == pytest.approx(1 - 13 / WINDOW)
    assert end == hits.index[52]


def test_a_static_range_holds_its_share_while_nothing_changes() -> None:
    hits = split_conformal(prices(0.02, 0.02), HALF, scaled=False)
    assert len(hits) == 400 - HALF - AHEAD
    assert 0.65 < hits.mean() < 0.92


def test_a_range_that_knows_the_volatility_survives_a_change_of_it() -> None:
    y = prices(0.01, 0.06)
    static, scaled = (split_conformal(y, HALF, scaled=scaled) for scaled in (False, True))
    assert worst(static)[0] < worst(scaled)[0]
    assert static.iloc[-80:].mean() < 0.4
    assert scaled.iloc[-80:].mean() > 0.6


def test_volatility_is_the_weighted_root_mean_square() -> None:
    found = volatility(np.array([0.1, 0.0, 0.2]))
    assert found[0] == pytest.approx(0.1)
    weights = 0.94 ** np.array([2, 1, 0])
    assert found[2] == pytest.approx(np.sqrt(np.average([0.01, 0.0, 0.04], weights=weights)))
