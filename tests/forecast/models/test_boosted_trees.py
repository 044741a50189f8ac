"""The stored forest against the library that grew it."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from forecast.models.trees import forest_of


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("leaves", [2, 6, 31])
def test_a_forest_says_what_the_library_says(quantile: float, leaves: int) -> None:
    rng = np.random.default_rng(leaves)
    rows = rng.normal(size=(1500, 6))
    rows[rng.random(rows.shape) < 0.15] = np.nan
    rows[:, 4] = np.where(rng.random(1500) < 0.5, np.nan, 1.0)  # only whether it is missing tells anything
    moves = (
        np.nan_to_num(rows[:, 0]) * 2
        + np.isnan(rows[:, 1])
        - 3 * np.isnan(rows[:, 4])
        + rng.normal(size=1500)
    )
    model = HistGradientBoostingRegressor(
        loss="quantile", quantile=quantile, max_iter=40, max_leaf_nodes=leaves, early_stopping=False
    ).fit(rows, moves)
    unseen = rng.normal(size=(700, 6)) * 3
    unseen[rng.random(unseen.shape) < 0.3] = np.nan
    unseen[:300] = rows[:300]
    unseen[300:310] = np.nan
    unseen[310:312] = [[1e308] * 6, [-1e308] * 6]
    forest = forest_of(model)
    assert len(forest.first) == 40
    np.testing.assert_allclose(forest.predict(unseen), model.predict(unseen), rtol=0, atol=1e-12)


def test_a_split_on_missing_alone_is_kept() -> None:
    rows = np.array([[1.0], [np.nan]] * 100)
    moves = np.array([2.0, 5.0] * 100)
    model = HistGradientBoostingRegressor(
        loss="quantile", quantile=0.5, max_iter=1, learning_rate=1.0, early_stopping=False
    ).fit(rows, moves)
    found = forest_of(model).predict(np.array([[-50.0], [1.0], [1e9], [np.nan]]))
    np.testing.assert_allclose(found, [2.0, 2.0, 2.0, 5.0], rtol=0, atol=1e-12)


def test_targets_that_do_not_differ_give_a_forest_of_single_leaves() -> None:
    rows = np.random.default_rng(1).normal(size=(100, 2))
    model = HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=3).fit(
        rows, np.full(100, 0.7)
    )
    np.testing.assert_allclose(forest_of(model).predict(rows), 0.7, rtol=0, atol=1e-12)
