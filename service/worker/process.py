"""The worker as a child of `serve`: started beside the API, restarted when it dies, ended with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from data.store import runs
from data.store.engine import make_engine
from service import logs
from service.heartbeat import worker_name
from service.settings import Settings
from service.worker.__main__ import TIED

_GRACE_SECONDS = 5.0
_LONGEST_PAUSE = 30.0


class WorkerProcess:
    """One child process that serves the queue. `start` once, `stop` once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._supervise, name="worker-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the child while there is one."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Start the child and watch over it."""
        self._child = self._spawn()
        self._watch.start()

    def stop(self) -> None:
        """Ask the child to end; end it by force after a while."""
        self._stop.set()
        self._watch.join(timeout=_GRACE_SECONDS)
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                self._put_back(child.pid)
        if child.stdin is not None:
            child.stdin.close()

    def _put_back(self, pid: int) -> None:
        """Queue what the child had in hand: on a busy machine it may not get to that in time by itself."""
        engine = make_engine(self._settings.database_url)
        try:
            with engine.begin() as conn:
                runs.release_of(conn, worker_name(pid))
        except DBAPIError:  # it goes back when its sign of life has grown old
            logs.get("serve").warning("the worker was ended by force; its run is queued again later", pid=pid)
        finally:
            engine.dispose()

    def _spawn(self) -> subprocess.Popen[bytes]:
        given = self._settings.model_dump(mode="json", exclude_none=True, include=_SHARED)
        env = (
            os.environ
            | {f"YTTERBY_{name.upper()}": str(value) for name, value in given.items()}
            | {TIED: "1"}
        )
        source = str(Path(__file__).absolute().parents[2])
        env["PYTHONPATH"] = os.pathsep.join(p for p in (source, env.get("PYTHONPATH")) if p)
        command = [sys.executable, "-m", "service.worker"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=env)

    def _supervise(self) -> None:
        pause = 1.0
        while not self._stop.wait(0.2):
            child = self._child
            if child is None or child.poll() is None:
                continue
            logs.get("serve").warning("the worker ended and is started again", exit_code=child.returncode)
            if child.stdin is not None:
                child.stdin.close()
            if self._stop.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)
            self._child = self._spawn()


#: Settings that the child takes over, whatever command line its parent was started with. The secret key is
#: not among them: it would be written out as stars, and the child has its parent's environment anyway.
_SHARED = {
    "database_url", "today", "horizon", "cutoffs",
    "processes", "executor", "fit_seconds", "fit_memory_mb", "seed",
    "worker_poll_seconds", "stale_run_seconds",
    "allowed_networks", "delivery_threads",
    "time_zone", "lease_seconds", "retrain_debounce",
    "job_ingest", "job_score", "job_retrain", "job_clean_up",
    "log_format", "log_level",
    "watch_folder", "watch_settle_seconds",
}  # fmt: skip
