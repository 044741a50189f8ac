"""Every error the core raises. Each takes values and writes its own sentence.

ForecastError
├── InputError            the caller's data or arguments cannot be used (field, found, allowed)
│   └── HistoryTooShort   a model or a calibration needs more observations
├── ModelNotFitted        a model ran but gave no usable result (not converged, not finite), or was lost
├── WorkLost              a part of a run that nothing can stand in for was lost with its process
└── UnknownModel          a model name that MODELS does not hold
"""

from __future__ import annotations

from typing import Any


class ForecastError(Exception):
    """Root of every error raised on purpose in Ytterby."""

    def __reduce__(self) -> tuple[Any, ...]:
        # by itself Python would call the class with the finished sentence, in the process it is sent to
        return _again, (type(self), self.args, dict(self.__dict__))


def _again(kind: type[ForecastError], args: tuple[Any, ...], values: dict[str, Any]) -> ForecastError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(values)
    return error


class InputError(ForecastError):
    """An argument or a row that cannot be used: names the field, what was found, what is allowed."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        self.field = field
        self.found = found
        self.allowed = allowed
        super().__init__(f"{field}: found {found!r}; allowed: {allowed}")


class HistoryTooShort(InputError):
    """Fewer observations than a model needs."""

    def __init__(self, who: str, found: int, needed: int) -> None:
        super().__init__("history", f"{found} observations", f"at least {needed} for {who}")
        self.needed = needed


class ModelNotFitted(ForecastError):
    """A model that ran without giving a usable result. It is left out by name, never replaced."""

    def __init__(self, model: str, why: str) -> None:
        self.model = model
        self.why = why
        super().__init__(f"{model} was left out: {why}")


class WorkLost(ForecastError):
    """A part of a run that cannot be left out, whose process is gone: nothing was made of the run."""

    def __init__(self, what: str, why: str) -> None:
        self.what = what
        self.why = why
        super().__init__(f"{what} was lost: {why}")


class UnknownModel(InputError):
    """A model name that is not in MODELS."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__("model", name, "one of " + ", ".join(known))
