"""Questions about several prices or several months at once, answered from joint paths.

The spread of a sum is not the sum of spreads, and "at some time within a year" is not "after a year": both
need the dependence that only paths hold. Marginals answer neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.types import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketPaths:
    """unit: (draws, months) cost of one unit of the basket in each month; total: (draws,) of all months."""

    unit: Array
    total: Array


def basket(paths: Sequence[Array], quantities: Sequence[Array]) -> BasketPaths:
    """Cost of a basket.

    paths: (draws, months) prices of each item, draw d of one beside draw d of the others; quantities:
    (months,) of each, in the unit of its price. A month in which nothing is bought has no unit cost: NaN.
    """
    spent = sum((p * q for p, q in zip(paths, quantities, strict=True)), np.zeros(paths[0].shape))
    bought = np.sum(quantities, axis=0)
    unit = np.divide(spent, bought, out=np.full(spent.shape, np.nan), where=bought > 0)
    return BasketPaths(unit=unit, total=spent.sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Share of paths beyond a level: within (months,), in some month so far; at (months,), in that month."""

    within: Array
    at: Array


def crossing(paths: Array, level: float, *, above: bool) -> Crossing:
    """How often paths (draws, months) stand above the level, or below it."""
    beyond = paths > level if above else paths < level
    return Crossing(
        within=np.asarray(np.logical_or.accumulate(beyond, axis=1).mean(axis=0)),
        at=np.asarray(beyond.mean(axis=0)),
    )


def standard_error(share: float | Array, draws: int) -> Array:
    """Sampling error of a share of draws, were they independent; those here are spread evenly, so at most
    about that."""
    return np.asarray(np.sqrt(np.asarray(share) * (1.0 - np.asarray(share)) / draws))
