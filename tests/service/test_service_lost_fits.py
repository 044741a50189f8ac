"""A fit that hangs, crashes or takes too much costs its model on that series; other numbers stay the same."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.errors import WorkLost
from forecast.estimation import Estimated, estimate
from forecast.known import known_at
from forecast.models import MODELS
from forecast.models.base import Candidate
from forecast.models.naive import RandomWalk
from forecast.periods import to_books
from forecast.pipeline import Backtest, PanelRun, train_panel
from service.fit_process import Limits
from service.pool import fitting_pool
from tests.support.fits import DiesLater, PanelKiller, Unruly

MONTHS, NEWEST = 60, date(2024, 12, 31)
LIMITS = Limits(seconds=4.0, megabytes=100_000)
#: Models without a library to import: what a fit of theirs takes is known on the busiest machine.
QUICK = MODELS[:3]
SOUND = (*QUICK, Unruly("killed", 0), Unruly("loops", 0), Unruly("raises", 0))
BROKEN = (*QUICK, Unruly("killed", MONTHS - 1), Unruly("loops", MONTHS), Unruly("raises", MONTHS - 1))


def history() -> pd.DataFrame:
    """Three random walks of 60, 59 and 58 months to the same day."""
    rng = np.random.default_rng(5)
    frames = [
        pd.DataFrame(
            {
                "unique_id": f"s{MONTHS - short}",
                "ds": pd.date_range("2020-01-01", periods=MONTHS, freq="MS")[short:],
                "y": 100 * np.exp(rng.normal(0, 0.05, MONTHS - short).cumsum()),
            }
        )
        for short in range(3)
    ]
    return pd.concat(frames, ignore_index=True)


def estimated(models: tuple[Candidate, ...], processes: int) -> Estimated:
    books = to_books(history(), "MS")
    cutoffs = [known_at(books, (), day) for day in (date(2023, 12, 31), NEWEST)]
    with fitting_pool(processes, limits=LIMITS) as pool:
        return estimate(books, (), cutoffs, season=12, steps=4, seed=0, models=models, deal=pool.deal)


def told(found: Estimated) -> dict[tuple[str, str], list[tuple[date, object]]]:
    """Every fit as its day and its parameters."""
    return {
        key: [(f.day, None if f.fitted is None else dict(f.fitted.parameters)) for f in fits]
        for key, fits in found.fits.items()
    }


def test_the_pool_gives_the_numbers_of_this_process_to_the_last_bit() -> None:
    given = {"horizon": 3, "freq": "MS", "cutoffs": (date(2023, 6, 1), date(2024, 3, 1)), "known_at": NEWEST}
    two = history()[lambda h: h["unique_id"] != "s58"]
    run, backtest = train_panel(two, **given)  # type: ignore[arg-type]
    with fitting_pool(2) as pool:
        dealt, dealt_backtest = train_panel(two, executor=pool, **given)  # type: ignore[arg-type]
    for one, other in zip(run.forecasts, dealt.forecasts, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.paths, other.paths)
    pd.testing.assert_frame_equal(backtest.rows, dealt_backtest.rows, check_exact=True)


@pytest.mark.parametrize("processes", [1, 2])
def test_every_other_fit_is_the_same_to_the_last_bit(processes: int) -> None:
    sound, broken = estimated(SOUND, 2), estimated(BROKEN, processes)
    assert sound.lost == ()
    assert [(f.series, f.model, f.day) for f in broken.lost] == [
        ("s59", "killed", NEWEST),
        ("s59", "raises", NEWEST),
        ("s60", "loops", NEWEST),
    ]
    why = [f.why for f in broken.lost]
    assert why[0] == "its process died (signal 9)"
    assert why[1].startswith("ValueError: no 1 here (fits.py, line ")
    assert why[2] == "killed after 4 s"
    for lost in broken.lost:
        last = broken.fits[lost.series, lost.model][-1]
        assert (last.fitted, last.why) == (None, f"{lost.model} was left out: {lost.why}")
    undisturbed = {(f.series, f.model): told(sound)[f.series, f.model][-1] for f in broken.lost}
    assert all(parameters for _, parameters in undisturbed.values())
    wanted = told(sound)
    for key in undisturbed:
        wanted[key][-1] = (NEWEST, None)
    assert told(broken) == wanted


def trained(
    models: tuple[Candidate, ...], frame: pd.DataFrame, cutoffs: tuple[date, ...] = ()
) -> tuple[PanelRun, Backtest]:
    with fitting_pool(2, limits=LIMITS) as pool:
        return train_panel(
            frame, horizon=3, freq="MS", cutoffs=cutoffs, known_at=NEWEST, executor=pool, models=models
        )


def test_a_forecast_says_which_model_it_had_to_do_without() -> None:
    run, _ = trained((*QUICK, Unruly("killed", MONTHS), PanelKiller()), history())
    reports = {f.key.unique_id: {r.model: r for r in f.reports} for f in run.forecasts}
    assert set(reports) == {"s60", "s59", "s58"}
    for series, by_model in reports.items():
        out = {name for name, report in by_model.items() if report.status == "left-out"}
        assert out == ({"killed", "panel-killer"} if series == "s60" else {"panel-killer"})
        assert all("died (signal 9)" in by_model[name].why for name in out)
    assert {(f.series, f.model) for f in run.lost} == {("s60", "killed"), ("", "panel-killer")}
    assert all(np.isfinite(forecast.values).all() for forecast in run.forecasts)


def test_a_run_that_loses_more_than_half_of_its_fits_has_failed() -> None:
    killers = tuple(Unruly(how, None) for how in ("killed", "leaves", "raises"))
    with pytest.raises(WorkLost, match="more than half of the fits was lost: "):
        trained((RandomWalk(), *killers), history())


def test_a_cutoff_that_is_lost_fails_the_run_and_is_named() -> None:
    with pytest.raises(WorkLost, match=r"the cutoff 2024-05-01 was lost: its process died \(signal 9\)"):
        trained((*QUICK, DiesLater()), history(), (date(2024, 5, 1),))
