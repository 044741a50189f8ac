"""The courier: the thread of a worker process that judges what came in, and sends what is to be told."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import date

from sqlalchemy.exc import InterfaceError, OperationalError

from data.store import endpoints, signals
from service import logs
from service.alerts.evaluate import evaluate
from service.context import Context
from service.outgoing import Limits, Outgoing
from service.settings import fernet_keys
from service.webhooks.dispatch import Dispatch
from service.webhooks.endpoints import reseal
from service.webhooks.secrets import SecretUnreadable, vault

#: How often the inbox is looked at; an attempt that ends is recorded at once.
_PAUSE_SECONDS = 0.25
#: How often it is looked for what time alone has made due: repeats, and what a silence that ended kept back.
_REMIND_SECONDS = 5.0
#: The pause after something that should not have happened.
_LONG_PAUSE_SECONDS = 2.0
#: How long attempts in flight are waited for when the process is told to stop.
_GRACE_SECONDS = 3.0


class Courier:
    """One thread until `stop` is set. `start` once, `join` once."""

    def __init__(self, context: Context, stop: threading.Event, limits: Limits | None = None) -> None:
        self._context, self._stop, self._limits = context, stop, limits
        self._day: date | None = None
        self._remind_at = 0.0
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        #: Did it end before it was told to?
        self.failed = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has recorded what was in flight, but not for long."""
        self._thread.join(_GRACE_SECONDS + 1)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            if not self._stop.is_set():  # a fault; a process that tells nobody anything must not live on
                self.failed = True
                os.kill(os.getpid(), signal.SIGTERM)

    def _work(self) -> None:
        log = logs.get("courier")
        dispatch = self._dispatch()
        judge_at = time.perf_counter()
        while not self._stop.is_set():
            try:
                if time.perf_counter() >= judge_at:
                    judge_at = time.perf_counter() + (
                        _PAUSE_SECONDS if self._judged() else _LONG_PAUSE_SECONDS
                    )
                done = dispatch.turn() if dispatch else 0
            except (OperationalError, InterfaceError) as error:  # busy, or away for a while
                log.warning("the database does not answer; tried again", error=str(error.orig))
                self._stop.wait(_LONG_PAUSE_SECONDS)
                continue
            if dispatch is None:
                self._stop.wait(_PAUSE_SECONDS)
            elif not done:
                dispatch.wait(_PAUSE_SECONDS)
        if dispatch is not None:
            dispatch.close(_GRACE_SECONDS)

    def _judged(self) -> bool:
        """Was everything judged? What cannot be must not keep what was decided before from being sent."""
        try:
            self._judge()
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it stays in the inbox and is tried again
            logs.get("courier").exception("alerts cannot be judged; tried again")
            return False
        return True

    def _judge(self) -> None:
        """Judge all that waits; once a day also what only the day has changed."""
        today = self._context.clock.today()
        if self._day != today:
            with self._context.engine.begin() as conn:
                signals.add_day(conn, today, self._context.clock.now())
            self._day = today
        remind = time.perf_counter() >= self._remind_at
        if remind:
            self._remind_at = time.perf_counter() + _REMIND_SECONDS
        while evaluate(self._context, remind=remind).signals and not self._stop.is_set():
            remind = False

    def _dispatch(self) -> Dispatch | None:
        """What sends; None, and a warning, where secrets cannot be read."""
        settings, log = self._context.settings, logs.get("courier")
        found = vault(settings)
        if found is None:
            with self._context.engine.connect() as conn:
                waiting = len(endpoints.list_(conn, state=endpoints.ACTIVE))
            if waiting:
                log.warning("YTTERBY_SECRET_KEY is not set: nothing is sent", endpoints=waiting)
            return None
        try:
            if len(fernet_keys(settings.secret_key)) > 1:
                reseal(self._context)
        except SecretUnreadable as error:
            log.warning("not every secret can be read", error=str(error))
        return Dispatch(self._context, Outgoing(allowed=settings.networks), found, self._limits)
