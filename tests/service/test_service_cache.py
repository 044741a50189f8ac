"""What is kept in the process: made once, and again after it failed or was the longest unused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from service.cache import MOST, Cache


def test_threads_that_ask_at_once_get_one_entry() -> None:
    cache, made, together = Cache(), [], Barrier(4)

    def make() -> object:
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        together.wait()
        return cache.get("key", make)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert found == made * 4


def test_what_failed_is_tried_again() -> None:
    cache = Cache()
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 / 0)
    assert cache.get("key", lambda: 1.0) == 1.0


def test_the_longest_unused_goes_first() -> None:
    cache = Cache()
    for key in range(MOST):
        cache.get(key, lambda: "old")
    cache.get(0, lambda: "new")
    cache.get("one more", lambda: "old")
    assert cache.get(0, lambda: "new") == "old"
    assert cache.get(1, lambda: "new") == "new"
