"""Errors of the store, below the root of forecast/errors.py.

ForecastError
├── RunNotRunning         a run was to be finished that is not running (any more)
├── LeaseLost             another process leads by now, and what this one does no longer counts
├── BadStoredValue        what the database holds is not what we wrote
└── InputError
    └── UnknownId         a row names something that is not stored
"""

from __future__ import annotations

from forecast.errors import ForecastError, InputError


class RunNotRunning(ForecastError):
    """Somebody else ended this run, or it went back to the queue: its results may not be stored twice."""

    def __init__(self, run_id: int, state: str) -> None:
        self.run_id = run_id
        self.state = state
        super().__init__(f"run {run_id} is {state}; only a running one can be finished")


class LeaseLost(ForecastError):
    """The writer led once and no longer does: nothing of what it was about to write may stay."""

    def __init__(self, holder: str, fence: int) -> None:
        self.holder = holder
        self.fence = fence
        super().__init__(f"{holder} no longer leads under fence {fence}: its transaction is taken back")


class BadStoredValue(ForecastError):
    """A stored value that cannot be read back."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} in the database cannot be read: {why}")


class UnknownId(InputError):
    """A row that refers to something the store does not hold."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        super().__init__(field, found, allowed)
