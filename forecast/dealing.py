"""How work is dealt out: in this process, by an executor, or by one that outlives its processes.

A dealer takes a function and items, and gives the results in the order of the items. One that watches its
processes gives a `Lost` in place of a result whose process is gone; the numbers depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from forecast.errors import WorkLost

A = TypeVar("A")
B = TypeVar("B")
#: A fit takes milliseconds, so fits are sent in batches: about so many of a run, however many there are.
BATCHES = 64


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of a result: why there is none, in words such as "killed after 120 s"."""

    why: str


class Deal(Protocol):
    """patience: how many times as long as one fit an item may take, where that is limited."""

    def __call__(
        self, function: Callable[[A], B], items: Sequence[A], *, patience: int = 1
    ) -> Iterator[B | Lost]: ...


@runtime_checkable
class Dealer(Protocol):
    """An executor that may lose an item and goes on with the others."""

    @property
    def deal(self) -> Deal: ...


#: Who does the work: processes of the service, an executor of the standard library, or None for right here.
Workers = Dealer | Executor | None


def here(function: Callable[[A], B], items: Sequence[A], *, patience: int = 1) -> Iterator[B | Lost]:
    """One after the other in this process, each when it is asked for, as long as it takes."""
    del patience
    return map(function, items)


def dealt_by(workers: Workers) -> Deal:
    """How these workers are given work. Work begins at once, but for `here`."""
    if workers is None:
        return here
    if isinstance(workers, Dealer):
        return workers.deal
    executor = workers

    def deal(function: Callable[[A], B], items: Sequence[A], *, patience: int = 1) -> Iterator[B | Lost]:
        del patience
        return executor.map(function, items, chunksize=batch_size(len(items)))

    return deal


def batch_size(count: int) -> int:
    """Items sent together where there are `count`, at least one."""
    return max(-(-count // BATCHES), 1)


def all_done(results: Iterable[B | Lost], names: Iterable[str]) -> Iterator[B]:
    """Results of which none may be missing. Raises WorkLost, which names the one that is."""
    for result, name in zip(results, names, strict=True):
        if isinstance(result, Lost):
            raise WorkLost(name, result.why)
        yield result
