"""What-if: events added to the open ones, and open ones cancelled, postponed or judged otherwise.

Each is a switch with a probability: on or off. A branch is one setting of all switches; what no switch
governs stays as the headline has it. Nothing is fitted: a hypothetical event takes its size from the
published table or from the person who asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import pandas as pd
from scipy.special import stdtrit

from forecast.errors import InputError
from forecast.events.effects import LARGEST_DRAW
from forecast.events.event import MarketSide
from forecast.events.posterior import DOF
from forecast.events.reading import HOME, PREMIUM, prior_in
from forecast.events.table import EventRule
from forecast.types import EventPart, OpenEvent, SeriesKey

MOST_SWITCHES = 6  # 64 branches: more than anybody reads
MOST_STARTS = 12
LARGEST_EFFECT = 3.0  # log: a price times 20
TAIL = float(stdtrit(DOF, 0.95))  # scales from the centre of a size to the end of its 90 % range

Kind = Literal["hypothetical", "probability", "cancelled", "postponed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Log effect at full strength: centre, and the scales of a Student-t below and above it."""

    mean: float
    below: float
    above: float


NONE = Size(mean=0.0, below=0.0, above=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """An event that nobody announced. weights: element -> share of the effect that reaches it.

    starts: days with their shares, sum 1. china: what it does to Chinese prices, and so to all; premium: what
    it does to the ratio of prices outside China to Chinese ones.
    """

    event_id: str
    title: str
    event_type: str
    probability: float
    starts: tuple[tuple[date, float], ...]
    shape: str
    months: float | None
    weights: Mapping[str, float]
    china: Size
    premium: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEdit:
    """Something else about an open event: `kind` says what, `probability` how likely that is.

    "probability": the event happens with this one (None: as stated). "cancelled": it is off. "postponed": it
    starts on `to`, if it happens.
    """

    event_id: str
    kind: Kind
    probability: float | None = None
    to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is asked. At most MOST_SWITCHES in all, each event once."""

    hypotheses: tuple[Hypothesis, ...] = ()
    edits: tuple[EventEdit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One question about one event, as it stands for one series.

    on, off: the event and its chance in either setting; None where it does not touch the series.
    """

    event_id: str
    title: str
    kind: Kind
    probability: float
    on: tuple[OpenEvent, float] | None
    off: tuple[OpenEvent, float] | None

    @property
    def stream(self) -> str:
        """Whose draws decide whether it is on: the event's own where being on is happening."""
        own = self.kind in ("hypothetical", "probability")
        return self.event_id if own else f"{self.event_id} {self.kind}"


def size_of(field: str, median: float, low: float, high: float) -> Size:
    """A size from its median and the ends of its 90 % range, logs. Raises InputError if they are out of order
    or too large."""
    if not -LARGEST_EFFECT <= low <= median <= high <= LARGEST_EFFECT:
        allowed = f"low <= median <= high, log effects from -{LARGEST_EFFECT:g} to {LARGEST_EFFECT:g}"
        raise InputError(field, f"{low:g}, {median:g}, {high:g}", allowed)
    return Size(mean=median, below=(median - low) / TAIL, above=(high - median) / TAIL)


def sizes_by_table(rule: EventRule, side: MarketSide) -> tuple[Size, Size]:
    """What a new event does in China and to the premium, by its row of the published table."""
    (china, china_scale, _), (premium, scale, _) = (prior_in(rule, side, m) for m in (HOME, PREMIUM))
    return (
        Size(mean=china, below=china_scale, above=china_scale),
        Size(mean=premium, below=scale, above=scale),
    )


def check(scenario: Scenario, stated: Mapping[str, OpenEvent], issued_on: date, last_on: date) -> None:
    """Refuse what cannot be asked: raises InputError with field, found and allowed.

    stated: the open events of the forecasts asked about, by id. Days lie after `issued_on` (what was possible
    before is in the forecast) and by `last_on`, its end.
    """
    total = len(scenario.hypotheses) + len(scenario.edits)
    if total > MOST_SWITCHES:
        raise InputError(
            "events", total, f"at most {MOST_SWITCHES} named events: {2**MOST_SWITCHES} branches"
        )
    named = [*(h.event_id for h in scenario.hypotheses), *(e.event_id for e in scenario.edits)]
    for name in named:
        if named.count(name) > 1:
            raise InputError("event_id", name, "each event once: two statements about one may contradict")
    for k, hypothesis in enumerate(scenario.hypotheses):
        field = f"hypothetical.{k}"
        _chance(f"{field}.probability", hypothesis.probability)
        if hypothesis.event_id in stated:
            raise InputError(f"{field}.event_id", hypothesis.event_id, "a name that no open event has")
        for on, _ in hypothesis.starts:
            _between(f"{field}.on", on, issued_on, last_on)
    for k, edit in enumerate(scenario.edits):
        _check_edit(f"changes.{k}", edit, stated, issued_on, last_on)


def switches(
    scenario: Scenario,
    stated: Mapping[str, OpenEvent],
    events: Sequence[OpenEvent],
    key: SeriesKey,
    origin: pd.Period,
) -> tuple[Switch, ...]:
    """The questions as they stand for one series: edits, then hypotheses, as the scenario has them.

    stated: as for `check`; events: the open ones of this series.
    """
    own = {e.event_id: e for e in events}
    found = [_edited(e, own.get(e.event_id), stated[e.event_id]) for e in scenario.edits]
    for hypothesis in scenario.hypotheses:
        event = hypothetical(hypothesis, key, origin)
        found.append(
            Switch(
                event_id=hypothesis.event_id,
                title=hypothesis.title,
                kind="hypothetical",
                probability=hypothesis.probability,
                on=None if event is None else (event, 1.0),
                off=None if event is None else (event, 0.0),
            )
        )
    return tuple(found)


def hypothetical(hypothesis: Hypothesis, key: SeriesKey, origin: pd.Period) -> OpenEvent | None:
    """The hypothesis as a term of one series; None where it does not reach it."""
    weight = hypothesis.weights.get(key.element or "", 0.0)
    sizes = [hypothesis.china] if key.market == HOME else [hypothesis.china, hypothesis.premium]
    if key.market is None or weight == 0.0 or all(size == NONE for size in sizes):
        return None
    return OpenEvent(
        event_id=hypothesis.event_id,
        title=hypothesis.title,
        event_type=hypothesis.event_type,
        state="hypothetical",
        probability=hypothesis.probability,
        starts=hypothesis.starts,
        shape=hypothesis.shape,
        months=hypothesis.months,
        dof=DOF,
        limit=LARGEST_DRAW,
        parts=tuple(
            EventPart(mean=weight * s.mean, below=weight * s.below, above=weight * s.above, origin=origin)
            for s in sizes
        ),
    )


def _edited(edit: EventEdit, event: OpenEvent | None, known: OpenEvent) -> Switch:
    chance = known.probability if event is None else event.probability
    on: tuple[OpenEvent, float] | None = None
    off: tuple[OpenEvent, float] | None = None
    if event is not None:
        on, off = (event, 1.0), (event, 0.0)
        if edit.kind == "cancelled":
            on, off = (event, 0.0), (event, chance)
        elif edit.kind == "postponed" and edit.to is not None:
            on, off = (replace(event, starts=((edit.to, 1.0),)), chance), (event, chance)
    unsaid = chance if edit.kind == "probability" else 1.0
    return Switch(
        event_id=edit.event_id,
        title=known.title,
        kind=edit.kind,
        probability=unsaid if edit.probability is None else edit.probability,
        on=on,
        off=off,
    )


def _check_edit(
    field: str, edit: EventEdit, stated: Mapping[str, OpenEvent], issued_on: date, last_on: date
) -> None:
    if edit.event_id not in stated:
        known = ", ".join(sorted(stated)) or "none in these forecasts"
        raise InputError(f"{field}.event_id", edit.event_id, f"an open event: {known}")
    if edit.probability is not None:
        _chance(f"{field}.probability", edit.probability)
    first = stated[edit.event_id].starts[0][0]
    if edit.kind != "postponed" and edit.to is not None:
        allowed = f"no day: only a postponed event has one, this is {edit.kind}"
        raise InputError(f"{field}.to", edit.to.isoformat(), allowed)
    if edit.kind == "postponed":
        if edit.to is None or edit.to <= first:
            raise InputError(f"{field}.to", edit.to and edit.to.isoformat(), f"a day after {first}, its date")
        _between(f"{field}.to", edit.to, issued_on, last_on)


def _chance(field: str, found: float) -> None:
    if not 0.0 <= found <= 1.0:
        raise InputError(field, found, "a number from 0 to 1")


def _between(field: str, found: date, issued_on: date, last_on: date) -> None:
    if not issued_on < found <= last_on:
        raise InputError(field, found.isoformat(), f"a day after {issued_on}, the issue, by {last_on}")
