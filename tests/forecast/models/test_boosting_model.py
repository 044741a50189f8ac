"""Boosting over a panel: planted momentum, honest origins, ranges that follow the volatility of the price."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from forecast.errors import HistoryTooShort, ModelNotFitted
from forecast.models.base import FitInput, HasSpread
from forecast.models.boosting import Boosting, FittedBoosting, horizons, outcomes, training_rows
from forecast.models.features import panel_features, scale_of
from forecast.models.trees import Forest
from forecast.types import Array

STEPS = 18


def monthly(y: Array, start: str = "2004-01") -> FitInput:
    return FitInput(y=y, periods=pd.period_range(start, periods=y.size, freq="M"), season=12)


def walk(momentum: float, seed: int, n: int = 160, sd: float = 0.05) -> Array:
    """Log prices whose changes follow on: change = momentum * change before + noise."""
    changes = np.random.default_rng(seed).normal(size=n) * sd
    for i in range(1, n):
        changes[i] += momentum * changes[i - 1]
    return 5.0 + np.cumsum(changes)


def panel(prices: list[Array]) -> list[FitInput]:
    data = [monthly(y) for y in prices]
    return [replace(d, panel=mood) for d, mood in zip(data, panel_features(data), strict=True)]


@pytest.fixture(scope="module")
def walks() -> list[FitInput]:
    """Six prices without momentum, of unequal volatility; two with a hole of a year."""
    prices = [walk(0.0, seed, sd=0.03 * 1.4**seed) for seed in range(6)]
    for y in prices[:2]:
        y[70:82] = np.nan
    return panel(prices)


@pytest.fixture(scope="module")
def fitted(walks: list[FitInput]) -> FittedBoosting:
    return Boosting().fit_panel(walks, STEPS)


def test_planted_momentum_is_found_in_prices_never_seen() -> None:
    fit = Boosting().fit_panel([monthly(walk(0.6, seed, n=90)) for seed in range(100, 140)], 6)
    ratios, guesses, truths = [], [], []
    for seed in range(50, 56):
        data = monthly(walk(0.6, seed))
        origins = np.arange(40, 154)
        moved = fit.paths(data, origins, 6)[:, 2] - data.y[origins]
        truth = data.y[origins + 3] - data.y[origins]
        ratios.append(np.abs(truth - moved).mean() / np.abs(truth).mean())
        guesses.append(moved)
        truths.append(0.6 * (1 + 0.6 + 0.36) * (data.y[origins] - data.y[origins - 1]))
    assert np.mean(ratios) < 0.93
    assert np.corrcoef(np.concatenate(guesses), np.concatenate(truths))[0, 1] > 0.85


def test_no_momentum_is_left_near_the_random_walk(fitted: FittedBoosting) -> None:
    data = monthly(walk(0.0, 99))
    origins = np.arange(40, 160)
    moved = fitted.paths(data, origins, STEPS)[:, 0] - data.y[origins]
    assert np.abs(moved).mean() < 0.25 * 0.05


def test_a_common_rise_is_not_taken_for_the_way_of_the_world() -> None:
    """Every price rose through all of the history; one that rests is not expected to start."""
    rising = [walk(0.0, seed) + 0.02 * np.arange(160) for seed in range(6)]
    fit = Boosting().fit_panel([monthly(y) for y in rising], 6)
    resting = monthly(np.tile([5.0, 5.02], 40))
    up = fit.paths(resting, np.array([78, 79]), 6) - resting.y[[78, 79], None]
    turned = replace(resting, y=-resting.y)
    down = fit.paths(turned, np.array([78, 79]), 6) - turned.y[[78, 79], None]
    np.testing.assert_allclose(up, -down, rtol=0, atol=1e-12)


def test_later_prices_change_no_earlier_path(walks: list[FitInput], fitted: FittedBoosting) -> None:
    data, cut = walks[0], 120
    origins = np.flatnonzero(np.isfinite(data.y[:cut]))
    assert data.panel is not None
    later, mood = data.y.copy(), data.panel.copy()
    later[cut:] = np.random.default_rng(0).normal(size=later.size - cut) * 9
    mood[cut:] = 3.0
    for method in (fitted.paths, fitted.spreads):
        wanted = method(data, origins, STEPS)
        np.testing.assert_array_equal(method(replace(data, y=later, panel=mood), origins, STEPS), wanted)
        ended = replace(data, y=data.y[:cut], periods=data.periods[:cut], panel=data.panel[:cut])
        np.testing.assert_array_equal(method(ended, origins, STEPS), wanted)
        alone = [method(data, np.array([o]), STEPS)[0] for o in origins[::9]]
        np.testing.assert_array_equal(np.array(alone), wanted[::9])
        np.testing.assert_array_equal(method(data, origins, 3), wanted[:, :3])


def test_training_sees_known_outcomes_of_mature_origins_only(walks: list[FitInput]) -> None:
    data = walks[1]
    scale = scale_of(data.y).one
    wanted = {
        round((data.y[o + h] - data.y[o]) / (scale[o] * h**0.5), 6)
        for h in horizons(STEPS)
        for o in range(160 - h)
        if np.isfinite(data.y[: o + 1]).sum() >= 24 and np.isfinite(data.y[[o, o + h]]).all()
    }
    rows, moves = outcomes(data, horizons(STEPS))
    assert set(moves.round(6)) == wanted
    assert sorted(set(rows[:, -1])) == horizons(STEPS)


def test_a_short_series_counts_as_much_as_a_long_one() -> None:
    data = [monthly(walk(0.0, 1, n=400)), monthly(walk(0.0, 2, n=70))]
    _, moves = training_rows(data, STEPS)
    _, short = outcomes(data[1], horizons(STEPS))
    half = moves.size // 2
    assert np.isin(moves[half:], short).all()
    assert not np.isin(moves[:half], short).any()
    assert set(moves[half:]) == set(short), "none of its outcomes is lost"


def test_another_unit_moves_the_path_by_its_log(walks: list[FitInput], fitted: FittedBoosting) -> None:
    shift, origins = float(np.log(7.1)), np.arange(90, 160)
    moved = [replace(d, y=d.y + shift) for d in walks]
    again = Boosting().fit_panel(
        [replace(d, panel=p) for d, p in zip(moved, panel_features(moved), strict=True)], STEPS
    )
    for plain, other in zip(walks, moved, strict=True):
        found = again.paths(other, origins, STEPS) - shift
        np.testing.assert_allclose(found, fitted.paths(plain, origins, STEPS), rtol=0, atol=1e-6)
        np.testing.assert_allclose(
            again.spreads(other, origins, STEPS), fitted.spreads(plain, origins, STEPS), rtol=0, atol=1e-6
        )


def test_holes_and_a_missing_panel_give_finite_paths(walks: list[FitInput], fitted: FittedBoosting) -> None:
    sparse = walks[2].y.copy()
    sparse[np.random.default_rng(3).random(160) < 0.4] = np.nan
    for data in (walks[0], monthly(sparse), replace(walks[3], panel=None)):
        origins = np.flatnonzero(np.isfinite(data.y))
        assert np.isfinite(fitted.paths(data, origins, STEPS)).all()
        assert (fitted.spreads(data, origins, STEPS) > 0).all()


def test_the_same_panel_gives_the_same_numbers_after_json(
    walks: list[FitInput], fitted: FittedBoosting
) -> None:
    text = json.dumps(asdict(Boosting().fit_panel(walks, STEPS)), default=lambda array: array.tolist())
    stored = json.loads(text)
    forests = {
        name: Forest(**{k: np.asarray(v) if isinstance(v, list) else v for k, v in stored[name].items()})
        for name in ("middle", "high")
    }
    again = FittedBoosting(**forests, rows=stored["rows"], series=stored["series"])
    origins = np.arange(100, 160)
    np.testing.assert_array_equal(
        again.paths(walks[4], origins, STEPS), fitted.paths(walks[4], origins, STEPS)
    )
    np.testing.assert_array_equal(
        again.spreads(walks[4], origins, STEPS), fitted.spreads(walks[4], origins, STEPS)
    )
    assert json.loads(json.dumps(dict(fitted.parameters), allow_nan=False)) == dict(fitted.parameters)


def test_inputs_are_left_as_they_were(walks: list[FitInput]) -> None:
    data = [replace(d, y=d.y.copy()) for d in walks]
    for d in data:
        d.y.flags.writeable = False
    Boosting().fit_panel(data, STEPS)
    np.testing.assert_array_equal(data[0].y, walks[0].y)


def test_a_range_widens_with_the_step_and_holds_what_it_says(fitted: FittedBoosting) -> None:
    assert isinstance(fitted, HasSpread)
    inside = []
    for seed in range(70, 82):
        data = monthly(walk(0.0, seed))
        origins = np.arange(40, 154)
        spread = fitted.spreads(data, origins, STEPS)
        assert (np.diff(spread, axis=1) >= 0).all()
        error = data.y[origins + 6] - fitted.paths(data, origins, 6)[:, 5]
        inside.append(np.abs(error) <= spread[:, 5])
    assert 0.7 < np.mean(inside) < 0.9, "its own 80 % range, before any calibration"


def test_the_range_follows_the_volatility(fitted: FittedBoosting) -> None:
    calm = monthly(walk(0.0, 5, sd=0.03))
    origins = np.arange(60, 160)
    spread = fitted.spreads(calm, origins, STEPS)
    four = fitted.spreads(replace(calm, y=4.0 * calm.y), origins, STEPS) / spread
    assert np.median(four) == pytest.approx(4.0, rel=1e-6), "a price four times as wild, all else equal"
    storm = calm.y.copy()
    storm[100:] += np.cumsum(np.diff(calm.y[99:]) * 3.0)
    wider = fitted.spreads(replace(calm, y=storm), origins, STEPS) / spread
    np.testing.assert_array_equal(wider[:40], 1.0)
    assert np.median(wider[52:]) > 2.0, "a year into the storm"


def test_a_price_that_never_moved_stays_where_it_is(walks: list[FitInput], fitted: FittedBoosting) -> None:
    still = monthly(np.full(100, 4.2))
    with_still = Boosting().fit_panel([*walks[:2], still], STEPS)
    for fit in (fitted, with_still):
        np.testing.assert_array_equal(fit.paths(still, np.array([0, 99]), STEPS), 4.2)
        assert (fit.spreads(still, np.array([0, 99]), STEPS) > 0).all()
    with pytest.raises(ModelNotFitted, match="boosting was left out: no price"):
        Boosting().fit_panel([still, still], STEPS)


def test_too_little_history_is_a_typed_error() -> None:
    with pytest.raises(HistoryTooShort, match="found '59 observations'; allowed: at least 60 for boosting"):
        Boosting().fit_panel([monthly(walk(0.0, seed, n=59)) for seed in range(4)], STEPS)
    with pytest.raises(HistoryTooShort, match="'0 observations'"):
        Boosting().fit_panel([], STEPS)
    one = monthly(walk(0.0, 1, n=60))
    with pytest.raises(HistoryTooShort, match="at least 200"):
        Boosting().fit_panel([one], 2)
    assert Boosting().fit_panel([one], STEPS).rows >= 200
    assert Boosting().fit_panel([one, monthly(walk(0.0, 2, n=60))], 2).series == 2
