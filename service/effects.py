"""Use case: what events did to a price, as the newest run found it, in the basis asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from data.store import facts
from data.store import forecasts as store
from data.store import fx as fx_store
from data.store.facts import Fact
from data.store.forecasts import IssuedForecast
from data.types import Series
from data.units import Basis, Converted, FxTable, convert
from forecast.errors import InputError
from forecast.events.answers import ALL_EVENTS, money, percent, without
from forecast.types import Array
from service import catalogue
from service.answers import BasisAnswer, ForecastQuery
from service.context import Context
from service.effect_facts import KIND
from service.refusals import NotYet, Refusal

_ENDS = ("mean", "low", "high")
_EVENT = (
    "event_id",
    "title",
    "event_type",
    "broad_type",
    "state",
    "probability",
    "on",
    "shape",
    "half_life_months",
    "ramp_months",
    "reach",
    "share_in_price",
    "share_now",
    "source",
    "events_behind",
    "prior_led",
    "joint_with",
)
COLUMNS = (
    "unique_id",
    *_EVENT,
    *(f"full_{kind}_{end}" for kind in ("log", "percent", "per_unit") for end in _ENDS),
    *(f"in_price_{kind}_{end}" for kind in ("log", "percent", "per_unit") for end in _ENDS),
    "currency",
    "unit",
    "tax",
)
PATH_COLUMNS = (
    "unique_id",
    "event",
    "ds",
    "price",
    *(f"counterfactual_{end}" for end in _ENDS),
    *(f"percent_{end}" for end in _ENDS),
    "log_price",
    "log_counterfactual",
    "log_effect",
    "currency",
    "unit",
    "tax",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure and its 90 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One effect: in logs, in per cent of the price without it, and in money per unit of weight."""

    log: Interval
    percent: Interval
    per_unit: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswer:
    """One event. full: at full strength; per_unit is what one ahead would add to the newest price, None once
    it has begun. in_price: what of the newest price is the effect, None where nothing measures it. The rest
    is of forecast.events.answers."""

    event_id: str
    title: str
    event_type: str
    broad_type: str
    state: str
    probability: float
    on: date
    shape: str
    half_life_months: float | None
    ramp_months: float | None
    reach: float
    share_in_price: float
    share_now: float
    source: str
    events_behind: int
    prior_led: bool
    joint_with: tuple[str, ...]
    full: Size
    in_price: Size | None
    china: Size | None
    premium: Size | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JointAnswer:
    """Events that coincide, as one."""

    event_ids: tuple[str, ...]
    full: Size
    in_price: Size | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsAnswer:
    """All events of one series. price: the newest, of the month `origin`; None where no rate converts it."""

    series_id: str
    title: str
    basis: BasisAnswer
    issued_at: datetime
    known_at: date
    run_id: int
    origin: date
    price: float | None
    in_price: Size
    events: tuple[EventAnswer, ...]
    joint: tuple[JointAnswer, ...]
    notes: tuple[str, ...]
    notice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRow:
    """One month, or day of a quote. log_price = log_counterfactual + log_effect, to the last bit; None
    without a quote or a rate."""

    ds: date
    price: float | None
    counterfactual: Interval | None
    percent: Interval
    log_price: float | None
    log_counterfactual: float | None
    log_effect: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualAnswer:
    """The price had an event, or all that prices speak of, not happened. events: what `event` may be."""

    series_id: str
    title: str
    basis: BasisAnswer
    issued_at: datetime
    known_at: date
    run_id: int
    event: str
    events: tuple[str, ...]
    rows: tuple[PathRow, ...]
    notice: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """A stored fact and the way to the basis asked for."""

    series: Series
    issued: IssuedForecast
    fact: Fact
    own: Basis
    asked: Basis
    fx: FxTable

    @property
    def basis(self) -> BasisAnswer:
        return BasisAnswer(currency=self.asked.currency, unit=self.asked.unit, tax=self.asked.tax)

    def price(self, value: float, on: date) -> Converted | InputError:
        """A past price of that month; the refusal where no rate is known."""
        try:
            return convert(value, self.own, self.asked, on=on, fx=self.fx)
        except InputError as error:
            return error


