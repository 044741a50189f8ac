"""A small drawing of a series for a table cell: two years of quotes and the 80 % range ahead. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT, _EDGE = 150.0, 46.0, 2.0
YEARS = 2
_GAP = timedelta(days=45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """SVG coordinates in a box of WIDTH x HEIGHT. history: polylines, a new one after each gap; dots:
    single quotes; fan: closed polygon of the range; median: polyline."""

    history: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    fan: str
    median: str


def sparkline(
    quotes: Sequence[tuple[date, float]],
    rows: Sequence[tuple[date, float, float, float]],
    *,
    known_at: date,
    as_line: bool,
) -> Sparkline:
    """quotes: (day, price), oldest first. rows: (day, low, median, high), at least one. as_line: join the
    quotes; dated ones stay dots."""
    start = min(known_at - timedelta(days=round(365.25 * YEARS)), rows[0][0])
    seen = [(d, v) for d, v in quotes if d >= start]
    values = [v for _, v in seen] + [v for row in rows for v in row[1:]]
    low, high = min(values), max(values)
    days = max((rows[-1][0] - start).days, 1)

    def x(at: date) -> float:
        return round(_EDGE + (WIDTH - 2 * _EDGE) * (at - start).days / days, 1)

    def y(value: float) -> float:
        share = 0.5 if high == low else (value - low) / (high - low)
        return round(HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * share, 1)

    def points(found: Sequence[tuple[date, float]]) -> str:
        return " ".join(f"{x(d)},{y(v)}" for d, v in found)

    upper = [(d, top) for d, _, _, top in rows]
    lower = [(d, bottom) for d, bottom, _, _ in reversed(rows)]
    return Sparkline(
        history=tuple(points(part) for part in _unbroken(seen)) if as_line else (),
        dots=() if as_line else tuple((x(d), y(v)) for d, v in seen),
        fan=points([*upper, *lower]),
        median=points([(d, mid) for d, _, mid, _ in rows]),
    )


def _unbroken(seen: Sequence[tuple[date, float]]) -> list[list[tuple[date, float]]]:
    """Runs of quotes without a missing month."""
    runs: list[list[tuple[date, float]]] = []
    for item in seen:
        if runs and item[0] - runs[-1][-1][0] <= _GAP:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs
