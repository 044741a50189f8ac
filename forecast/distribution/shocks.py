"""What happens in which draw: one set of levels an event, shared by all series of a run.

An event happens to all prices in the same draws, with the same size and on the same day. Levels are evenly
spread, so that an event of probability p happens in p of the draws, and come from a stream named by the id
of the event: another one more or less leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from scipy.special import stdtrit

from forecast.events.course import Course
from forecast.types import Array

HAPPENS, SIZE, DAY = 0, 1, 2  # rows of an event's levels


@lru_cache(maxsize=256)
def event_levels(event_id: str, draws: int, seed: int) -> Array:
    """(3, draws) levels in (0, 1): whether it happens, its size, its day of start. Not to be written to."""
    stream = np.random.default_rng([seed, 1, crc32(event_id.encode())])
    found = np.asarray([(stream.permutation(draws) + 0.5) / draws for _ in range(3)])
    found.setflags(write=False)
    return found


def shared_levels(event_ids: Iterable[str], draws: int, seed: int) -> dict[str, Array]:
    """Levels of each event of a run."""
    return {name: event_levels(name, draws, seed) for name in sorted(set(event_ids))}


def shifts(courses: Sequence[Course], probabilities: Sequence[float], levels: Mapping[str, Array]) -> Array:
    """Summed log effects in each draw, (draws, steps), with the levels of each course's name.

    Needs at least one course.
    """
    terms = [
        (levels[c.name][HAPPENS] < chance) * effect(c, levels[c.name])
        for c, chance in zip(courses, probabilities, strict=True)
    ]
    return np.asarray(np.sum(terms, axis=0).T)


def effect(course: Course, levels: Array) -> Array:
    """Log effect at each step in each draw, (steps, draws), given that it happens; levels: (3, draws)."""
    t = _student(course.dof, course.limit, levels[SIZE].tobytes())
    low, high = np.minimum(t, 0.0), np.maximum(t, 0.0)
    bounds = np.concatenate([[0.0], np.cumsum(course.shares)[:-1], [np.inf]])
    out = np.zeros((course.location.shape[1], len(t)))
    for d in range(len(course.shares)):
        found = course.location[d, :, None] + course.below[d, :, None] * low + course.above[d, :, None] * high
        if len(course.shares) == 1:
            return np.asarray(found)
        out += found * ((levels[DAY] >= bounds[d]) & (levels[DAY] < bounds[d + 1]))
    return out


@lru_cache(maxsize=256)
def _student(dof: float, limit: float, levels: bytes) -> Array:
    found = np.clip(stdtrit(dof, np.frombuffer(levels)), -limit, limit)
    found.setflags(write=False)
    return np.asarray(found, dtype=np.float64)
