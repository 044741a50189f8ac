"""Alert rules: what can be asked for. Pure; the database and the clock are elsewhere.

A rule compares one number a time, the *value*, with its threshold. What the value is, its kind says: KINDS,
read top to bottom, is all there is to add for another kind besides the function that observes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

ABOVE, BELOW = "above", "below"
P_CROSS_BY, P_BEYOND_AT, FORECAST = "p_cross_by", "p_beyond_at", "forecast"
DEGRADED = "model.degraded"
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rule. value: what is compared, in words. needs, may: fields besides those of every rule.

    reached: is a value equal to the threshold beyond it? judged_on: what brings a new value.
    """

    name: str
    value: str
    needs: frozenset[str]
    may: frozenset[str] = frozenset()
    reached: bool = False
    judged_on: str


_BASIS = frozenset({"currency", "unit", "tax"})
_LATE = frozenset({"stale_after_days"})
#: Read top to bottom.
KINDS: tuple[Kind, ...] = (
    Kind(
        name="price",
        value="the price, in the basis asked for",
        needs=frozenset({"series_id", "threshold"}),
        may=_BASIS | _LATE,
        judged_on="prices",
    ),
    Kind(
        name="change",
        value="the price against that of window_days before, in per cent or in money",
        needs=frozenset({"series_id", "threshold", "window_days"}),
        may=_BASIS | _LATE | {"change"},
        judged_on="prices",
    ),
    Kind(
        name="premium",
        value="the price over the Chinese one, both without VAT in one currency, in per cent",
        needs=frozenset({"series_id", "threshold"}),
        may=_LATE,
        judged_on="prices",
    ),
    Kind(
        name=P_CROSS_BY,
        value="the chance that the price stands beyond a level in some month within a horizon from today",
        needs=frozenset({"series_id", "threshold", "level", "horizon"}),
        may=_BASIS | {"measure"},
        reached=True,
        judged_on="forecast",
    ),
    Kind(
        name=P_BEYOND_AT,
        value="the chance that the price stands beyond a level in the month of a day",
        needs=frozenset({"series_id", "threshold", "level", "on"}),
        may=_BASIS,
        reached=True,
        judged_on="forecast",
    ),
    Kind(
        name=FORECAST,
        value="a quantile of the forecast for a month ahead, in the basis asked for",
        needs=frozenset({"series_id", "threshold"}),
        may=_BASIS | {"quantile", "horizon", "on"},
        judged_on="forecast",
    ),
    Kind(
        name="stale",
        value="the age of the newest quote in days",
        needs=frozenset({"series_id", "threshold"}),
        judged_on="prices",
    ),
    Kind(
        name=DEGRADED,
        value="at how many horizons the forecasts in service are out of band: in coverage, or in skill",
        needs=frozenset({"series_id", "threshold"}),
        judged_on="scores",
    ),
    Kind(
        name="event",
        value="a new event, or a change of one, that touches an element",
        needs=frozenset({"element"}),
        judged_on="event",
    ),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
#: Fields that belong to some kinds only.
PARTICULAR = frozenset().union(*(k.needs | k.may for k in KINDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What its owner asked for. for_count (`for` at the doors), keep_firing: counted in observations.

    threshold: in the unit of the kind's value, None for events. recovery: the threshold of being safe again,
    None: the threshold itself. endpoints: their ids, empty: all. marks: what we say of the rule.
    """

    rule_id: int
    version: int
    name: str
    kind: str
    series_id: str | None = None
    element: str | None = None
    direction: str = ABOVE
    threshold: float | None = None
    recovery: float | None = None
    for_count: int = 1
    keep_firing: int = 1
    level: float | None = None
    currency: str | None = None
    unit: str | None = None
    tax: str | None = None
    horizon: int | None = None
    on: date | None = None
    quantile: float | None = None
    window_days: int | None = None
    change: str | None = None
    measure: str | None = None
    stale_after_days: int | None = None
    severity: str = "warning"
    labels: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[int, ...] = ()
    repeat_hours: float | None = None
    summary: str | None = None
    enabled: bool = True
    marks: tuple[str, ...] = ()

    @property
    def about(self) -> Kind:
        """Its kind."""
        return BY_NAME[self.kind]

    @property
    def subject(self) -> str:
        """The series that it is about, or the element."""
        return self.series_id or self.element or ""

    @property
    def measured(self) -> list[str | float | None]:
        """What its values mean, JSON-ready: values of two versions compare only where this is the same."""
        on = None if self.on is None else self.on.isoformat()
        basis = [self.direction, self.currency, self.unit, self.tax]
        return [
            *basis,
            self.level,
            self.horizon,
            on,
            self.quantile,
            self.window_days,
            self.change,
            self.measure,
        ]

    @property
    def side(self) -> str:
        """The side of the threshold that is beyond it. Of a chance it is always the upper one: `direction` is
        then that side of the level on which the price would be."""
        return ABOVE if self.about.reached else self.direction

    def beyond(self, value: float) -> bool:
        """Is a value beyond the threshold?"""
        if self.threshold is None:
            return False
        return beyond(value, self.threshold, self.side, reached=self.about.reached)

    def safe(self, value: float) -> bool:
        """Is a value back on the safe side of the recovery threshold?"""
        if self.recovery is None:
            return not self.beyond(value)
        return not beyond(value, self.recovery, self.side, reached=False)


def beyond(value: float, threshold: float, direction: str, *, reached: bool) -> bool:
    """Is a value beyond a threshold? reached: does one equal to it count?"""
    if reached and value == threshold:
        return True
    return value > threshold if direction == ABOVE else value < threshold
