"""Fitting on a Dask cluster: two worker processes on loopback, started here."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster

from forecast.dealing import Lost
from forecast.pipeline import backtest_panel, run_panel
from service import fitting
from service.context import open_context
from service.fit_process import Limits
from service.pool import fitting_pool
from service.refusals import Refusal
from service.settings import Settings, read_settings
from tests.support.fits import alone, behave, die_once, surroundings
from tests.support.service_world import fill


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of two workers with two threads each, more than a fit may use."""
    folder = tmp_path_factory.mktemp("dask")
    few = dask.config.set({"distributed.scheduler.allowed-failures": 1})  # for the sake of time
    with (
        few,
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=folder,
        ) as made,
    ):
        yield made.scheduler_address.replace("tcp://", "dask://")


def history() -> pd.DataFrame:
    """Two random walks of 48 months."""
    walk = np.exp(np.random.default_rng(5).normal(0, 0.05, (2, 48)).cumsum(axis=1))
    months = pd.date_range("2020-01-01", periods=48, freq="MS")
    frames = [pd.DataFrame({"unique_id": f"s{i}", "ds": months, "y": 100 * y}) for i, y in enumerate(walk)]
    return pd.concat(frames, ignore_index=True)


def test_a_cluster_gives_the_numbers_of_one_process_to_the_last_bit(cluster: str) -> None:
    given = {"horizon": 3, "freq": "MS", "seed": 1}
    folds = {"cutoffs": (date(2023, 1, 1), date(2023, 6, 1)), **given}
    with fitting_pool(1, cluster) as executor:
        panel = run_panel(history(), executor=executor, **given)
        rows = backtest_panel(history(), executor=executor, **folds)
    for far, near in zip(panel.forecasts, run_panel(history(), **given).forecasts, strict=True):
        assert far.key == near.key
        np.testing.assert_array_equal(far.values, near.values)
        np.testing.assert_array_equal(far.paths, near.paths)
    pd.testing.assert_frame_equal(rows, backtest_panel(history(), **folds), check_exact=True)


def test_a_killed_worker_costs_time_and_no_result(cluster: str, tmp_path: Path) -> None:
    flag = tmp_path / "somebody-died"
    with fitting_pool(1, cluster) as executor:
        found = list(executor.deal(die_once, [(str(flag), float(i)) for i in range(8)]))
    assert flag.exists()
    assert found == [2.0 * i for i in range(8)]


def test_what_hangs_is_lost_and_the_rest_is_done(cluster: str) -> None:
    items = [("well", float(i)) for i in range(150)]  # three together
    items[149] = ("deaf", 149.0)
    with fitting_pool(1, cluster, limits=Limits(seconds=0.5)) as executor:
        found = list(executor.deal(behave, items))
    why = "2 workers died of it (0.5 s or more memory than a worker may take, or a crash)"
    assert found == [*(2.0 * i for i in range(149)), Lost(why)]


def test_who_waits_for_a_cluster_is_asked_whether_it_is_still_wanted(cluster: str) -> None:
    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), fitting_pool(1, cluster, check=check) as executor:
        list(executor.deal(time.sleep, [1.0]))


def test_fits_of_one_process_take_turns_and_leave_nothing_behind(cluster: str) -> None:
    with fitting_pool(1, cluster) as executor:
        assert all(executor.deal(alone, range(12)))
        seen = set(executor.deal(surroundings, range(12)))
    folders = {folder for folder, _ in seen}
    assert all(Path(folder).name == "ytterby" and "dask-scratch-space" in folder for folder in folders)
    assert {threads for _, threads in seen} == {"1"}


def test_what_fails_there_fails_here_with_its_own_words(cluster: str) -> None:
    with fitting_pool(1, cluster) as executor:
        found = executor.deal(float, ["1.5", "not a number"])
        assert next(found) == 1.5
        with pytest.raises(ValueError, match="not a number"):
            next(found)


def test_workers_with_other_versions_are_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cluster.library_versions", lambda: {"numpy": "1.0"})
    with pytest.raises(Refusal, match=r"YTTERBY_EXECUTOR.*numpy .* for 1\.0"), fitting_pool(1, cluster):
        pass


def test_a_run_without_its_cluster_fails_in_one_line_that_names_the_setting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.cluster.PATIENCE_SECONDS", 0.5)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"dask://127.0.0.1:{closed.getsockname()[1]}"
        context = open_context(settings.model_copy(update={"executor": address}))
        fill(context, with_forecast=False)
        ended = fitting.run_here(context, "no cluster there", lambda *_: None)
        context.engine.dispose()
    assert ended.state == "failed"
    said = str(ended.error)
    assert said.startswith(f"YTTERBY_EXECUTOR: found '{address}")
    assert "\n" not in said


def test_tls_without_a_certificate_is_refused() -> None:
    refused = pytest.raises(Refusal, match=r"YTTERBY_EXECUTOR.*without a certificate")
    with refused, fitting_pool(1, "dask+tls://127.0.0.1:8786"):
        pass


@pytest.mark.parametrize(
    "address", ["10.0.0.5:8786", "dask://", "dask://host", "dask://user@host:1", "tcp://host:1"]
)
def test_an_address_of_another_form_is_refused_with_the_name_of_the_setting(address: str) -> None:
    with pytest.raises(Refusal, match=r"^YTTERBY_EXECUTOR: found .*allowed: dask://host:port"):
        read_settings(executor=address)


@pytest.mark.parametrize("address", ["", "dask://host:8786", "dask+tls://[::1]:8786"])
def test_addresses_of_clusters_are_taken(address: str) -> None:
    assert read_settings(executor=address).executor == address
