"""Boosted regression trees as plain arrays: what scikit-learn fitted, kept and evaluated without it.

A forest is stored as numbers and evaluated by numpy alone, so a stored fit needs neither a pickle nor the
library that made it, and gives the same values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecast.types import Array

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """`base` plus the sum of binary trees. All nodes stand in one row, tree by tree, parents before children.

    first: (trees,) index of each root. Per node: feature (-1 at a leaf), threshold (goes left if value <=
    threshold), missing_left (1: NaN goes left), left and right (indices of children), value (of a leaf).
    """

    base: float
    first: Indices
    feature: Indices
    threshold: Array
    missing_left: Indices
    left: Indices
    right: Indices
    value: Array

    def predict(self, rows: Array) -> Array:
        """Value of each row of features, (r, k) -> (r,); NaN allowed, infinities not."""
        # NaN as -inf goes left and as +inf goes right at every finite threshold: one comparison serves both
        lower = np.where(np.isnan(rows), -np.inf, rows).T.copy()
        upper = np.where(np.isnan(rows), np.inf, rows).T.copy()
        total = np.full(len(rows), self.base)
        ends = (*self.first[1:].tolist(), len(self.feature))
        for start, end in zip(self.first.tolist(), ends, strict=True):
            found: dict[int, Array | float] = {}
            for node in range(end - 1, start - 1, -1):
                at = int(self.feature[node])
                if at < 0:
                    found[node] = float(self.value[node])
                    continue
                column = lower[at] if self.missing_left[node] else upper[at]
                found[node] = np.where(
                    column <= self.threshold[node],
                    found.pop(int(self.left[node])),
                    found.pop(int(self.right[node])),
                )
            total += found[start]
        return total


def forest_of(model: HistGradientBoostingRegressor) -> Forest:
    """The trees of a fitted regressor with numeric features, in the order in which it adds them up."""
    trees = [stage[0].nodes for stage in model._predictors]
    nodes = np.concatenate(trees)
    first = np.cumsum([0, *(len(tree) for tree in trees[:-1])])
    offset = np.repeat(first, [len(tree) for tree in trees])
    leaf = nodes["is_leaf"].astype(bool)
    # where only NaN goes right the threshold is infinite; the largest number separates the same rows
    largest = np.finfo(np.float64).max
    return Forest(
        base=float(np.ravel(model._baseline_prediction)[0]),
        first=first.astype(np.int64),
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=np.clip(nodes["num_threshold"].astype(np.float64), -largest, largest),
        missing_left=nodes["missing_go_to_left"].astype(np.int64),
        left=np.where(leaf, -1, nodes["left"] + offset).astype(np.int64),
        right=np.where(leaf, -1, nodes["right"] + offset).astype(np.int64),
        value=np.where(leaf, nodes["value"], 0.0).astype(np.float64),
    )
