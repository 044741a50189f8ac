"""Common news: recovered where planted, nothing where there is none, nothing from later."""

from __future__ import annotations

import numpy as np

from forecast.distribution.common import LARGEST, OWN, PRIOR_PERIODS, USUAL, common_news
from forecast.types import Array


def common_shift(errors: Array, sd: Array) -> Array:
    return common_news(errors, sd).shift(sd)


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
    raw = np.concatenate([[0.0], one[:at]])  # known at each position up to the origin
    spread = np.array([(raw[: t + 1] ** 2).sum() / max(t, 1) for t in range(at + 1)]) ** 0.5
    news = np.clip(np.divide(raw, spread, out=np.zeros_like(raw), where=spread > 0), -USUAL, USUAL)
    before = news[: at - k]
    slope = before @ later / (before @ before + PRIOR_PERIODS * 2**0.5) * 10 / (10 + OWN)
    found = common_shift(errors, sd)[:, at, k]
    np.testing.assert_allclose(found, slope * news[at] * 0.045 * 2**0.5, rtol=1e-9)


def test_unheard_of_news_counts_as_usual_news() -> None:
    _, errors = panel(0.5, seed=4)
    sd = np.full(errors.shape[:2], 0.045)
    shocked = errors.copy()
    shocked[:, 250, 0] = 5.0
    before, after = np.abs(common_shift(errors, sd)), np.abs(common_shift(shocked, sd))
    assert after[:, 251].max() < 1.5 * before[:, 150:250].max()


def test_few_series_go_on_less() -> None:
    _, errors = panel(0.5, seed=5, series=20)
    sd = np.full(errors.shape[:2], 0.045)
    many, few = common_shift(errors, sd), common_shift(errors[:2], sd[:2])
    assert few[0, 150:].std() < 0.7 * many[0, 150:].std()


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
