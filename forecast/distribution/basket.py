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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """How far paths go, sorted once for any number of levels: (months, draws), each row growing.

    highest, lowest: of the months so far; at: of the month itself.
    """

    highest: Array
    lowest: Array
    at: Array

    @property
    def draws(self) -> int:
        """Number of paths."""
        return int(self.at.shape[1])

    def within(self, levels: Array, month: int, *, above: bool) -> Array:
        """Share of paths above each level, or below it, in some month up to number `month` (from 0)."""
        return share_beyond((self.highest if above else self.lowest)[month], levels, above=above)

    def crossing(self, level: float, *, above: bool) -> Crossing:
        """How often paths stand above one level, or below it, month by month."""
        asked, months = np.array([level]), range(len(self.at))
        return Crossing(
            within=np.array([self.within(asked, k, above=above)[0] for k in months]),
            at=np.array([share_beyond(self.at[k], asked, above=above)[0] for k in months]),
        )


def reach(paths: Array) -> Reach:
    """Of paths (draws, months), joint over the months."""
    by_month = paths.T
    return Reach(
        highest=np.sort(np.maximum.accumulate(by_month, axis=0), axis=1),
        lowest=np.sort(np.minimum.accumulate(by_month, axis=0), axis=1),
        at=np.sort(by_month, axis=1),
    )


def share_beyond(growing: Array, levels: Array, *, above: bool) -> Array:
    """Share of sorted draws (draws,) strictly above each level, or below it."""
    if above:
        beyond = len(growing) - np.searchsorted(growing, levels, side="right")
    else:
        beyond = np.searchsorted(growing, levels, side="left")
    return np.asarray(beyond / len(growing))


def standard_error(share: float | Array, draws: int) -> Array:
    """Sampling error of a share of draws, were they independent; those here are spread evenly, so at most
    about that."""
    return np.asarray(np.sqrt(np.asarray(share) * (1.0 - np.asarray(share)) / draws))
