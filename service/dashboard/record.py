"""What the page of the track record shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.store import champions
from data.store.champions import Promotion
from data.store.record import OUT_OF_BAND
from service.context import Context
from service.record.track import Asked, Figures, Group, TrackRecord, track_record

HEADINGS: Mapping[str, str] = {
    "series": "By series",
    "market": "By market",
    "horizon": "By months ahead",
    "regime": "By regime",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One horizon of one series that has enough outcomes, as judged last. out: is it out of band?"""

    series_id: str
    champion: str
    months: str
    outcomes: int
    coverage: float
    band: tuple[float, float]
    skill: float | None
    out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """tables: heading -> rows (value, figures), the whole first. places: who is champion of each series."""

    found: TrackRecord
    tables: Mapping[str, tuple[tuple[str, Figures], ...]]
    parts: tuple[Part, ...]
    places: tuple[Promotion, ...]


def record_page(context: Context, asked: Asked) -> RecordPage:
    """Raises Refusal for a filter that there is not."""
    found = track_record(context, asked)
    with context.engine.connect() as conn:
        decided = champions.newest(conn)
    return RecordPage(
        found=found,
        tables={
            heading: (("all", found.overall), *_rows(found.groups, by)) for by, heading in HEADINGS.items()
        },
        parts=tuple(
            _part(health.series_id, health.content["champion"], part)
            for health in found.health
            for part in health.content["horizons"]
            if part["coverage"] is not None
        ),
        places=tuple(decided[name] for name in sorted(decided)),
    )


def _rows(groups: tuple[Group, ...], by: str) -> tuple[tuple[str, Figures], ...]:
    return tuple((group.value, group.figures) for group in groups if group.by == by)


def _part(series_id: str, champion: str, part: Mapping[str, Any]) -> Part:
    first, last = part["first"], part["last"]
    return Part(
        series_id=series_id,
        champion=champion,
        months=str(first) if first == last else f"{first} to {last}",
        outcomes=part["outcomes"],
        coverage=part["coverage"],
        band=(part["coverage_low"], part["coverage_high"]),
        skill=part["skill"],
        out=part["state"] in OUT_OF_BAND,
    )
