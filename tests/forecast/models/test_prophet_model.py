"""Prophet: our evaluation against its own, its anchor, and what it leaves on disk."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.errors import ModelNotFitted
from forecast.models.base import FitInput
from forecast.models.prophet import HARMONICS, MAX_CHANGEPOINTS, SHARE, FittedProphet, Prophet
from forecast.types import Array

N, STEPS = 132, 24


def trending(seed: int = 0) -> FitInput:
    """A bent trend, a wave and a step of 0.5 that a dummy explains."""
    rows = np.arange(N)
    step = (np.arange(N + STEPS) >= 70).astype(float)[:, None]
    noise = np.random.default_rng(seed).normal(size=N) * 0.02
    trend = 0.01 * rows - 0.015 * np.maximum(rows - 60, 0)
    y = 3.0 + trend + 0.1 * np.sin(2 * np.pi * rows / 12) + 0.5 * step[:N, 0] + noise
    y[30:35] = np.nan
    periods = pd.period_range("2013-02", periods=N, freq="M")
    return FitInput(y=y, periods=periods, season=12, exog=step, exog_names=("step",))


def prophets_own(data: FitInput) -> Array:
    """Trend plus season by Prophet.predict over history and future, in log price."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from prophet import Prophet as Original

        quoted = np.isfinite(data.y)
        y = data.y[quoted]
        spread = float(np.ptp(y))
        assert data.exog is not None
        frame = pd.DataFrame(
            {"ds": data.periods[quoted].to_timestamp(), "y": np.round((y - y[-1]) / spread, 9)}
        )
        frame["step"] = data.exog[:N][quoted, 0]
        model = Original(
            n_changepoints=MAX_CHANGEPOINTS,
            yearly_seasonality=HARMONICS,
            weekly_seasonality=False,
            daily_seasonality=False,
            uncertainty_samples=0,
        )
        model.add_regressor("step", prior_scale=round(0.5 / spread, 9), standardize=False)
        model.fit(frame, seed=0)
        reach = pd.period_range(data.periods[0], periods=N + STEPS, freq="M").to_timestamp()
        future = pd.DataFrame({"ds": reach, "step": data.exog[:, 0]})
        predicted = model.predict(future)
        model.stan_backend.cleanup()
    return np.asarray(predicted["trend"] + predicted["yearly"], dtype=np.float64) * spread


def test_the_path_is_a_share_of_prophets_own_change() -> None:
    data = trending()
    curve = prophets_own(data)
    origins = np.array([40, 90, N - 1])
    found = Prophet().fit(data).paths(data, origins, STEPS)
    change = np.array([curve[o + 1 : o + 1 + STEPS] - curve[o] for o in origins])
    np.testing.assert_allclose(found - data.y[origins, None], SHARE * change, rtol=0, atol=1e-9)


def test_trend_season_and_event_are_told_apart() -> None:
    parameters = Prophet().fit(trending()).parameters
    assert parameters["event_step"] == pytest.approx(0.5, abs=0.1)
    assert parameters["season_range"] == pytest.approx(0.2, abs=0.03)
    assert parameters["last_slope_per_year"] == pytest.approx(-0.06, abs=0.03)


def test_under_two_years_there_is_no_season() -> None:
    data = trending()
    short = FitInput(y=data.y[40:64], periods=data.periods[40:64], season=12)
    fitted = Prophet().fit(short)
    assert fitted.parameters["season_range"] == 0.0
    path = fitted.paths(short, np.array([23]), STEPS)[0]
    assert np.ptp(np.diff(path)) < 1e-3, "a straight line but for the length of months"


def test_a_constant_is_refused() -> None:
    data = trending()
    with pytest.raises(ModelNotFitted, match="prophet was left out: the series is constant"):
        Prophet().fit(FitInput(y=np.full(N, 2.0), periods=data.periods, season=12))


def test_the_season_of_weeks_repeats_after_a_year() -> None:
    fitted = FittedProphet(
        slope=0.0,
        changepoints=np.array([100.0]),
        bends=np.array([0.0]),
        waves=np.array([[0.1, 0.05]]),
        effects={},
    )
    day = np.array([0.0, 365.25, 730.5])
    np.testing.assert_allclose(fitted.curve(day), 0.05, rtol=0, atol=1e-12)


def test_a_fit_leaves_no_file_and_a_worker_no_folder(tmp_path: Path) -> None:
    # forkserver, as the service has it: such a worker leaves without running exit handlers
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        found = pool.submit(files_after_fit, trending(), str(tmp_path)).result()
    assert found == []
    assert list(tmp_path.iterdir()) == []


def files_after_fit(data: FitInput, folder: str) -> list[str]:
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    Prophet().fit(data)
    return [str(path) for path in Path(folder).rglob("*") if path.is_file()]


def test_prophet_and_statsmodels_wait_until_they_are_needed() -> None:
    code = "import sys, forecast.models; print({'prophet', 'cmdstanpy', 'statsmodels'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
