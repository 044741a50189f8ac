"""What a preview answers: plain data, the same for API and command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from service.alerts.calibration import Calibration
from service.alerts.state import Observation

#: Firings that an answer lists, the oldest first; it counts all of them.
MOST_ROWS = 100
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """share: in [0, 1], None of none; of: how many it is a share of."""

    share: float | None
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFiring:
    """One time that the rule would have fired. of: day that the value speaks of, or the cutoff.

    What does not belong to the kind of rule, or cannot be told yet, is None. delay_days: from the day that
    the first value beyond the threshold speaks of to the day it fired. held_next, held_third: was the next
    observation, and the third one after, beyond the threshold too? came_true: was the price beyond the level
    in the months asked about? lead_months: how many months later. horizon_over: have they all come?
    passed_before: was the last price known then beyond the level already?
    """

    on: date
    of: date
    value: float | None
    note: str = ""
    resolved_on: date | None = None
    revised: bool = False
    delay_days: int | None = None
    held_next: bool | None = None
    held_third: bool | None = None
    came_true: bool | None = None
    lead_months: int | None = None
    horizon_over: bool | None = None
    passed_before: bool | None = None

    @property
    def foretold(self) -> bool | None:
        """Did it come true? None where nothing was foretold, as the level was passed already, and where the
        horizon is not over, as until then it can only have come true."""
        return self.came_true if self.horizon_over and not self.passed_before else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A rule run over history. days: first and last on which it was judged; observations: on how many.

    cutoffs: of the backtest, None for rules that do not stand on one. firings: all, oldest first. now: the
    newest observation.
    """

    days: tuple[date, date] | None
    observations: int
    cutoffs: int | None = None
    firings: Sequence[PreviewFiring]
    calibration: Calibration | None = None
    now: Observation | None = None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer:
    """What a rule would have done, and what it would do now. Nothing of it is stored.

    subject: the series, or the element of a rule on events. value_in: unit of every value. first_on, last_on:
    days between which the rule was judged. firings: how often it fired, the oldest of which are in `rows`;
    firings_per_year: over those days, None for less than a year. Shares and medians are over all firings of
    which they can be told; came_true and median_lead_months over those whose horizon is over and whose level
    had not been passed before. now: the newest observation; beyond_now: is it beyond the threshold?
    """

    kind: str
    subject: str
    title: str
    value_in: str
    first_on: date | None
    last_on: date | None
    observations: int
    cutoffs: int | None
    firings: int
    firings_per_year: float | None
    held_next: Share
    held_third: Share
    came_true: Share
    median_delay_days: float | None
    median_lead_months: float | None
    rows: tuple[PreviewFiring, ...]
    calibration: Calibration | None
    marks: tuple[str, ...]
    now: Observation | None
    beyond_now: bool | None
    notes: tuple[str, ...]
    notice: str | None


def share(found: Iterable[bool | None]) -> Share:
    """Of those that can be told."""
    told = [one for one in found if one is not None]
    return Share(share=sum(told) / len(told) if told else None, of=len(told))


def middle(found: Iterable[int | None]) -> float | None:
    """Median of those that can be told."""
    told = [one for one in found if one is not None]
    return float(median(told)) if told else None


def per_year(count: int, days: tuple[date, date] | None) -> float | None:
    """None for less than a year, of which it would only pretend to know."""
    years = 0.0 if days is None else (days[1] - days[0]).days / _DAYS_A_YEAR
    return count / years if years >= 1.0 else None
