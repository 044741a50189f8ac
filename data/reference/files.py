"""Readers of the shipped files. They travel inside the package, so they are read as its resources.

When a number could be known follows a rule, since nobody watched: a monthly mean on the day after its
month, a dated quote on its day, a figure of a year on 1 February of the next, an exchange rate as a
monthly mean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import yaml

from data.types import FxRate, Quote, Series
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage

#: A quote whose terms are not cleared says so at the start of its source: so it is found and removed.
MARK = "demonstration: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A dated step ahead, as known when the events were collected."""

    on: date
    what: str
    channel: str
    confidence: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """China's exports of one month, tonnes. item: "dysprosium", "terbium", "permanent-magnets", ..."""

    month: date
    item: str
    tonnes: float
    source_title: str
    source_url: str


def next_month(day: date) -> date:
    """First day of the month after that of `day`: when its monthly mean can be known."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def read_catalogue() -> tuple[Series, ...]:
    """The series, those that others are premiums over first."""
    found = [Series(**entry) for entry in _yaml("catalogue.yaml")["series"]]
    return tuple(sorted(found, key=lambda s: (s.base_series is not None, s.series_id)))


def read_quotes(recorded_at: datetime) -> tuple[Quote, ...]:
    """Every shipped price as a quote recorded at that instant (aware)."""
    sources: Mapping[str, str] = _yaml("catalogue.yaml")["sources"]
    return (*_monthly(sources, recorded_at), *_points(recorded_at), *_annual(recorded_at))


def read_fx(recorded_at: datetime) -> tuple[FxRate, ...]:
    """Monthly mean rates: units of CNY and of EUR per US dollar."""
    source: str = _yaml("catalogue.yaml")["sources"]["fx"]
    return tuple(
        FxRate(
            month=date.fromisoformat(row["month"]),
            currency=currency,
            per_usd=float(row[currency]),
            available_on=next_month(date.fromisoformat(row["month"])),
            recorded_at=recorded_at,
            source=source,
        )
        for row in _rows("fx_monthly.csv")
        for currency in ("CNY", "EUR")
    )


def read_events() -> tuple[Event, ...]:
    """The shipped events with their life-cycles, by the day they became public."""
    found = [_event(entry) for entry in _yaml("events.yaml")["events"]]
    return tuple(sorted(found, key=lambda e: (e.known_on, e.event_id)))


def read_deadlines() -> tuple[Deadline, ...]:
    """Dated steps ahead, as known when the events were collected."""
    return tuple(
        Deadline(
            on=entry["date"],
            what=entry["what"],
            channel=entry["channel"],
            confidence=entry["confidence"],
            event_id=entry["event_id"],
        )
        for entry in _yaml("events.yaml")["scheduled"]
    )


def read_exports() -> tuple[Export, ...]:
    """Export volumes, for readers; no model uses them."""
    return tuple(
        Export(
            month=date.fromisoformat(row["month"]),
            item=row["item"],
            tonnes=float(row["tonnes"]),
            source_title=row["source_title"],
            source_url=row["source_url"],
        )
        for row in _rows("exports.csv")
    )


def _monthly(sources: Mapping[str, str], recorded_at: datetime) -> Iterator[Quote]:
    for row in _rows("monthly_reference.csv"):
        month = date.fromisoformat(row["month"])
        yield Quote(
            series_id=row["series_id"],
            ds=month,
            value=float(row["value"]),
            low=None,
            high=None,
            available_on=next_month(month),
            recorded_at=recorded_at,
            source=MARK + sources[row["source"]],
            kind="monthly-mean",
            n_quotes=int(row["n_quotes"]) if row["n_quotes"] else None,
            note=row["note"] or None,
        )


def _points(recorded_at: datetime) -> Iterator[Quote]:
    for row in _rows("points_outside_china.csv"):
        day = date.fromisoformat(row["date"])
        yield Quote(
            series_id=row["series_id"],
            ds=day,
            value=float(row["value"]),
            low=float(row["low"]) if row["low"] else None,
            high=float(row["high"]) if row["high"] else None,
            available_on=day,
            recorded_at=recorded_at,
            source=MARK + row["source_title"],
            kind="point",
            n_quotes=None,
            note="; ".join(filter(None, (row["kind"], row["basis"], row["source_url"]))),
        )


def _annual(recorded_at: datetime) -> Iterator[Quote]:
    for row in _rows("usgs_annual.csv"):
        day = date.fromisoformat(row["date"])
        yield Quote(
            series_id=row["series_id"],
            ds=day,
            value=float(row["value"]),
            low=None,
            high=None,
            available_on=date(day.year + 1, 2, 1),
            recorded_at=recorded_at,
            source=row["source_title"],
            kind="annual",
            n_quotes=None,
            note=row["source_url"],
        )


def _event(entry: Mapping[str, Any]) -> Event:
    plain = dict(entry)
    plain["elements"] = {name: Coverage(value) for name, value in entry["elements"].items()}
    plain["market_side"] = MarketSide(entry["market_side"])
    plain["changes"] = tuple(
        EventChange(**{**change, "stage": Stage(change["stage"])}) for change in entry["changes"]
    )
    plain["forms"] = tuple(entry["forms"])
    plain["sources"] = tuple(entry["sources"])
    return Event(**plain)


def _rows(name: str) -> list[dict[str, str]]:
    text = files("data.reference").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def _yaml(name: str) -> Any:
    # The safe loader in C reads the events in a tenth of the time; not every build of PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reading = loader(files("data.reference").joinpath(name).read_text(encoding="utf-8"))
    try:
        return reading.get_single_data()
    finally:
        reading.dispose()
