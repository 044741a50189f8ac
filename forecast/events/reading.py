"""How events read on a day: when each starts, how sure it is, and what is believed of its effect.

States: "past" (has started, certain), "scheduled" (a certain date ahead), "pending" (a date ahead that may
not hold, or no date yet), "unknown-outcome" (the date has passed and nobody here knows what happened).
Only "past" events are facts about prices; the others enter forecasts by their probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import get_args

import numpy as np

from forecast.errors import InputError
from forecast.events.event import Event, EventChange, MarketSide, Stage, known_at
from forecast.events.table import (
    BROAD_TYPES,
    COVERAGE_WEIGHT,
    LIFTING,
    BroadType,
    EventRule,
    find_rule,
    rule_for,
)

HOME = "cn"  # the market of the base price; every other one is that price times a premium
PREMIUM = "premium"  # that factor alone, for prices made from Chinese paths that hold their part already
SPILL_SCALE = 0.05  # in China, of an event that acts outside only
PENDING_DELAY = timedelta(days=182)  # assumed wait of a measure that has no date
PENDING_LIFE = timedelta(days=548)  # announced that long ago and still no date: no longer expected
SAME_NEWS = timedelta(days=45)  # an easing event this near an end is that end
STARTS = (Stage.ANNOUNCED, Stage.EFFECTIVE)
ENDS = (Stage.SUSPENDED, Stage.LIFTED, Stage.SUPERSEDED)


def group_name(broad: BroadType, spill: bool) -> str:
    """Name of the events of a broad type, direct or by spill-over."""
    return f"{broad}, spill-over" if spill else broad


#: Every group, and the place of its broad type.
GROUPS = tuple(group_name(broad, spill) for broad in get_args(BroadType) for spill in (False, True))
GROUP_TYPES = tuple(k for k in range(len(get_args(BroadType))) for _ in (False, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An event as a term of a model in one market.

    on: day its dummy starts. known_on: day from which it was public, if only as a chance. weights: element
    -> share of the effect. spill: reached by spill-over only. mean, scale: prior of the log effect at full
    strength.
    """

    event_id: str
    title: str
    rule: EventRule
    on: date
    known_on: date
    state: str
    probability: float
    spill: bool
    mean: float
    scale: float
    weights: Mapping[str, float]

    @property
    def group(self) -> str:
        """Events that share strength, one of GROUPS: a broad type, direct and spill-over apart (their signs
        may differ)."""
        return group_name(BROAD_TYPES[self.rule.event_type], self.spill)

    @property
    def certain(self) -> bool:
        """Has it started for sure?"""
        return self.state == "past"

    def weight(self, element: str | None) -> float:
        """Share of the effect that reaches the element; 0 for an unknown one."""
        return 0.0 if element is None else self.weights.get(element, 0.0)


def read_events(events: Iterable[Event], market: str | None, day: date) -> tuple[Reading, ...]:
    """Every event public by the end of `day` that has a term in `market`, by start and id.

    Without a market there is none: a series outside the catalogue has no events.
    """
    if market is None:
        return ()
    views = known_at(events, day)
    found = []
    for view in views:
        rule = rule_for(view)
        timing = _timing(view, rule, day) if rule.event_type != "none" else None
        if timing is None:
            continue
        reading = _reading(view, view.event_id, view.title, rule, timing, market)
        if not reading.scale:
            continue
        found.append(reading)
        end = _own_end(view, reading, views)
        ended = _dated(view, end, day) if end is not None else None
        if ended is not None:
            title = f"End of: {view.title}"
            rule = find_rule(LIFTING, "ease")
            found.append(_reading(view, f"{view.event_id}:{LIFTING}", title, rule, ended, market))
    return tuple(sorted((r for r in found if r.scale > 0), key=lambda r: (r.on, r.event_id)))


@dataclass(frozen=True, slots=True)
class _Timing:
    on: date
    known_on: date
    state: str
    probability: float


