"""The season of a monthly price, estimated so that most prices have none.

Mean log change of each calendar month, shrunk together by how far they differ beyond chance (James and
Stein 1961): with F the usual ratio of the variance between months to that within, 1 - STRICT / F of the
pattern stays, and nothing while F is below STRICT.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.models.base import Origins
from forecast.types import Array

MONTHS = 12
MIN_CHANGES = 60
STRICT = 2.0  # F that chance exceeds once in 30: below it there is no season
LARGEST = 3.0  # times the series' mean absolute change (as a normal's sd): a change beyond counts as this
NONE = np.zeros(1)


def seasonal_terms(y: Array, periods: pd.PeriodIndex, season: int) -> Array:
    """Log price by calendar month about its mean, (12,), index ordinal modulo 12; a single 0 for no season.

    y: (n,) log prices, NaN allowed; only changes between neighbouring months count. Weekly prices have none.
    """
    changes = np.diff(y)
    seen = np.isfinite(changes)
    if season != MONTHS or seen.sum() < MIN_CHANGES or not np.any(changes[seen]):
        return NONE
    month = np.asarray(periods.asi8, dtype=np.intp)[1:][seen] % MONTHS
    limit = LARGEST * np.sqrt(np.pi / 2.0) * np.abs(changes[seen]).mean()
    cut = np.clip(changes[seen], -limit, limit)
    count = np.bincount(month, minlength=MONTHS)
    if count.min() < 3:
        return NONE
    means = np.bincount(month, weights=cut, minlength=MONTHS) / count
    within = float(((cut - means[month]) ** 2).sum()) / (cut.size - MONTHS)
    means -= means.mean()
    between = float(count.mean() * (means**2).sum()) / (MONTHS - 1)
    if between <= STRICT * within:
        return NONE
    levels = np.cumsum(means * (1.0 - STRICT * within / between))
    return np.asarray(levels - levels.mean())


def at_periods(terms: Array, ordinals: Origins) -> Array:
    """The season's part of the log price at periods given by their ordinals, any shape."""
    return np.asarray(terms[ordinals % terms.size], dtype=np.float64)
