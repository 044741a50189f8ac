"""What open events do to the last month is said where it is worth saying."""

from __future__ import annotations

import numpy as np

from forecast.caveats import open_event_caveats
from forecast.types import QUANTILES


def test_open_events_are_named_by_what_they_add_to_the_last_month() -> None:
    base = np.tile(np.linspace(-1.0, 1.0, 21), (3, 1))
    final = base.copy()
    final[-1, QUANTILES.index(0.5)] += np.log(1.11)
    final[-1, QUANTILES.index(0.9)] += np.log(1.34)
    (said,) = open_event_caveats(base, final)
    assert "+11% to the median" in said
    assert "+34% to the 90 % quantile" in said
    assert open_event_caveats(base, base + 0.01) == ()
    final[-1] = base[-1]
    assert open_event_caveats(base, final) == (), "only the last month counts"
