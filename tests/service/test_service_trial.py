"""From backtest rows to a contest: which series take part, where each outcome stands, who wins."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.types import QUANTILES
from service.trial import trial

CUTOFFS = pd.date_range("2020-03-31", periods=10, freq="4ME")
STEPS = 6


def rows(series: dict[str, dict[str, float]]) -> pd.DataFrame:
    """series -> model -> its median; ranges of a tenth about it on either side."""
    spread = np.interp(QUANTILES, (0.025, 0.5, 0.975), (-0.1, 0.0, 0.1))
    return pd.DataFrame(
        {
            "unique_id": name, "cutoff": cutoff, "model": model, "mean": median,
            "ds": (cutoff + pd.offsets.MonthBegin(1)) + pd.DateOffset(months=k),
        } | {f"q{q:g}": median * (1 + s) for q, s in zip(QUANTILES, spread, strict=True)}
        for name, models in series.items() for model, median in models.items()
        for cutoff in CUTOFFS for k in range(STEPS)
    )  # fmt: skip


def history(*names: str) -> pd.DataFrame:
    """100 in each month, and in every fifth 120, which no 80 % range about 100 or 104 holds."""
    months = pd.date_range("2019-01-01", "2026-01-01", freq="MS")
    y = np.where(np.arange(len(months)) % 5 == 0, 120.0, 100.0)
    return pd.concat([pd.DataFrame({"unique_id": name, "ds": months, "y": y}) for name in names])


def test_the_nearer_recipe_wins_and_a_standing_one_that_is_farther_loses() -> None:
    both = {"rw": 107.0, "combination": 100.0}
    found = trial(rows({"a": both, "b": both}), history("a", "b"), (), {"a": "Nd", "b": None})
    assert found is not None
    assert (found.series, len(found.cutoffs), found.steps) == (("a", "b"), 10, tuple(range(1, 7)))
    assert found.step_span == 2
    judged = found.judge("a", "rw")
    assert (judged.winner, judged.challenger) == ("combination", "combination")
    assert judged.evidence["own"]["coverage"] == {"80": [0.8, 0.8], "95": [0.8, 0.8]}
    worse = trial(rows({"a": {"rw": 100.0, "combination": 107.0}}), history("a"), (), {"a": "Nd"})
    assert worse is not None
    lost = worse.judge("a", "combination")
    assert (lost.winner, lost.challenger) == ("rw", "rw")
    assert lost.reason.startswith("the combination is not served: ")


def test_a_series_without_both_recipes_takes_no_part() -> None:
    made = rows({"a": {"rw": 104.0, "combination": 100.0}, "outside": {"champion": 100.0}, "b": {"rw": 1.0}})
    found = trial(made, history("a", "b", "outside"), (), {})
    assert found is not None
    assert found.series == ("a",)
    assert trial(made[made["unique_id"] == "b"], history("b"), (), {}) is None
    assert trial(pd.DataFrame(), history("a"), (), {}) is None


def test_a_missing_outcome_counts_for_neither() -> None:
    past = history("a")
    gap = past[past["ds"] != pd.Timestamp("2020-05-01")]
    found = trial(rows({"a": {"rw": 104.0, "combination": 100.0}}), gap, (), {"a": "Nd"})
    assert found is not None
    missing = np.isnan(found.scores["rw"].pinball)
    assert np.argwhere(missing).tolist() == [[0, 0, 1]]
    assert (np.isnan(found.scores["combination"].pinball) == missing).all()


def test_months_of_news_are_those_of_the_series_own_element() -> None:
    known = date(2020, 5, 10)
    event = Event(
        event_id="E", title="made up", instrument="licence", direction="tighten", jurisdiction="CN",
        elements={"Nd": Coverage.COVERED}, market_side=MarketSide.BOTH,
        changes=(EventChange(stage=Stage.ANNOUNCED, on=known, known_on=known),),
    )  # fmt: skip
    both = {"rw": 104.0, "combination": 100.0}
    found = trial(rows({"a": both, "b": both}), history("a", "b"), (event,), {"a": "Nd", "b": "Dy"})
    assert found is not None
    assert found.news[0, 0].tolist() == [False, True, True, True, False, False]
    assert not found.news[0, 1:].any(), "later cutoffs knew it"
    assert not found.news[1].any()
    assert found.judge("a", "rw").evidence["own"]["news"]["outcomes"] == 3


def test_a_mixture_with_ranges_that_rarely_hold_is_refused() -> None:
    found = trial(rows({"a": {"rw": 130.0, "combination": 120.0}}), history("a"), (), {"a": "Nd"})
    assert found is not None
    assert found.judge("a", "rw").winner == "rw"
    assert "80 % range held 20%" in found.judge("a", "rw").reason


@pytest.mark.parametrize("cutoffs", [1, 3])
def test_few_cutoffs_promote_nobody(cutoffs: int) -> None:
    made = rows({"a": {"rw": 104.0, "combination": 100.0}})
    few = made[made["cutoff"] < CUTOFFS[cutoffs]]
    found = trial(few, history("a"), (), {"a": "Nd"})
    assert found is not None
    assert f"only {cutoffs} cutoffs" in found.judge("a", "rw").reason
