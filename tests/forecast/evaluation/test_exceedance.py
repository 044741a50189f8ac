"""Exceedances kept of a backtest: what the paths said, what was known then, and how chances are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecast.evaluation.exceedance import SHARES, Exceedance, chance, exceedance, skill, value
from forecast.pipeline import run_panel, train_panel
from forecast.types import SeriesForecast

CUTOFFS = [date(2023, 3, 31), date(2023, 9, 30)]
LAG = {"dy": 2}
Kept = Mapping[tuple[date, str], Exceedance]


def prices(end: str = "2024-06-01") -> pd.DataFrame:
    """Three series from 2018 on."""
    months = pd.date_range("2018-01-01", end, freq="MS")
    walk = np.random.default_rng(8).standard_normal((3, 78)) * 0.05
    return pd.concat(
        pd.DataFrame({"unique_id": name, "ds": months, "y": 50 * np.exp(np.cumsum(own)[: len(months)])})
        for name, own in zip(("dy", "nd", "tb"), walk, strict=True)
    )


@pytest.fixture(scope="module")
def kept() -> Kept:
    """What a run keeps of its backtest, by cutoff and series."""
    _, backtest = train_panel(
        prices(), horizon=6, freq="MS", cutoffs=CUTOFFS, lag=LAG, known_at=date(2024, 6, 30)
    )
    return {(e.cutoff, e.unique_id): e for e in backtest.exceedances}


@cache
def direct(cutoff: date) -> dict[str, SeriesForecast]:
    """Served forecasts of that day, made from a history that ends there (and is as late as it was)."""
    rows = prices(f"{cutoff:%Y-%m}-01")
    late = pd.Timestamp(cutoff) - pd.DateOffset(months=LAG["dy"])
    rows = rows[(rows["unique_id"] != "dy") | (rows["ds"] <= late)]
    run = run_panel(rows, horizon=6, freq="MS", known_at=cutoff)
    return {made.key.unique_id: made for made in run.forecasts}


def test_they_are_those_of_the_forecast_served_that_day_and_see_nothing_later(kept: Kept) -> None:
    assert sorted(kept) == sorted((c, name) for c in CUTOFFS for name in ("dy", "nd", "tb"))
    for cutoff in CUTOFFS:
        for name, made in direct(cutoff).items():
            found = kept[cutoff, name]
            assert found.last_price == made.last_price
            assert found.origin == made.origin == pd.Period(cutoff, "M") - LAG.get(name, 0)
            np.testing.assert_allclose(found.grid, exceedance(made, cutoff).grid, atol=1e-6)


@pytest.mark.parametrize("name", ["dy", "tb"])
@pytest.mark.parametrize("above", [True, False])
def test_chances_are_shares_of_joint_paths_at_any_level(kept: Kept, name: str, above: bool) -> None:
    found = kept[CUTOFFS[1], name]
    made = direct(CUTOFFS[1])[name]
    ahead = made.paths[:, made.lag :].astype(np.float64)
    apart = []
    for level in made.last_price * np.linspace(0.6, 1.6, 21):
        beyond = ahead > level if above else ahead < level
        ratio = float(np.log(level / made.last_price))
        for steps in (1, 3, 6):
            within = chance(found.grid, ratio, steps, above=above, within=True)
            assert within == pytest.approx(beyond[:, :steps].any(axis=1).mean(), abs=0.012)
            at = chance(found.grid, ratio, steps, above=above, within=False)
            assert at == pytest.approx(beyond[:, steps - 1].mean(), abs=0.012)
            apart.append(within - at)
    assert max(apart) > 0.05, "crossing by a month is not standing beyond in it"


def test_a_quantile_is_that_of_the_paths(kept: Kept) -> None:
    found, made = kept[CUTOFFS[0], "nd"], direct(CUTOFFS[0])["nd"]
    for share in (0.1, 0.5, 0.83):
        wanted = np.quantile(made.paths[:, made.lag + 3], share)
        assert made.last_price * np.exp(value(found.grid, share, 4)) == pytest.approx(wanted, rel=0.01)


def test_levels_beyond_every_path_are_certain_or_out_of_the_question(kept: Kept) -> None:
    grid = kept[CUTOFFS[0], "dy"].grid
    assert chance(grid, 9.0, 6, above=True, within=True) == 0.0
    assert chance(grid, -9.0, 6, above=True, within=True) == 1.0
    assert chance(grid, -9.0, 6, above=False, within=False) == 0.0


def test_a_price_that_never_moves_is_above_nothing_but_lower_levels(kept: Kept) -> None:
    still = replace(kept[CUTOFFS[0], "dy"], grid=np.zeros((3, 6, len(SHARES)), np.float32)).grid
    assert chance(still, 0.01, 6, above=True, within=True) == 0.0
    assert chance(still, -0.01, 6, above=True, within=True) == 1.0


def test_skill_of_a_perfect_a_useless_and_a_misleading_forecast() -> None:
    came = np.array([True, False] * 10)
    perfect = skill(came.astype(float), came)
    assert (perfect.value, perfect.brier, perfect.hits, perfect.n) == (1.0, 0.0, 10, 20)
    frequency = (10 - came) / 19
    assert skill(frequency, came).value == pytest.approx(0.0), "the climatology itself has none"
    misled = skill(1.0 - came, came).value
    assert misled is not None
    assert misled < -2
    assert skill(np.full(5, 0.2), np.ones(5, bool)).value is None, "one outcome alone tells nothing"
