"""Common news: recovered where planted, nothing where there is none, nothing from later."""

from __future__ import annotations

import numpy as np

from forecast.distribution.common import LARGEST, PRIOR_PERIODS, common_shift
from forecast.types import Array


def panel(share: float, seed: int = 0, series: int = 10, length: int = 300) -> tuple[Array, Array]:
    """(y, errors of the random walk (u, t, 3)): a common shock is followed by `share` of it a step later."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(length)
    common[1:] += share * common[:-1].copy()
    y = np.cumsum(0.03 * common + 0.03 * rng.standard_normal((series, length)), axis=1)
    errors = np.full((series, length, 3), np.nan)
    for k in range(3):
        errors[:, : -k - 1, k] = y[:, k + 1 :] - y[:, : -k - 1]
    return y, errors


def test_planted_news_is_taken_up_and_helps() -> None:
    _, errors = panel(0.5)
    shift = common_shift(errors, np.full(errors.shape[:2], 0.045))
    late = slice(150, -3)
    for k in range(3):
        ratio = np.nanmean((errors - shift)[:, late, k] ** 2) / np.nanmean(errors[:, late, k] ** 2)
        assert ratio < (0.95, 0.99, 0.995)[k]  # 0.91 is to be had at the first step, less further out


def test_without_news_the_paths_hardly_move() -> None:
    _, errors = panel(0.0, seed=1)
    shift = common_shift(errors, np.full(errors.shape[:2], 0.045))
    assert shift[:, 150:].std() < 0.1 * np.nanstd(errors[:, 150:])


def test_the_coefficient_is_that_of_a_ridge() -> None:
    _, errors = panel(0.5, seed=2)
    sd = np.full(errors.shape[:2], 0.045)
    at, k = 250, 1
    later = np.clip(errors[:, : at - k, k] / 0.045 / 2**0.5, -LARGEST, LARGEST).mean(axis=0)
    one = np.clip(errors[:, :, 0] / 0.045, -LARGEST, LARGEST).mean(axis=0)
    news = np.concatenate([[0.0], one[: at - k - 1]])
    slope = news @ later / (news @ news + PRIOR_PERIODS * 2**0.5)
    np.testing.assert_allclose(
        common_shift(errors, sd)[:, at, k], slope * one[at - 1] * 0.045 * 2**0.5, rtol=1e-9
    )


def test_nothing_from_after_the_origin() -> None:
    y, errors = panel(0.5, seed=3)
    sd = np.full(errors.shape[:2], 0.045)
    changed = errors.copy()
    for k in range(3):
        changed[:, 200 - k :, k] = 9.0  # targets after position 200
    np.testing.assert_array_equal(common_shift(errors, sd)[:, :201], common_shift(changed, sd)[:, :201])
    assert y.shape == errors.shape[:2]


def test_a_panel_without_errors_has_no_news() -> None:
    nothing = np.full((2, 5, 8), np.nan)
    np.testing.assert_array_equal(common_shift(nothing, np.full((2, 5), 0.05)), 0.0)
