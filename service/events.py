"""Use cases about events: reading as of a day, adding, changing. Nothing is ever overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from data.store import events as store
from data.store import jobs, signals
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.events.table import ANY, EVENT_TABLE, EventRule, rule_for
from service.context import Context
from service.refusals import NotKnown, Refusal

#: Instruments that the published table knows.
INSTRUMENTS = tuple(sorted({rule.instrument for rule in EVENT_TABLE} - {ANY}))
#: What an instrument outside the table has to be called: its effect is the default rule's, on purpose.
OTHER = "other"
#: Stages that end something.
_ENDS = (Stage.SUSPENDED, Stage.LIFTED)

COLUMNS = (
    "event_id",
    "title",
    "instrument",
    "direction",
    "jurisdiction",
    "elements",
    "market_side",
    "event_type",
    "stage",
    "on",
    "known_on",
    "probability",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswer:
    """An event as known, with the table row that says how it enters the models."""

    event: Event
    rule: EventRule

    def plain(self) -> dict[str, Any]:
        """Every field by name, for API and files."""
        event = self.event
        own = {f.name: getattr(event, f.name) for f in fields(event)}
        return own | {"known_on": event.known_on, "stage": event.changes[-1].stage, "rule": self.rule}


def list_events(context: Context, *, known_by: date | None = None) -> tuple[EventAnswer, ...]:
    """Events public by `known_by` (all when None), oldest first."""
    with context.engine.connect() as conn:
        found = store.list_events(conn, known_by=known_by)
    return tuple(_answer(event) for event in found)


def get_event(context: Context, event_id: str, *, known_by: date | None = None) -> EventAnswer:
    """One event. Raises NotKnown, also when it was not public yet."""
    with context.engine.connect() as conn:
        event = _get(conn, event_id)
    view = event if known_by is None else event.known_at(known_by)
    if view is None:
        raise NotKnown(
            "event_id", event_id, f"events public by {known_by}; this one was public on {event.known_on}"
        )
    return _answer(view)


def history(context: Context, event_id: str) -> Sequence[store.EventEdit]:
    """Who recorded what about an event, oldest first."""
    with context.engine.connect() as conn:
        _get(conn, event_id)
        return store.edits(conn, event_id)


def add_event(context: Context, content: Mapping[str, Any], *, author: str) -> EventAnswer:
    """Record a new event from plain values (API body or file).

    Raises Refusal when the id exists, the instrument is unknown or a life-cycle day is impossible.
    """
    steps = [build_change(given) for given in content.get("changes", ())]
    announced = [step for step in steps if step.stage is Stage.ANNOUNCED]
    for number, step in enumerate(steps if announced else ()):
        first = min(announced, key=lambda a: a.known_on)
        _possible(first, step, context.clock.today(), f"changes.{number}.")
    event = build(content)
    _each_once(steps)
    _consistent(event, "changes")
    if event.instrument not in (*INSTRUMENTS, OTHER):
        allowed = f"one of {', '.join(INSTRUMENTS)}; or {OTHER}, which enters by the default rule"
        raise Refusal("instrument", event.instrument, allowed)
    with context.engine.begin() as conn:
        if store.get(conn, event.event_id) is not None:
            raise Refusal(
                "event_id", event.event_id, "an id that is not taken; add a change to this one instead"
            )
        store.save(conn, event, context.clock.now(), author)
        _signal(context, conn, event.event_id, "new")
        jobs.want(conn, jobs.RETRAIN, f"new event {event.event_id}", context.clock.now())
    return _answer(event)


def add_change(context: Context, event_id: str, content: Mapping[str, Any], *, author: str) -> EventAnswer:
    """Add one life-cycle step. Raises Refusal for an impossible day, as of a new event."""
    step = build_change(content)
    with context.engine.begin() as conn:
        event = _get(conn, event_id)
        _possible(event.changes[0], step, context.clock.today())
        if step in event.changes:
            return _answer(event)
        _consistent(replace(event, changes=(*event.changes, step)), "on")
        store.add_change(conn, event_id, step, context.clock.now(), author)
        chance = "" if step.probability == 1 else f" with probability {step.probability:.0%}"
        _signal(context, conn, event_id, f"{step.stage.value} on {step.on}{chance}")
        jobs.want(conn, jobs.RETRAIN, f"event {event_id} is {step.stage.value}", context.clock.now())
        return _answer(_get(conn, event_id))


def _signal(context: Context, conn: Connection, event_id: str, what: str) -> None:
    signals.add(conn, kind="event", subject=event_id, detail={"what": what}, at=context.clock.now())


def _possible(announced: EventChange, step: EventChange, today: date, where: str = "") -> None:
    """Raises Refusal for a step public before the announcement or after today, or holding before it."""
    if not announced.known_on <= step.known_on <= today:
        raise Refusal(
            f"{where}known_on", step.known_on, f"{announced.known_on} (the announcement) to {today} (today)"
        )
    if step.stage is not Stage.ANNOUNCED and step.on < announced.on:
        raise Refusal(
            f"{where}on",
            step.on,
            f"{announced.on} (the announcement) or later; what is dated back acts from its announcement on",
        )


def _each_once(steps: Sequence[EventChange]) -> None:
    """Raises Refusal for two steps of one stage public on one day: neither is the later word."""
    seen: dict[tuple[Stage, date], EventChange] = {}
    for number, step in enumerate(steps):
        first = seen.setdefault((step.stage, step.known_on), step)
        if first is not step:
            raise Refusal(
                f"changes.{number}.known_on",
                step.known_on,
                f"another day than that of the other step {step.stage.value!r}; the later known one holds",
            )


def _consistent(event: Event, field: str) -> None:
    """Raises Refusal where a measure would for certain be both ended and extended on one day."""
    extended = event.change(Stage.EXTENDED)
    for stage in _ENDS:
        end = event.change(stage)
        if end is None or extended is None or end.on != extended.on:
            continue
        if end.probability == extended.probability == 1.0:
            raise Refusal(
                field,
                f"{stage.value} and extended on {end.on}",
                "one of the two for certain; say how likely each is by probabilities below 1",
            )


def build(content: Mapping[str, Any]) -> Event:
    """An Event from plain values. Raises InputError naming what cannot be used."""
    known = {f.name for f in fields(Event)}
    for name in content:
        if name not in known:
            raise Refusal(name, content[name], "one of " + ", ".join(sorted(known)))
    for name in (
        "event_id",
        "title",
        "instrument",
        "direction",
        "jurisdiction",
        "elements",
        "market_side",
        "changes",
    ):
        if name not in content:
            raise Refusal(name, "nothing", "a value; it is required")
    values = dict(content)
    values["elements"] = {e: _member(Coverage, f"elements.{e}", c) for e, c in content["elements"].items()}
    values["market_side"] = _member(MarketSide, "market_side", content["market_side"])
    values["changes"] = tuple(build_change(c) for c in content["changes"])
    values["forms"] = tuple(content.get("forms", ()))
    values["sources"] = tuple(dict(s) for s in content.get("sources", ()))
    return Event(**values)


def build_change(content: Mapping[str, Any]) -> EventChange:
    """A life-cycle step from plain values; days as dates or ISO text."""
    return EventChange(
        stage=_member(Stage, "stage", content.get("stage")),
        on=_day("on", content.get("on")),
        known_on=_day("known_on", content.get("known_on")),
        probability=content.get("probability", 1.0),
        note=content.get("note", ""),
    )


def read_file(path: Path) -> Mapping[str, Any]:
    """One event from a YAML or JSON file. Raises Refusal for anything but a mapping."""
    found = read_mapping(path, "one mapping with the fields of POST /v1/events")
    steps = found.get("changes")
    if steps is not None and not isinstance(steps, list):
        raise Refusal("changes", steps, "a list of life-cycle steps, the announcement first")
    return found


def read_mapping(path: Path, allowed: str) -> dict[str, Any]:
    """A mapping from a YAML or JSON file. Raises Refusal for anything else."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refusal("file", path.name, f"YAML or JSON ({error})") from None
    if not isinstance(found, dict):
        raise Refusal("file", path.name, allowed)
    inner = [item for items in found.values() if isinstance(items, list) for item in items]
    for mapping in (found, *inner):
        if isinstance(mapping, dict) and True in mapping:  # YAML reads a bare `on` as a yes
            mapping["on"] = mapping.pop(True)
    return found