def answer(context: Context, series_id: str, query: ForecastQuery) -> EffectsAnswer:
    """Effects of events on one series, with the newest run (by `as_of`).

    Raises NotKnown (no such series), NotYet (no run has stored any).
    """
    with context.engine.connect() as conn:
        found = _find(conn, series_id, query)
        notice = catalogue.notice_on(conn)
    content = found.fact.content
    origin = date.fromisoformat(content["origin"])
    converted = found.price(content["price"], origin)
    price, notes = None, []
    if isinstance(converted, Converted):
        price = converted.value
        if converted.carried:
            notes.append(f"Money is converted at {converted.notes[-1]}.")
    else:
        notes.append(f"There is no money in this basis: {converted}")
    if found.series.base_series is not None:
        notes.append(
            f"Effects are those on {found.series.base_series} and on the premium over it. Of the premium"
            " only the step of its controls is measured, by the quotes and jointly; the rest is what types"
            " predict."
        )
        notes.append(
            "The total in_price holds what every event did to the Chinese price. An event that moves the"
            " premium too, other than by its controls, has none of its own; coinciding controls share one"
            " step. So the events do not sum to the total."
        )
    return EffectsAnswer(
        series_id=series_id,
        title=found.series.title,
        basis=found.basis,
        issued_at=found.issued.issued_at,
        known_at=date.fromisoformat(content["known_at"]),
        run_id=found.issued.run_id,
        origin=origin,
        price=price,
        in_price=_inside(content["in_price"], price),
        events=tuple(_event(e, price) for e in content["events"]),
        joint=tuple(
            JointAnswer(
                event_ids=tuple(j["event_ids"]),
                full=_size(j["full"]),
                in_price=_part(j["in_price"], price),
            )
            for j in content["joint"]
        ),
        notes=tuple(notes),
        notice=notice,
    )


def counterfactual(
    context: Context, series_id: str, query: ForecastQuery, event: str = ALL_EVENTS
) -> CounterfactualAnswer:
    """The price without one event, without several that coincide, or without all, by month or quote.

    Raises as `answer` does, and Refusal for an event without a path.
    """
    with context.engine.connect() as conn:
        found = _find(conn, series_id, query)
        notice = catalogue.notice_on(conn)
    labels, numbers = tuple(found.fact.content["labels"]), found.fact.numbers
    if event not in labels or numbers is None:
        whose = "these prices" if found.series.base_series is None else "quotes outside China"
        raise Refusal("event", event, f"one that {whose} speak of: " + ", ".join(labels))
    at, count = labels.index(event), len(labels)
    effect, low, high = (numbers[1 + k * count + at] for k in range(3))
    days = [date.fromisoformat(day) for day in found.fact.content["days"]]
    return CounterfactualAnswer(
        series_id=series_id,
        title=found.series.title,
        basis=found.basis,
        issued_at=found.issued.issued_at,
        known_at=date.fromisoformat(found.fact.content["known_at"]),
        run_id=found.issued.run_id,
        event=event,
        events=labels,
        rows=_path(found, days, numbers[0], effect, low, high),
        notice=notice,
    )


def _find(conn: Connection, series_id: str, query: ForecastQuery) -> _Found:
    series = catalogue.find(conn, series_id)
    issued = store.latest(conn, series_id, issued_by=query.as_of)
    when = "" if query.as_of is None else f" issued by {query.as_of.date()}"
    if issued is None:
        raise catalogue.no_forecast(conn, series_id, f"none{when}")
    fact = facts.load(conn, issued.run_id, KIND, series_id)
    if fact is None:
        raise NotYet(
            "effects", f"none{when}", "a run that stores them: POST /v1/training-runs, or ytterby train"
        )
    own = Basis(currency=series.currency, unit=series.unit, tax=series.tax_basis)
    asked = Basis(
        currency=query.currency or own.currency, unit=query.unit or own.unit, tax=query.tax or own.tax
    )
    fx = FxTable(fx_store.load(conn, issued.known_at))
    return _Found(series, issued, fact, own, asked, fx)