def _first_known(view: Event, change: EventChange) -> date:
    """Day from which the event has had a term of that stage, if only by a chance."""
    return min(c.known_on for c in view.changes if c.stage is change.stage and c.probability > 0.0)


def _dated(view: Event, change: EventChange, day: date) -> _Timing | None:
    sure = change.probability == 1.0
    if change.on <= day:
        state = "past" if sure else "unknown-outcome"
    else:
        state = "scheduled" if sure else "pending"
    if not change.probability:
        return None
    return _Timing(change.on, _first_known(view, change), state, change.probability)


def _timing(view: Event, rule: EventRule, day: date) -> _Timing | None:
    """When it starts and how sure that is; None if it will not."""
    announced, effective = view.change(Stage.ANNOUNCED), view.change(Stage.EFFECTIVE)
    if announced is None:
        raise InputError(f"{view.event_id}.changes", "no announcement", "one before anything else")
    if rule.anchor == "announced" and (effective is None or effective.probability == 1.0):
        return _dated(view, announced, day)
    ends = [c.on for c in view.changes if c.stage in ENDS and c.probability == 1.0]
    if effective is not None:
        # a measure that is dated back moves nobody before it is announced
        begun = replace(effective, on=max(effective.on, announced.on))
        return None if any(end <= begun.on for end in ends) else _dated(view, begun, day)
    if any(end <= day for end in ends) or day - announced.on > PENDING_LIFE:
        return None
    chance = rule.default_probability * announced.probability
    return _Timing(day + PENDING_DELAY, announced.known_on, "pending", chance) if chance else None


def _own_end(view: Event, reading: Reading, views: Iterable[Event]) -> EventChange | None:
    """Suspension or lifting of a standing tightening, unless an easing event of the list is that end."""
    if view.direction != "tighten" or not reading.certain or reading.rule.shape not in ("step", "ramp"):
        return None
    ends = [c for s in (Stage.SUSPENDED, Stage.LIFTED) if (c := view.change(s)) and c.on >= reading.on]
    if not ends:
        return None
    end = min(ends, key=lambda c: c.on)
    shared = [e for e in view.elements if view.covers(e)]
    for other in views:
        near = any(abs(c.on - end.on) <= SAME_NEWS for c in other.changes if c.stage in STARTS)
        if near and other.direction == "ease" and any(other.covers(e) for e in shared):
            return None
    return end


def _reading(
    view: Event, event_id: str, title: str, rule: EventRule, timing: _Timing, market: str
) -> Reading:
    mean, scale, spill = prior_in(rule, view.market_side, market)
    return Reading(
        event_id=event_id,
        title=title,
        rule=rule,
        on=timing.on,
        known_on=timing.known_on,
        state=timing.state,
        probability=timing.probability,
        spill=spill,
        mean=mean,
        scale=scale,
        weights={element: COVERAGE_WEIGHT[c] for element, c in view.elements.items()},
    )


def prior_in(rule: EventRule, side: MarketSide, market: str) -> tuple[float, float, bool]:
    """(mean, scale, spill) of the log effect in a market.

    Outside China the price is the Chinese one times a premium, so the two priors add; of the premium alone
    it is the second. A scale of 0 says that the event does not reach the market.
    """
    if market == PREMIUM:
        inside = side is MarketSide.CHINA
        return (0.0, 0.0, False) if inside else (rule.prior_mean_premium, rule.prior_scale_premium, False)
    mean, scale = rule.prior_mean_china, rule.prior_scale_china
    spill = rule.channel == "premium" or side is MarketSide.EX_CHINA
    if side is MarketSide.EX_CHINA and rule.channel != "premium":
        mean, scale = 0.0, min(scale, SPILL_SCALE)
    if market == HOME:
        return mean, scale, spill
    if side is MarketSide.CHINA:
        return mean, scale, False
    return mean + rule.prior_mean_premium, float(np.hypot(scale, rule.prior_scale_premium)), False
