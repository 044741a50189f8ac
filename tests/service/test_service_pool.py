"""The pool: whatever one item does to its process costs that item, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from forecast.dealing import Lost
from forecast.errors import ForecastError
from service.fit_process import Limits
from service.pool import Pool, fitting_pool
from tests.support.fits import behave, die_once, start_and_wait, surroundings

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
NO_LIMIT = Limits(seconds=600.0, megabytes=100_000)


def wait_for(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Is there no such process, or only what its parent has not collected yet?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for_end(pids: Iterable[str]) -> None:
    left = [int(pid) for pid in pids]
    wait_for(lambda: all(map(gone, left)), f"processes {left} to end")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_kills_its_process_is_lost_and_the_rest_is_done(processes: int) -> None:
    items = [("well", float(i)) for i in range(200)]  # more than are sent one by one
    items[17], items[18], items[199] = ("killed", 17.0), ("leaves", 18.0), ("killed", 199.0)
    with fitting_pool(processes, limits=NO_LIMIT) as pool:
        found = list(pool.deal(behave, items))
    wanted: list[float | Lost] = [2.0 * i for i in range(200)]
    wanted[17] = wanted[199] = Lost("its process died (signal 9)")
    wanted[18] = Lost("its process died (exit code 3)")
    assert found == wanted


def test_what_takes_too_long_is_lost_whatever_it_waits_for() -> None:
    ways = ["sleeps", "loops", "deaf", "stopped"]
    items = [(how, float(i)) for i, how in enumerate([*ways, *["well"] * 8])]
    with fitting_pool(len(ways), limits=Limits(seconds=2.0, megabytes=100_000)) as pool:
        found = list(pool.deal(behave, items))
    assert found == [*[Lost("killed after 2 s")] * len(ways), *(2.0 * i for i in range(len(ways), 12))]


def test_patience_is_for_work_that_is_longer_than_a_fit() -> None:
    with fitting_pool(1, limits=Limits(seconds=0.5)) as pool:
        assert list(pool.deal(time.sleep, [1.5], patience=100)) == [None]


def test_what_takes_too_much_memory_is_lost() -> None:
    with fitting_pool(1, limits=Limits(seconds=600.0, megabytes=700)) as pool:
        found = list(pool.deal(behave, [("well", 1.0), ("eats", 2.0), ("well", 3.0)]))
    assert found == [2.0, Lost("killed at more than 700 MB"), 6.0]


def test_a_process_that_dies_once_loses_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "somebody-died"
    with fitting_pool(2) as pool:
        assert list(pool.deal(die_once, [(str(flag), float(i)) for i in range(8)])) == [
            2.0 * i for i in range(8)
        ]
    assert flag.exists()


def test_a_process_that_is_killed_while_it_waits_loses_nothing() -> None:
    with fitting_pool(1) as pool:
        for _ in range(3):
            (pid,) = pool.deal(_pid, [0])
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)
        assert list(pool.deal(behave, [("well", 1.0)])) == [2.0]


def _pid(_: int) -> int:
    return os.getpid()


def test_an_error_is_raised_here_with_its_own_words_and_says_where_it_was_there() -> None:
    with fitting_pool(1) as pool:
        results = pool.deal(behave, [("well", 1.0), ("raises", 2.0), ("well", 3.0)])
        assert next(results) == 2.0
        with pytest.raises(ValueError, match="no 2 here") as raised:
            next(results)
        assert "in behave" in raised.value.__notes__[0]
        assert list(pool.deal(behave, [("well", 4.0)])) == [8.0]


def test_an_answer_that_cannot_be_sent_is_an_error_and_no_death() -> None:
    with fitting_pool(1) as pool, pytest.raises(TypeError, match="cannot be sent"):
        list(pool.deal(_lock, [0]))


def _lock(_: int) -> object:
    return threading.Lock()


def test_what_a_fit_started_ends_with_it(tmp_path: Path) -> None:
    with fitting_pool(1, limits=Limits(seconds=3.0)) as pool:
        assert list(pool.deal(start_and_wait, [str(tmp_path)])) == [Lost("killed after 3 s")]
        wait_for_end((tmp_path / "ids").read_text().split())


def test_every_process_has_a_folder_that_goes_with_it() -> None:
    with fitting_pool(2) as pool:
        folders = {folder for folder, _ in pool.deal(surroundings, range(4))}
        assert all(Path(folder).is_dir() for folder in folders)
    assert not any(Path(folder).exists() for folder in folders)


def test_leaving_early_ends_every_process_at_once(tmp_path: Path) -> None:
    def interrupted() -> None:
        with fitting_pool(2, limits=NO_LIMIT) as pool:
            pool.deal(start_and_wait, [str(tmp_path)])
            pool.deal(behave, [("deaf", float(i)) for i in range(100)])
            wait_for((tmp_path / "ids").exists, "the work to begin")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    wait_for_end((tmp_path / "ids").read_text().split())


def test_who_waits_is_asked_whether_it_is_still_wanted() -> None:
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise InterruptedError

    def waiting() -> None:
        with fitting_pool(1, limits=NO_LIMIT, check=check) as pool:
            list(pool.deal(behave, [("sleeps", 1.0)]))

    with pytest.raises(InterruptedError):
        waiting()


def test_processes_end_with_a_parent_that_is_killed_even_one_that_is_deaf(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os\n"
        "from service.fit_process import Limits\n"
        "from service.pool import fitting_pool\n"
        "from tests.support.fits import behave\n"
        "if __name__ == '__main__':\n"
        "    with fitting_pool(2, limits=Limits(seconds=0.5)) as pool:\n"
        "        print(*set(pool.deal(os.getpgid, [0] * 8)), flush=True)\n"
        "        list(pool.deal(behave, [('deaf', 1.0), ('sleeps', 1.0)]))\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        children = parent.stdout.readline().split()
        assert children
        parent.kill()
    wait_for_end(children)


def test_time_in_which_the_whole_machine_stood_still_is_not_counted(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from service.fit_process import Limits\n"
        "from service.pool import fitting_pool\n"
        "if __name__ == '__main__':\n"
        "    with fitting_pool(1, limits=Limits(seconds=3.0)) as pool:\n"
        "        print(os.getpid(), *pool.deal(os.getpgid, [0]), flush=True)\n"
        "        print(*pool.deal(time.sleep, [1.0]), flush=True)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        asks, fits = (int(pid) for pid in parent.stdout.readline().split())
        os.kill(asks, signal.SIGSTOP)
        os.kill(fits, signal.SIGSTOP)
        time.sleep(4.0)  # beyond the limit
        os.kill(asks, signal.SIGCONT)
        time.sleep(0.5)  # it looks at the clock before the other has moved
        os.kill(fits, signal.SIGCONT)
        assert parent.stdout.readline().strip() == "None"


def test_where_no_process_can_be_had_it_says_so(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    pool = Pool(1, context, str(tmp_path / "no such folder"), NO_LIMIT, lambda: None)
    with pytest.raises(ForecastError, match=r"no process for fits could be started: its process died \(exit"):
        list(pool.deal(behave, [("well", 1.0)]))
    pool.close()
