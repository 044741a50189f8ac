"""Chinese value-added tax on rare-earth oxides by date: 17 % to 2018-04, 16 % to 2019-03, 13 % since.

Source: State Taxation Administration notices Cai Shui [2018] 32 and [2019] 39.
"""

from __future__ import annotations

from datetime import date

VAT_STEPS: tuple[tuple[date, float], ...] = (
    (date(1994, 1, 1), 0.17),
    (date(2018, 5, 1), 0.16),
    (date(2019, 4, 1), 0.13),
)


def china_vat(day: date) -> float:
    """VAT rate in force on `day`, as a fraction (0.13 = 13 %)."""
    return next(rate for start, rate in reversed(VAT_STEPS) if start <= day)
