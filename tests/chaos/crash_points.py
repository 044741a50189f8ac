"""Workers that die at one border of their work: python -m tests.chaos.crash_points

For each line of standard input, {"url": database, "at": number}, a worker is forked that evaluates and
delivers all there is to be told, one thing after the other, and dies as it reaches that border. Borders are:
before a statement, before and after a commit, before a POST and when its answer is there. Printed is how the
worker ended and how many borders it passed. Nothing waits: what a dead worker held is free at once.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from service import logs
from service.alerts.evaluate import evaluate
from service.context import Context
from service.outgoing import Answer, Limits, Outgoing
from service.settings import read_settings
from service.webhooks import deliver, retries
from service.webhooks.dispatch import Dispatch
from service.webhooks.secrets import vault
from tests.chaos.alerting_world import opened

LIMITS = Limits(connect_seconds=10, total_seconds=20)
#: Made once: to read the certificates of the world takes longer than all the rest, and none is asked for.
TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: Signals judged in one go.
TOGETHER = 2
KILLED = 137


class Borders:
    """Counts borders, and ends the process at one of them."""

    def __init__(self, at: int) -> None:
        self._at, self._lock, self.passed = at, threading.Lock(), 0

    def cross(self) -> None:
        """A border: the last thing that happens, if it is the one."""
        with self._lock:
            self.passed += 1
            if self.passed == self._at:
                os._exit(KILLED)

    def watch(self, context: Context) -> None:
        """Count every statement and commit."""
        dialect: Any = context.engine.dialect
        commit = dialect.do_commit

        def do_commit(connection: object) -> None:
            self.cross()
            commit(connection)
            self.cross()

        dialect.do_commit = do_commit
        event.listen(context.engine, "before_cursor_execute", lambda *_: self.cross())


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Outgoing):
    """Counts requests as well."""

    borders: Borders

    def request(self, *words: Any, **rest: Any) -> Answer:
        """Ask, between two borders."""
        self.borders.cross()
        answer = Outgoing.request(self, *words, **rest)
        self.borders.cross()
        return answer


def work(url: str, at: int) -> int:
    """Tell all there is to be told; borders passed."""
    settings = read_settings().model_copy(update={"database_url": url})
    context, found = opened(settings), vault(settings)
    assert found is not None
    borders = Borders(at)
    borders.watch(context)
    while evaluate(context, limit=TOGETHER).signals:
        pass
    outgoing = Watched(allowed=settings.networks, borders=borders, trust=TRUST)
    dispatch = Dispatch(context, outgoing, found, LIMITS)
    while dispatch.turn() or dispatch.flying:
        if dispatch.flying:
            dispatch.wait(60)
    return borders.passed


def main() -> None:
    """Fork a worker for each line, wait for it, say how it ended."""
    logs.configure(fmt="json", level="critical")
    retries.DELAYS = (timedelta(0),) * 60
    deliver.LEASE = timedelta(0)
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                os.write(writing, str(work(asked["url"], asked["at"])).encode())
            except Exception:  # noqa: BLE001 - a fork must not run on into what the parent does
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            passed = int(pipe.read() or 0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"status": status, "passed": passed}), flush=True)


if __name__ == "__main__":
    main()