def flat_changes(found: Iterable[EventAnswer]) -> Iterator[dict[str, object]]:
    """One mapping per life-cycle step: the CSV form."""
    for answer in found:
        event = answer.event
        shared = {
            "event_id": event.event_id,
            "title": event.title,
            "instrument": event.instrument,
            "direction": event.direction,
            "jurisdiction": event.jurisdiction,
            "elements": " ".join(f"{e}:{c.value}" for e, c in sorted(event.elements.items())),
            "market_side": event.market_side.value,
            "event_type": answer.rule.event_type,
        }
        for step in event.changes:
            yield shared | {
                "stage": step.stage.value,
                "on": step.on,
                "known_on": step.known_on,
                "probability": step.probability,
                "note": step.note,
            }


def _answer(event: Event) -> EventAnswer:
    return EventAnswer(event=event, rule=rule_for(event))


def _get(conn: Connection, event_id: str) -> Event:
    event = store.get(conn, event_id)
    if event is None:
        raise NotKnown("event_id", event_id, "an id that GET /v1/events (ytterby events list) shows")
    return event


def _member(kind: type[Any], field: str, value: object) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise Refusal(field, value, "one of " + ", ".join(m.value for m in kind)) from None


def _day(field: str, value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise Refusal(field, value, "a day such as 2026-11-24") from None
