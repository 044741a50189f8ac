"""Which part of a series with holes an estimator that knows no holes may see."""

from __future__ import annotations

import numpy as np

from forecast.types import Array


def longest_stretch(y: Array) -> slice:
    """Positions of the longest run of quotes without a hole; of equal runs the newest. Empty if no quote."""
    known = np.concatenate(([False], np.isfinite(y), [False])).astype(np.int8)
    edges = np.diff(known)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if starts.size == 0:
        return slice(0, 0)
    lengths = stops - starts
    best = int(np.flatnonzero(lengths == lengths.max())[-1])
    return slice(int(starts[best]), int(stops[best]))