def _path(
    found: _Found, days: list[date], log_price: Array, effect: Array, low: Array, high: Array
) -> tuple[PathRow, ...]:
    rows = []
    for k, day in enumerate(days):
        converted = found.price(float(np.exp(log_price[k])), day) if np.isfinite(log_price[k]) else None
        share = Interval(mean=percent(effect[k]), low=percent(low[k]), high=percent(high[k]))
        if not isinstance(converted, Converted):
            rows.append(
                PathRow(
                    ds=day,
                    price=None,
                    counterfactual=None,
                    percent=share,
                    log_price=None,
                    log_counterfactual=None,
                    log_effect=None,
                )
            )
            continue
        price = float(f"{converted.value:.10g}")  # a log kept it: 279.9999999999999 was quoted as 280
        actual = np.log([price])
        rest, told = without(actual, effect[[k]])
        rows.append(
            PathRow(
                ds=day,
                price=price,
                counterfactual=Interval(
                    mean=price * float(np.exp(-effect[k])),
                    low=price * float(np.exp(-high[k])),
                    high=price * float(np.exp(-low[k])),
                ),
                percent=share,
                log_price=float(actual[0]),
                log_counterfactual=float(rest[0]),
                log_effect=float(told[0]),
            )
        )
    return tuple(rows)


def _event(stored: Mapping[str, Any], price: float | None) -> EventAnswer:
    plain = {name: stored[name] for name in _EVENT}
    plain |= {"on": date.fromisoformat(stored["on"]), "joint_with": tuple(stored["joint_with"])}
    return EventAnswer(
        **plain,
        full=_size(stored["full"], None if stored["state"] == "past" else price),
        in_price=_part(stored["in_price"], price),
        china=None if stored["china"] is None else _size(stored["china"]),
        premium=None if stored["premium"] is None else _size(stored["premium"]),
    )


def _size(log: Mapping[str, float], price: float | None = None) -> Size:
    """An effect at full strength; its money is what it would add to a price that does not hold it yet."""
    share = {end: percent(log[end]) for end in _ENDS}
    added = None if price is None else Interval(**{end: price * v / 100 for end, v in share.items()})
    return Size(log=Interval(**{end: log[end] for end in _ENDS}), percent=Interval(**share), per_unit=added)


def _part(log: Mapping[str, float] | None, price: float | None) -> Size | None:
    return None if log is None else _inside(log, price)


def _inside(log: Mapping[str, float], price: float | None) -> Size:
    """An effect within the newest price; its money is the price less what it would be without."""
    inside = None if price is None else Interval(**{end: money(log[end], price) for end in _ENDS})
    return Size(
        log=Interval(**{end: log[end] for end in _ENDS}),
        percent=Interval(**{end: percent(log[end]) for end in _ENDS}),
        per_unit=inside,
    )


def flat_rows(found: EffectsAnswer) -> Iterator[dict[str, object]]:
    """One mapping an event: the CSV form."""
    for event in found.events:
        row = {name: getattr(event, name) for name in _EVENT}
        row |= {"prior_led": str(event.prior_led).lower(), "joint_with": " + ".join(event.joint_with)}
        yield (
            {"unique_id": found.series_id}
            | row
            | asdict(found.basis)
            | {
                f"{where}_{kind}_{end}": _figure(size, kind, end)
                for where, size in (("full", event.full), ("in_price", event.in_price))
                for kind in ("log", "percent", "per_unit")
                for end in _ENDS
            }
        )


def _figure(size: Size | None, kind: str, end: str) -> float | None:
    interval = None if size is None else getattr(size, kind)
    return None if interval is None else float(getattr(interval, end))


def flat_path(found: CounterfactualAnswer) -> Iterator[dict[str, object]]:
    """One mapping a month: the CSV form."""
    for row in found.rows:
        spread = {
            f"{name}_{end}": None if interval is None else getattr(interval, end)
            for name, interval in (("counterfactual", row.counterfactual), ("percent", row.percent))
            for end in _ENDS
        }
        logs = {name: getattr(row, name) for name in ("log_price", "log_counterfactual", "log_effect")}
        own = {"unique_id": found.series_id, "event": found.event, "ds": row.ds, "price": row.price}
        yield own | spread | logs | asdict(found.basis)
