"""The estimate of the time left: from the rate of this run and the shares of the one before."""

from __future__ import annotations

import pytest

from data.store.runs import RunProgress
from forecast.types import Step
from service.pace import USUAL, Pace, in_words, time_left

BEFORE = {"models": 50.0, "paths": 0.0, "ranges": 0.0, "backtest": 50.0, "scores": 0.0}


def step(stage: str, done: int, total: int) -> Step:
    return Step(stage=stage, done=done, total=total, series="dy-oxide-cn", model="ets")


def test_a_run_at_an_even_pace_is_told_the_truth_whatever_its_start_took() -> None:
    pace, start = Pace(BEFORE), 1_000.0
    pace.progress(step("models", 0, 50), start)
    for second in range(1, 101):
        stage, done = ("models", second) if second <= 50 else ("backtest", second - 50)
        told = pace.progress(step(stage, done, 50), start + 500.0 + 2 * second)  # 500 s of loading
        assert told.share == pytest.approx(second / 100)
        if second >= 6:
            assert told.seconds_left == pytest.approx(2 * (100 - second), abs=0.1)
    assert told.seconds_left == 0.0


def test_at_first_there_is_nothing_to_go_by() -> None:
    pace = Pace(BEFORE)
    for done in range(6):
        assert pace.progress(step("models", done, 100), float(done)).seconds_left is None


def test_stages_are_timed_for_the_next_run_to_go_by() -> None:
    pace = Pace()
    for second, name in (
        (0.0, "models"),
        (8.0, "models"),
        (10.0, "paths"),
        (11.0, "ranges"),
        (15.0, "scores"),
    ):
        pace.progress(step(name, 1, 9), second)
    found = pace.seconds(21.0)
    assert found == {"models": 10.0, "paths": 1.0, "ranges": 4.0, "backtest": 0.0, "scores": 6.0}
    assert Pace(found).progress(step("ranges", 9, 9), 0.0).share == pytest.approx(15 / 21, abs=1e-4)


@pytest.mark.parametrize("spent", [None, {}, {"models": 1.0}, dict.fromkeys(USUAL, 0.0)])
def test_without_a_run_to_go_by_the_usual_shares_are_taken(spent: dict[str, float] | None) -> None:
    told = Pace(spent).progress(step("paths", 0, 3), 0.0)
    assert told.share == pytest.approx(USUAL["models"])
    assert sum(USUAL.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("told", "words", "left"),
    [
        (RunProgress(stage="reading"), "reading", ""),
        (
            RunProgress(stage="models", done=1200, total=6650, series="dy-oxide-cn", model="ets"),
            "fits, 1,200 of 6,650 done: ets on dy-oxide-cn",
            "",
        ),
        (
            RunProgress(stage="models", done=1, total=2, model="boosting", seconds_left=119.4),
            "fits, 1 of 2 done: boosting on all series",
            "about 119 s left",
        ),
        (
            RunProgress(stage="paths", done=1, total=3, series="dy-oxide-cn", seconds_left=600.0),
            "paths of series, 1 of 3 done: dy-oxide-cn",
            "about 10 min left",
        ),
        (RunProgress(stage="backtest", done=3, total=24), "cutoffs, 3 of 24 done", ""),
    ],
)
def test_progress_in_words(told: RunProgress, words: str, left: str) -> None:
    assert (in_words(told), time_left(told)) == (words, left)
