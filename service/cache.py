"""A few things that are costly to unpack or to work out, kept in this process.

What is kept never changes: a stored forecast of a run is the same for ever, and so is what changed between
two. Whether it is still stored is asked of the database each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
#: Forecasts ready to be asked take 2 to 4 MB each.
MOST = 32


class Cache:
    """The most recently used entries, at most MOST. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The entry of that key, made where there is none; threads that ask for it meanwhile wait for it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key]
                return found
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    made: T = self._kept[key]
                    return made
            try:
                made = make()
                with self._lock:
                    self._kept[key] = made
                    while len(self._kept) > MOST:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return made
