"""What a training run is given: everything that was known on a day, read from the store in one go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from data.reference.load import has_reference
from data.store import events as event_store
from data.store import fx as fx_store
from data.store import prices
from data.types import Quote, Series
from forecast.events.event import Event
from forecast.types import Relation
from service.refusals import Refusal

COLUMNS = (
    "unique_id",
    "ds",
    "y",
    "element",
    "market",
    "currency",
    "available_on",
    "source",
    "low",
    "high",
    "n_quotes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """history: long frame of COLUMNS; fx: month, CNY, EUR per USD. fingerprint: sha256 of all of it.

    demonstration: was any demonstration quote stored?
    """

    series: tuple[Series, ...]
    history: pd.DataFrame
    events: tuple[Event, ...]
    fx: pd.DataFrame
    relations: tuple[Relation, ...]
    known_at: date
    fingerprint: str
    demonstration: bool


def load(
    conn: Connection,
    known_at: date,
    only: Sequence[str] | None = None,
    recorded_by: datetime | None = None,
) -> Inputs:
    """Everything available by `known_at`; `only` limits the series (bases of a chosen one are needed too).

    recorded_by: as this store held it then.
    """
    catalogue = tuple(s for s in prices.list_series(conn) if only is None or s.series_id in only)
    ids = [s.series_id for s in catalogue]
    quotes = prices.load(conn, ids, as_of=known_at, recorded_by=recorded_by)
    rows = [
        row
        for s in catalogue
        for row in _rows(s, [q for q in quotes if q.series_id == s.series_id], known_at)
    ]
    history = pd.DataFrame(rows, columns=list(COLUMNS))
    history["ds"] = pd.to_datetime(history["ds"])
    numbers = ["y", "low", "high", "n_quotes"]
    history[numbers] = history[numbers].astype(float)
    fx = fx_store.load(conn, known_at, recorded_by=recorded_by)
    events = tuple(event_store.list_events(conn, known_by=known_at, recorded_by=recorded_by))
    present = set(history["unique_id"])
    relations = tuple(
        Relation(
            target=s.series_id, base=s.base_series, base_includes_vat=_includes_vat(catalogue, s.base_series)
        )
        for s in catalogue
        if s.base_series is not None and s.base_series in present and s.series_id in present
    )
    return Inputs(
        series=catalogue,
        history=history,
        events=events,
        fx=fx,
        relations=relations,
        known_at=known_at,
        fingerprint=_fingerprint(history, fx, events),
        demonstration=has_reference(conn),
    )


def as_given(
    conn: Connection, run_id: int, known_at: date, read_at: str | None, fingerprint: str | None
) -> Inputs:
    """What a run was given, read back as the store held it when it read. Raises Refusal where it is not that.

    read_at: instant in ISO form, None for runs from before it was kept.
    """
    instant = None if read_at is None else datetime.fromisoformat(read_at)
    # a replay of an older day (--today) stands on quotes that were recorded here long after that day
    for recorded_by in (instant, None):
        found = load(conn, known_at, recorded_by=recorded_by)
        if found.fingerprint == fingerprint:
            return found
    raise Refusal(
        f"run {run_id}",
        "prices or events that are not those it was given",
        "a run whose inputs are still stored (demonstration data may have been removed)",
    )


def _rows(series: Series, quotes: Sequence[Quote], known_at: date) -> Iterable[tuple[object, ...]]:
    """Rows of the history of one series. A premium stands on dated points, everything else on months."""
    usable = [q for q in quotes if q.kind != "annual"]
    if series.base_series is None:
        usable = monthly(usable, known_at)
    for q in sorted(usable, key=lambda q: q.ds):
        static = (series.element, series.market, series.currency)
        yield (q.series_id, q.ds, q.value, *static, q.available_on, q.source, q.low, q.high, q.n_quotes)


def month_after(day: date) -> date:
    """First day of the month after that of a day."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def monthly(quotes: Sequence[Quote], known_at: date) -> list[Quote]:
    """One quote a month: the published mean, or the mean of the dated quotes of a month that has ended."""
    means = {q.ds: q for q in quotes if q.kind == "monthly-mean"}
    points: dict[date, list[Quote]] = {}
    for q in quotes:
        month = q.ds.replace(day=1)
        if q.kind == "point" and month not in means:
            points.setdefault(month, []).append(q)
    for month, found in points.items():
        ends = month_after(month)
        if ends <= known_at:
            value = sum(q.value for q in found) / len(found)
            means[month] = Quote(
                series_id=found[0].series_id,
                ds=month,
                value=value,
                low=None,
                high=None,
                available_on=max(ends, *(q.available_on for q in found)),
                recorded_at=max(q.recorded_at for q in found),
                source="mean of dated quotes",
                kind="monthly-mean",
                n_quotes=len(found),
                note=None,
            )
    return list(means.values())


def _includes_vat(catalogue: Iterable[Series], series_id: str) -> bool:
    return next(s.tax_basis == "incl-vat" for s in catalogue if s.series_id == series_id)


def _fingerprint(history: pd.DataFrame, fx: pd.DataFrame, events: Sequence[Event]) -> str:
    """sha256 over all rows and events, so that a stored forecast can be traced to its inputs."""
    digest = hashlib.sha256()
    ordered = history.sort_values(["unique_id", "ds"], kind="stable")
    digest.update(ordered.to_csv(index=False, float_format="%.17g").encode())
    digest.update(fx.to_csv(index=False, float_format="%.17g").encode())
    for event in sorted(events, key=lambda e: e.event_id):
        digest.update(repr((event.event_id, event.instrument, event.direction, event.changes,
                            sorted(event.elements.items()), event.market_side)).encode())  # fmt: skip
    return digest.hexdigest()
