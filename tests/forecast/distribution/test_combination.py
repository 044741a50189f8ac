"""Weights: they follow past scores only, are smooth, and add up."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.distribution.combination import (
    PRIOR_WEIGHTS,
    UNKNOWN_WEIGHT,
    combination_weights,
    combine,
    log_ratios,
    smooth,
)
from forecast.types import Array

U, J, K = 4, 24, 12
ALL = np.ones((J, K), dtype=bool)


def table(**ratios: float) -> dict[str, Array]:
    base = np.random.default_rng(0).gamma(4.0, 0.01, (U, J, K))
    return {"rw": base, **{name: base * r for name, r in ratios.items()}}


def test_weights_add_up_and_prefer_the_better() -> None:
    weights = combination_weights(table(good=0.9, bad=1.3), ALL)
    total = sum(weights.values())
    np.testing.assert_allclose(total, 1.0)
    assert (weights["good"] > weights["rw"]).all()
    assert (weights["rw"] > weights["bad"]).all()
    assert weights["bad"].max() < 0.01


def test_equals_share_as_listed_and_an_unknown_model_starts_small() -> None:
    weights = combination_weights(table(momentum=1.0, new=1.0), ALL)
    total = PRIOR_WEIGHTS["momentum"] + PRIOR_WEIGHTS["rw"] + UNKNOWN_WEIGHT
    np.testing.assert_allclose(weights["momentum"], PRIOR_WEIGHTS["momentum"] / total)
    np.testing.assert_allclose(weights["new"], UNKNOWN_WEIGHT / total)


def test_a_measured_ratio_is_shrunk_by_the_number_of_cutoffs() -> None:
    found = log_ratios(table(good=0.9), ALL)["good"]
    assert found == pytest.approx(np.full(K, np.log(0.9) * 24 / 32))


def test_outcomes_not_known_yet_have_no_say() -> None:
    scores = table(good=0.9)
    usable = ALL.copy()
    usable[12:] = False
    before = combination_weights(scores, usable)
    scores["good"][:, 12:] *= 100.0
    after = combination_weights(scores, usable)
    np.testing.assert_array_equal(before["good"], after["good"])


def test_no_seam_where_a_model_is_good_at_short_steps_only() -> None:
    scores = table(short=1.0)
    scores["short"][:, :, :4] *= 0.85
    scores["short"][:, :, 4:] *= 1.05
    row = combination_weights(scores, ALL)["short"]
    assert np.abs(np.diff(row)).max() < 0.6 * (row.max() - row.min())
    assert (np.diff(row) <= 1e-12).all()


def test_a_model_without_a_score_gets_nothing() -> None:
    scores = table()
    scores["new"] = np.full((U, J, K), np.nan)
    assert combination_weights(scores, ALL)["new"].max() == 0.0


def test_without_any_score_the_random_walk_has_it_all() -> None:
    nothing = {"rw": np.full((1, 2, 3), np.nan), "other": np.full((1, 2, 3), np.nan)}
    weights = combination_weights(nothing, np.ones((2, 3), dtype=bool))
    np.testing.assert_array_equal(weights["rw"], 1.0)
    np.testing.assert_array_equal(weights["other"], 0.0)


def test_combining_shares_out_a_missing_path() -> None:
    paths = {"rw": np.array([[1.0, 1.0]]), "other": np.array([[3.0, np.nan]])}
    weights = {"rw": np.array([0.25, 0.25]), "other": np.array([0.75, 0.75])}
    np.testing.assert_allclose(combine(paths, weights), [[2.5, 1.0]])


def test_smoothing_keeps_a_constant() -> None:
    np.testing.assert_allclose(smooth(np.full(27, 0.3)), 0.3)
