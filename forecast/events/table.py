"""The published table: how an event enters the models, from its instrument and direction alone.

Written from economics before looking at reactions, never from what prices later did. Every event finds
a row: an instrument that the table does not know gets the default of its direction, with a wide prior.
Log units; docs/events.md prints the table for readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from forecast.events.event import Coverage, Event, MarketSide

EventType = Literal["export-barrier", "feed-loss", "threat", "domestic-squeeze", "easing", "none"]
BroadType = Literal["barrier", "supply", "threat", "easing"]
Shape = Literal["pulse", "step", "ramp", "decaying_step"]
Anchor = Literal["announced", "effective"]
Channel = Literal["premium", "both", "china"]

#: Types in the order in which they are shown and used as regressors.
EVENT_TYPES: tuple[EventType, ...] = (
    "export-barrier",
    "feed-loss",
    "threat",
    "domestic-squeeze",
    "easing",
    "none",
)
#: Types that share strength: few events of each have happened, so the finer names are for readers.
BROAD_TYPES: Mapping[EventType, BroadType] = MappingProxyType(
    {
        "export-barrier": "barrier",
        "feed-loss": "supply",
        "domestic-squeeze": "supply",
        "threat": "threat",
        "easing": "easing",
    }
)
ANY = "*"  # instrument of the two default rows
EVEN_CHANCE = 0.5  # of a measure that is announced without a date
LIFTING = "lifting"  # instrument of the end of a standing measure that has no easing event of its own

#: Share of an event's effect that reaches an element, by how the event touches it.
COVERAGE_WEIGHT: Mapping[Coverage, float] = MappingProxyType(
    {
        Coverage.COVERED: 1.0,
        Coverage.SUPPLY: 1.0,
        Coverage.PARTIAL: 0.5,
        Coverage.SYMPATHY: 0.5,
        Coverage.TECHNOLOGY: 0.25,
        Coverage.NONE: 0.0,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """One row. `side` narrows it to events on that market side; None takes every side.

    shape: course over time; half_life_months for decaying steps, ramp_months for ramps, else None.
    anchor: the day it starts. channel: which market it acts in directly; "premium" means that China is
    reached by spill-over only. prior_*: centre and scale (scales.py says of what) of the log
    effect at full strength on an element that the event covers, in China and on the ratio of a price
    outside China to the Chinese one. default_probability: chance of taking effect while no date is set.
    """

    instrument: str
    direction: str
    event_type: EventType
    shape: Shape
    half_life_months: float | None
    ramp_months: float | None
    anchor: Anchor
    channel: Channel
    prior_mean_china: float
    prior_scale_china: float
    prior_mean_premium: float
    prior_scale_premium: float
    default_probability: float
    side: MarketSide | None = None


def _row(
    instrument: str,
    direction: str,
    event_type: EventType,
    shape: Shape,
    months: float | None,
    anchor: Anchor,
    channel: Channel,
    china: tuple[float, float],
    premium: tuple[float, float],
    side: MarketSide | None = None,
) -> EventRule:
    return EventRule(
        instrument=instrument,
        direction=direction,
        event_type=event_type,
        shape=shape,
        half_life_months=months if shape == "decaying_step" else None,
        ramp_months=months if shape == "ramp" else None,
        anchor=anchor,
        channel=channel,
        prior_mean_china=china[0],
        prior_scale_china=china[1],
        prior_mean_premium=premium[0],
        prior_scale_premium=premium[1],
        default_probability=EVEN_CHANCE,
        side=side,
    )


_T, _E = "tighten", "ease"
_CHINA, _ABROAD = MarketSide.CHINA, MarketSide.EX_CHINA
_NOTHING = (0.0, 0.0)
_NEWS: Anchor = "announced"
_DATE: Anchor = "effective"

# A barrier at the border keeps material in: outside it lifts the premium for as long as it stands; inside
# the sign is open (stranded supply against front-loading), so the prior is centred on 0 and tight.
# A lost feed and a threat move both markets at once and fade as stocks, other mines or second thoughts
# answer. Easing has priors of its own: smaller than, and never minus, the tightening.
EVENT_TABLE: tuple[EventRule, ...] = (
    _row("licence", _T, "export-barrier", "step", None, _DATE, "premium", (0, 0.05), (0.5, 0.8)),
    _row("embargo", _T, "export-barrier", "step", None, _DATE, "premium", (0, 0.05), (0.5, 0.8)),
    _row("tariff", _T, "export-barrier", "step", None, _DATE, "premium", (0, 0.03), (0.1, 0.15)),
    _row("ban", _T, "export-barrier", "step", None, _DATE, "premium", (0, 0.03), (0.03, 0.3)),
    _row("ban", _T, "feed-loss", "ramp", 3, _DATE, "china", (0.03, 0.1), (0, 0.05), _CHINA),
    _row("export-restriction", _T, "export-barrier", "step", None, _DATE, "premium", (0, 0.03), (0.03, 0.3)),
    _row("quota", _T, "domestic-squeeze", "ramp", 3, _NEWS, "both", (0.03, 0.1), (0, 0.1)),
    _row("quota", _T, "export-barrier", "ramp", 6, _NEWS, "premium", (0, 0.05), (0.3, 0.5), _ABROAD),
    _row("entity-list", _T, "threat", "decaying_step", 3, _NEWS, "premium", (0, 0.03), (0.03, 0.1)),
    _row("threat", _T, "threat", "decaying_step", 3, _NEWS, "both", (0.05, 0.1), (0.1, 0.25)),
    _row("framework-law", _T, "threat", "decaying_step", 3, _NEWS, "both", (0.02, 0.08), (0.03, 0.15)),
    _row("mine-closure", _T, "feed-loss", "decaying_step", 4, _NEWS, "both", (0.08, 0.15), (0, 0.1)),
    _row("price-floor", _T, "feed-loss", "ramp", 3, _NEWS, "both", (0.04, 0.1), (0.05, 0.2)),
    _row("stockpile", _T, "feed-loss", "ramp", 6, _NEWS, "premium", (0, 0.03), (0.05, 0.15)),
    _row("domestic-enforcement", _T, "domestic-squeeze", "ramp", 3, _NEWS, "both", (0.02, 0.1), (0, 0.1)),
    _row("licence", _E, "easing", "ramp", 6, _DATE, "premium", (0, 0.03), (-0.1, 0.25)),
    _row("embargo", _E, "easing", "step", None, _DATE, "premium", (0, 0.05), (-0.2, 0.4)),
    _row("tariff", _E, "easing", "step", None, _DATE, "premium", (0, 0.03), (-0.15, 0.15)),
    _row("ban", _E, "easing", "step", None, _DATE, "premium", (0, 0.03), (-0.05, 0.2)),
    _row("export-restriction", _E, "easing", "step", None, _DATE, "premium", (0, 0.03), (-0.05, 0.2)),
    _row("quota", _E, "easing", "ramp", 6, _NEWS, "both", (-0.04, 0.1), (0, 0.1)),
    _row("quota", _E, "easing", "ramp", 6, _NEWS, "premium", (0, 0.05), (-0.1, 0.3), _ABROAD),
    _row("entity-list", _E, "easing", "decaying_step", 3, _NEWS, "premium", (0, 0.03), (-0.03, 0.1)),
    _row("threat", _E, "easing", "decaying_step", 3, _NEWS, "both", (-0.03, 0.08), (-0.05, 0.2)),
    _row("truce", _E, "easing", "decaying_step", 3, _NEWS, "premium", (0, 0.05), (-0.05, 0.25)),
    _row("framework-law", _E, "easing", "decaying_step", 3, _NEWS, "both", (-0.02, 0.08), (-0.03, 0.15)),
    _row("mine-closure", _E, "easing", "decaying_step", 4, _NEWS, "both", (-0.05, 0.1), (0, 0.1)),
    _row("price-floor", _E, "easing", "ramp", 12, _NEWS, "premium", (0, 0.03), (-0.03, 0.1)),
    _row("stockpile", _E, "easing", "ramp", 3, _NEWS, "both", (-0.04, 0.1), (-0.03, 0.1)),
    _row("domestic-enforcement", _E, "easing", "ramp", 3, _NEWS, "both", (-0.02, 0.1), (0, 0.1)),
    _row("jawboning", _E, "easing", "decaying_step", 6, _NEWS, "china", (-0.05, 0.12), (0, 0.05)),
    _row(LIFTING, _E, "easing", "step", None, _DATE, "premium", (0, 0.05), (-0.2, 0.4)),
    # Paper without a flow of material: shown to readers, no term in the models.
    *(
        _row(i, d, "none", "step", None, _NEWS, "both", _NOTHING, _NOTHING)
        for i in ("reporting", "litigation", "demand-support")
        for d in (_T, _E)
    ),
    _row(ANY, _T, "export-barrier", "step", None, _DATE, "both", (0, 0.1), (0.1, 0.5)),
    _row(ANY, _E, "easing", "step", None, _DATE, "both", (0, 0.1), (-0.05, 0.3)),
)

_ROWS: Mapping[tuple[str, str, MarketSide | None], EventRule] = MappingProxyType(
    {(r.instrument, r.direction, r.side): r for r in EVENT_TABLE}
)


def rule_for(event: Event) -> EventRule:
    """The event's row: its instrument and direction, the row of its market side first; else the default."""
    return find_rule(event.instrument, event.direction, event.market_side)


def find_rule(instrument: str, direction: str, side: MarketSide | None = None) -> EventRule:
    """The row of an instrument and direction ("tighten" or "ease"); never none."""
    for key in ((instrument, direction, side), (instrument, direction, None)):
        if key in _ROWS:
            return _ROWS[key]
    return _ROWS[(ANY, direction, None)]
