"""What a premium is made of: base level, controls, change of source, drift, from one joint posterior.

With r the reference day (eve of the first control, else the first quote) and a(t) the assessor of the last
quote up to day t, the premium as the source of day t quotes it is

    p(t) + sum of steps in force + o_a(t)
      =  [p(r) + o_a(r)]  +  [steps]  +  [o_a(t) - o_a(r)]  +  [p(t) - p(r)]
          base                controls     source change         drift

Each is a linear form of the state of the filter, so that means add up exactly and every interval is that
of the joint posterior: a mixture of normals over the grid of walk sizes, whose quantiles are solved for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
from scipy.linalg import block_diag
from scipy.special import softmax

from forecast.errors import InputError
from forecast.events.table import LIFTING
from forecast.models.premium import PremiumFit, PremiumPoint, multiple_incl_vat
from forecast.models.premium_filter import WalkModel, cell_moments, filter_points, mixture_quantile
from forecast.models.premium_points import JUMP
from forecast.types import Array

PREMIUM, BASE, CONTROLS, SOURCE, DRIFT = "premium", "base", "controls", "source_change", "drift"
PARTS = (BASE, CONTROLS, SOURCE, DRIFT)
TAILS = (0.05, 0.95)  # of a central 90 % interval
SHOWN = 16  # days on a path: each is a state more in the filter, and nobody reads five hundred
TOLD_APART = 0.5  # of the prior variance, removed by the quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A figure at the mean of a log and at its 5 % and 95 % quantiles."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part in logs with its central 90 % interval.

    percent: exp - 1, in per cent. per_unit: money per unit of weight, in the currency of
    the quote; None on a day without one. Parts are given the share of the sum that they have in logs (the
    logarithmic mean of Ang 2004, which leaves no rest and knows no order); their interval is theirs alone.
    learned: share of the prior variance that the quotes removed, 0 to 1; None for what is exactly nothing.
    """

    name: str
    mean: float
    sd: float
    low: float
    high: float
    percent: Range
    learned: float | None
    per_unit: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsAt:
    """The decomposition on one day. assessor: whose quote it speaks for. steps: each control in force.

    base_price: Chinese price ex VAT in the currency of the quote, None on a day without a quote.
    multiple_incl_vat: price over the Chinese one incl. VAT, at mean, low and high of the premium.
    """

    day: date
    assessor: str
    base_price: float | None
    multiple_incl_vat: Range
    premium: Part
    parts: tuple[Part, ...]
    steps: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """Two neighbouring quotes of different assessors. move: between them as measured, in logs.

    part: offset of the new less that of the old. jump: is the move beyond two standard deviations of the
    two quotes? told_apart: did the quotes remove at least half of the prior variance of the part? If not,
    how much of the move is the source and how much the market is the stated prior's word.
    """

    was: str
    now: str
    last_on: date
    first_on: date
    move: float
    part: Part
    jump: bool
    told_apart: bool


def decompose(fit: PremiumFit, days: Sequence[date] | None = None) -> tuple[PartsAt, ...]:
    """Decompositions on these days, ascending; all quotes of the fit inform every day.

    Default: the reference day and the days of quotes after it, thinned evenly where they are over 16.
    Raises InputError for a day before the reference day or after the last quote.
    """
    start = reference_day(fit)
    wanted = sorted(set(days)) if days is not None else _thinned({start, *(p.ds for p in fit.points)}, start)
    for day in wanted:
        if not start <= day <= fit.last_day:
            raise InputError(
                "day", day.isoformat(), f"{start} to {fit.last_day}, reference day to last quote"
            )
    state = PartsState(fit, wanted)
    forms = [state.forms(day) for day in wanted]
    found = iter(state.parts([pair for on_day in forms for pair in on_day.items()]))
    return tuple(
        _at(fit, day, {name: next(found) for name in on_day})
        for day, on_day in zip(wanted, forms, strict=True)
    )


def reference_day(fit: PremiumFit) -> date:
    """Eve of the first control, or the last quote if that is older; without a control, the first quote."""
    if not fit.steps:
        return fit.points[0].ds
    return date.fromordinal(min(fit.steps[0].on.toordinal() - 1, fit.last_day.toordinal()))


def source_changes(fit: PremiumFit) -> tuple[SourceChange, ...]:
    """The first change between each two assessors that follow one another after the reference day."""
    start = reference_day(fit)
    first: dict[frozenset[str], tuple[PremiumPoint, PremiumPoint]] = {}
    for old, new in pairwise(fit.points):
        if old.assessor != new.assessor and new.ds > start:
            first.setdefault(frozenset((old.assessor, new.assessor)), (old, new))
    pairs = list(first.values())
    state = PartsState(fit, [])
    forms = [(SOURCE, state.offset(new.assessor) - state.offset(old.assessor)) for old, new in pairs]
    return tuple(
        SourceChange(
            was=old.assessor,
            now=new.assessor,
            last_on=old.ds,
            first_on=new.ds,
            move=new.log_premium - old.log_premium,
            part=part,
            jump=abs(new.log_premium - old.log_premium) > JUMP * float(np.hypot(old.sd, new.sd)),
            told_apart=part.learned is None or part.learned >= TOLD_APART,
        )
        for (old, new), part in zip(pairs, state.parts(forms), strict=True)
    )


