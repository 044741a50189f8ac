"""Event effects over the wire. Logs are natural; intervals are central 90 %."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from service.api.schemas.base import BasisOut, Out


class IntervalOut(Out):
    """A figure and its central 90 % interval."""

    mean: float
    low: float
    high: float


class SizeOut(Out):
    """One effect, said three ways."""

    log: IntervalOut
    percent: IntervalOut = Field(description="Of the price without the effect")
    per_unit: IntervalOut | None = Field(
        description="Money per unit of weight in the basis; null where the fields say so, and where no "
        "exchange rate is known"
    )


class EventEffectOut(Out):
    """What one event did, does, or may do to one price."""

    event_id: str
    title: str
    event_type: str
    broad_type: str = Field(description="barrier, supply, threat or easing: events of one share strength")
    state: str = Field(description="past, pending, scheduled or unknown-outcome")
    probability: float
    on: date = Field(description="Day its course starts")
    shape: str = Field(description="step, ramp or decaying_step")
    half_life_months: float | None
    ramp_months: float | None
    reach: float = Field(description="Share of the effect that reaches this element")
    share_in_price: float = Field(description="Of the full effect, in the month of the newest price")
    share_now: float = Field(description="Of the full effect, in the month of `known_at`")
    source: str = Field(
        description="prices: estimated from this market; prices in China: there, for a series outside; "
        "quotes: the step of a premium's controls; "
        "type: what the type predicts"
    )
    events_behind: int = Field(description="Informed events of its broad type and channel in this market")
    prior_led: bool = Field(description="Two or fewer of them: mostly the published table")
    joint_with: tuple[str, ...] = Field(description="Events that coincide; see `joint` for their sum")
    full: SizeOut = Field(
        description="At full strength; per_unit: what it would add to the newest price, null once begun"
    )
    in_price: SizeOut | None = Field(
        description="In the newest price; per_unit: that price less what it would be without. "
        "Null where nothing measures it"
    )
    china: SizeOut | None = Field(
        description="Outside China: the part of `full` on the Chinese price; no `per_unit`"
    )
    premium: SizeOut | None = Field(
        description="Outside China: the part of `full` on the premium; no `per_unit`"
    )


class JointEffectOut(Out):
    """Events that coincide: their sum is known better than their shares. No `per_unit` at full strength."""

    event_ids: tuple[str, ...]
    full: SizeOut
    in_price: SizeOut | None


class EffectsOut(Out):
    """Effects of events on one series, from the run behind its newest forecast."""

    series_id: str
    title: str
    basis: BasisOut
    issued_at: datetime
    known_at: date = Field(description="Nothing public after this day was used")
    run_id: int
    origin: date = Field(description="Month of the newest price")
    price: float | None = Field(description="The newest price in this basis; null where no rate is known")
    in_price: SizeOut = Field(
        description="All events together that prices or quotes speak of, in the newest price"
    )
    events: tuple[EventEffectOut, ...] = Field(description="By start")
    joint: tuple[JointEffectOut, ...]
    notes: tuple[str, ...]
    notice: str | None = Field(description="Terms of the demonstration data, when it stands behind this")


class PathRowOut(Out):
    """One month, or day of a quote. log_price = log_counterfactual + log_effect, to the last bit."""

    ds: date = Field(description="First day of the month; outside China the day of the quote")
    price: float | None = Field(description="Actual price; null without a quote or an exchange rate")
    counterfactual: IntervalOut | None = Field(description="The price without the event")
    percent: IntervalOut = Field(description="The effect, of the price without it")
    log_price: float | None
    log_counterfactual: float | None
    log_effect: float | None


class CounterfactualOut(Out):
    """The price of one series had an event not happened."""

    series_id: str
    title: str
    basis: BasisOut
    issued_at: datetime
    known_at: date
    run_id: int
    event: str
    events: tuple[str, ...] = Field(
        description="What `event` may be: all, one event, or several that coincide"
    )
    rows: tuple[PathRowOut, ...]
    notice: str | None