class PartsState:
    """Posterior of [p, steps, offsets, p on the days] of a fit, and the linear forms that the parts are.

    model: under other priors than those of the fit.
    """

    def __init__(self, fit: PremiumFit, days: Iterable[date], model: WalkModel | None = None) -> None:
        self.fit, self.model = fit, model or fit.model
        self.start = reference_day(fit)
        self.days = sorted({self.start, *days})
        self.assessors = sorted({p.assessor for p in fit.points})  # the order of as_arrays
        self.posterior = filter_points(
            self.model, fit.data, [float(d.toordinal()) for d in self.days], offsets=True
        )

    def forms(self, day: date) -> dict[str, Array]:
        """Part -> its linear form on a day: the premium, its four parts, and each step in force."""
        before, now = (assessor_on(self.fit.points, d) for d in (self.start, day))
        in_force = self.model.steps_in_force(float(day.toordinal()))
        steps = {name: self._unit(1 + i) for i, name in enumerate(step_names(self.fit)) if in_force[i]}
        found = {
            BASE: self._level(self.start) + self.offset(before),
            CONTROLS: sum(steps.values(), 0 * self._unit(0)),
            SOURCE: self.offset(now) - self.offset(before),
            DRIFT: self._level(day) - self._level(self.start),
        }
        return {PREMIUM: sum(found.values(), 0 * self._unit(0)), **found, **steps}

    def offset(self, assessor: str) -> Array:
        """Linear form of one assessor's offset."""
        return self._unit(1 + len(self.fit.steps) + self.assessors.index(assessor))

    def parts(self, forms: Sequence[tuple[str, Array]]) -> list[Part]:
        """Mean, spread, interval and share learned of each form."""
        if not forms:
            return []
        rows = np.stack([form for _, form in forms])
        means, variances = cell_moments(self.posterior, rows)
        weights = self.posterior.weights
        mean = means @ weights
        sd = np.sqrt((variances + (means - mean[:, None]) ** 2) @ weights)
        low, high = (mixture_quantile(q, weights, means, np.sqrt(variances)) for q in TAILS)
        before = np.einsum("ri,ij,rj->r", rows, self._prior_cov(), rows)
        return [
            Part(
                name=name,
                mean=float(mean[i]),
                sd=float(sd[i]),
                low=float(low[i]),
                high=float(high[i]),
                percent=_percent(mean[i], low[i], high[i]),
                learned=max(0.0, 1 - float(sd[i] ** 2 / before[i])),
            )
            if form.any()
            else Part(
                name=name, mean=0.0, sd=0.0, low=0.0, high=0.0, percent=_percent(0.0, 0.0, 0.0), learned=None
            )
            for i, (name, form) in enumerate(forms)
        ]

    def _level(self, day: date) -> Array:
        return self._unit(1 + len(self.fit.steps) + len(self.assessors) + self.days.index(day))

    def _unit(self, at: int) -> Array:
        row = np.zeros(1 + len(self.fit.steps) + len(self.assessors) + len(self.days))
        row[at] = 1.0
        return row

    def _prior_cov(self) -> Array:
        """Covariance of the state before any quote, over all cells. p itself enters no form: left at 0."""
        model = self.model
        cells = softmax(model.log_prior)
        walked = [float(cells @ model.variance(model.start, d.toordinal())) for d in self.days]
        levels = model.level_sd**2 + np.minimum.outer(walked, walked)
        offsets = model.offset_sd**2 * np.eye(len(self.assessors))
        return np.asarray(block_diag([[0.0]], np.diag(model.step_sds**2), offsets, levels), dtype=np.float64)


def assessor_on(points: Sequence[PremiumPoint], day: date) -> str:
    """Whose quote stands on a day: that of the last one up to it, before the first that of the first."""
    until = [p for p in points if p.ds <= day]
    return until[-1].assessor if until else points[0].assessor


def step_names(fit: PremiumFit) -> tuple[str, ...]:
    """Each step by the id of its event; what its end did is marked as such."""
    return tuple(s.event_id if s.tightens else f"{s.event_id}:{LIFTING}" for s in fit.steps)


def _thinned(days: Iterable[date], start: date) -> list[date]:
    """The days from `start` on, the first and the last always, at most SHOWN of them."""
    found = sorted(d for d in days if d >= start)
    kept = np.unique(np.linspace(0, len(found) - 1, min(len(found), SHOWN)).round().astype(int))
    return [found[i] for i in kept]


def _at(fit: PremiumFit, day: date, found: Mapping[str, Part]) -> PartsAt:
    """One day, with money where a quote gives the Chinese price."""
    premium = found[PREMIUM]
    china = next((p.base_price for p in reversed(fit.points) if p.ds == day), None)
    if china is not None:
        # (exp(x) - 1) / x, the logarithmic mean of 1 and exp(x): money per log unit of a part
        rate = china * float(np.expm1(premium.mean) / premium.mean) if premium.mean else china
        found = {
            name: replace(p, per_unit=Range(mean=rate * p.mean, low=rate * p.low, high=rate * p.high))
            for name, p in found.items()
        }
        whole = (china / 100 * x for x in (premium.percent.mean, premium.percent.low, premium.percent.high))
        premium = replace(premium, per_unit=Range(mean=next(whole), low=next(whole), high=next(whole)))
    return PartsAt(
        day=day,
        assessor=assessor_on(fit.points, day),
        base_price=china,
        multiple_incl_vat=Range(
            mean=multiple_incl_vat(premium.mean, day),
            low=multiple_incl_vat(premium.low, day),
            high=multiple_incl_vat(premium.high, day),
        ),
        premium=premium,
        parts=tuple(found[name] for name in PARTS),
        steps=tuple(p for name, p in found.items() if name not in (PREMIUM, *PARTS)),
    )


def _percent(*logs: float) -> Range:
    mean, low, high = (100 * float(np.expm1(log)) for log in logs)
    return Range(mean=mean, low=low, high=high)
