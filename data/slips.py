"""Prices in another unit, tax basis or currency than the last known: told from a market that moved. Pure.

Two questions, in this order (docs/sources.md argues them and gives what they find and miss):

1. Days that the file repeats. The market cannot change what a past day's price was. Against what this source
   itself said of those days, their median ratio has to be 1; against what others said, it must not be a known
   factor. None of them may differ by a factor beyond FAR.
2. Steps to days that are new. A step is put down to a factor when that explains it ODDS times better than the
   market does, the market being a Student t with three degrees of freedom whose scale is the series' own and
   grows with the root of the time between. A factor has to be met: a near one within three times that scale,
   one beyond FAR within an eighth of its own log. So a price that triples, or moves by any ratio that is no
   factor, stays a move of the market however small the volatility was. Near factors are looked for only at
   the step from the last known price, and several series that step together count as the root of their
   number, since series of one market move together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, pairwise
from statistics import median

from data.types import Quote, Series
from data.units import CURRENCIES, FxTable
from forecast.errors import InputError
from forecast.vat import VAT_STEPS, china_vat

#: A slip has to explain a step so many times better than the market does, as one pull in so many is a slip.
ODDS = 1000.0
#: Factors of at least this, or at most one over it, are no move of a market between two quotes of one series.
FAR = 2.0
#: Factors nearer to 1 than this are within what prices are corrected by.
NEAREST = 1.08
#: Repeated days agree when their ratio is 1 within this; a factor is met within this.
SAME, MET = 0.01, 0.02
#: Differences of two desks on one day, in logs.
DESKS = 0.03
_ROUNDING = 0.005
_RATE = 0.02  # a day's exchange rate beside the month's mean
_USUAL, _LEAST = 0.06, 0.02  # scale of a month: of a series not known yet, and of the calmest
_USUAL_COUNTS, _MOST = 8, 60  # steps that the usual scale counts as, and most steps of the series' own
_MOST_REPEATED = 250
_T3_MEDIAN = 0.765  # of the absolute value of a Student t with three degrees of freedom
_MONTH = 30.44
FIRST_VAT = VAT_STEPS[0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What a right price would be multiplied with. log: of it. noise: by how much it is only known itself."""

    name: str
    log: float
    noise: float = 0.0

    @property
    def key(self) -> tuple[str, bool]:
        """The same for one factor on any day, and another for one over it."""
        return self.name, self.log > 0

    @property
    def far(self) -> bool:
        """Is it too large for a step of a market?"""
        return abs(self.log) >= math.log(FAR)

    @property
    def reach(self) -> float:
        """How far from it a ratio still meets a far one."""
        return abs(self.log) / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What the prices of a file look like beside what is known. series_ids: those that show it."""

    series_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One series. known: newest vintage of what is stored. own: that of what this source said. given: the
    file."""

    series: Series
    known: Sequence[Quote]
    own: Sequence[Quote]
    given: Sequence[Quote]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """log: of the ratio of two neighbouring prices. scale: of the market's t over the time between."""

    series: Series
    on: date
    log: float
    scale: float
    frontier: bool  # it leads from the last known price

    def gain(self, factor: Factor | None) -> float:
        """Log of how many times better the factor explains the step than the market; -inf where it is not
        met."""
        if factor is None:
            return -math.inf
        scale = math.hypot(self.scale, factor.noise)
        away = self.log - factor.log
        if abs(away) > (factor.reach if factor.far else 3 * scale):  # not met
            return -math.inf
        return _student(away, scale) - _student(self.log, self.scale)


def find_slip(found: Sequence[Evidence], fx: FxTable) -> Slip | None:
    """The first slip that the prices of a file show, or None. fx: monthly rates, for factors of
    currencies."""
    steps = [step for one in found for step in _steps(one)]
    alone = (_alone(step, fx) for step in steps)
    repeated = (_repeated(one, fx) for one in found)
    slip = next((slip for slip in chain(repeated, alone) if slip is not None), None)
    return slip or _together([step for step in steps if step.frontier], fx)


def _repeated(one: Evidence, fx: FxTable) -> Slip | None:
    """Days that the file repeats, against this source's own word or else that of others."""
    own = _ratios(one.given, one.own)
    ratios = own or _ratios(one.given, one.known)
    if not ratios:
        return None
    middle = median(log for _, log in ratios)
    said = f"{_times(middle)} what is known of {len(ratios)} days that they repeat"
    then = {month: _factors(one.series, month, fx) for month in {on.replace(day=1) for on, _ in ratios}}
    met = _met([(log, {f.key: f for f in then[on.replace(day=1)]}) for on, log in ratios])
    if len(own) >= 3 and abs(middle) > SAME:
        return _slip([one.series], said, met)
    for on, log in ratios:  # a correction is not by a currency, nor by a thousand
        far = _met([(log, {f.key: f for f in then[on.replace(day=1)] if f.far})])
        if far is not None:
            return _slip([one.series], f"{_times(log)} what is known of {on}", far)
    if met is None:
        return None
    noise = _ROUNDING if own else DESKS
    gain = sum(_student(log - met.log, noise) - _student(log, noise) for _, log in ratios)
    return _slip([one.series], said, met) if gain > math.log(ODDS) else None


def _met(ratios: Sequence[tuple[float, Mapping[tuple[str, bool], Factor]]]) -> Factor | None:
    """The factor that is nearest to the ratios (log, factors of that day by their keys), if it is met."""
    rests = {
        key: abs(median(log - factors[key].log for log, factors in ratios if key in factors))
        for key in ratios[-1][1]
    }
    nearest = min(rests, key=lambda key: rests[key], default=None)
    if nearest is None:
        return None
    factor = ratios[-1][1][nearest]
    return factor if rests[nearest] <= (factor.reach if factor.far else MET + factor.noise) else None


def _alone(step: _Step, fx: FxTable) -> Slip | None:
    """A factor that one series steps by."""
    for factor in _factors(step.series, step.on, fx):
        if (step.frontier or factor.far) and step.gain(factor) > math.log(ODDS):
            return _slip([step.series], f"{_times(step.log)} the price before on {step.on}", factor)
    return None


def _together(steps: Sequence[_Step], fx: FxTable) -> Slip | None:
    """A factor that several series step by at once, from their last known prices."""
    if len(steps) < 2:
        return None
    for factor in _factors(steps[0].series, steps[0].on, fx):
        gains = [step.gain(_factor(step.series, step.on, fx, factor)) for step in steps]
        if sum(gains) / math.sqrt(len(gains)) > math.log(ODDS):
            said = f"{_times(median(step.log for step in steps))} their last known prices, all at once"
            return _slip([step.series for step in steps], said, factor)
    return None


def _ratios(given: Sequence[Quote], known: Sequence[Quote]) -> list[tuple[date, float]]:
    """(day, log of the ratio) of the newest days that both have."""
    before = {(q.ds, q.kind): q.value for q in known}
    both = sorted((q.ds, math.log(q.value / before[q.ds, q.kind])) for q in given if (q.ds, q.kind) in before)
    return both[-_MOST_REPEATED:]


def _steps(one: Evidence) -> list[_Step]:
    """From each quote to the next in time, where that one is new."""
    known = sorted(one.known, key=_day)
    if not known:
        return []
    stored = {(q.ds, q.kind) for q in known}
    new = [q for q in one.given if (q.ds, q.kind) not in stored]
    scale, last = _scale(known), known[-1]
    return [
        _Step(
            series=one.series,
            on=after.ds,
            log=math.log(after.value / before.value),
            scale=math.hypot(scale * math.sqrt(_months(before, after)), _ROUNDING),
            frontier=before is last,
        )
        for before, after in pairwise(sorted([*known, *new], key=_day))
        if (after.ds, after.kind) not in stored
    ]


def _scale(known: Sequence[Quote]) -> float:
    """Scale of the market's t over a month: from the median of the newest steps, drawn to the usual one where
    there are few. The median, so that one true jump does not make room for slips."""
    steps = [
        abs(math.log(after.value / before.value)) / math.sqrt(_months(before, after))
        for before, after in pairwise(known)
    ][-_MOST:]
    if not steps:
        return _USUAL
    own = max(median(steps) / _T3_MEDIAN, _LEAST)
    weight = len(steps) / (len(steps) + _USUAL_COUNTS)
    return math.exp(weight * math.log(own) + (1 - weight) * math.log(_USUAL))


def _months(before: Quote, after: Quote) -> float:
    """Time between, at least a day; a mean beside a single day counts as a month."""
    least = 1 / _MONTH if before.kind == after.kind else 1.0
    return max((_day(after) - _day(before)).days / _MONTH, least)


def _day(quote: Quote) -> date:
    return quote.ds + timedelta(days=14) if quote.kind == "monthly-mean" else quote.ds


def _student(x: float, scale: float) -> float:
    """Log density, up to a constant, of a Student t with three degrees of freedom."""
    return -math.log(scale) - 2 * math.log1p((x / scale) ** 2 / 3)


def _factor(series: Series, on: date, fx: FxTable, like: Factor) -> Factor | None:
    """The same factor for another series or day."""
    return next((f for f in _factors(series, on, fx) if f.key == like.key), None)


def _factors(series: Series, on: date, fx: FxTable) -> tuple[Factor, ...]:
    """What prices of another weight, tax basis or currency would be times those of the series; each, and one
    over it. A currency without a rate by that day cannot be looked for."""
    tax = china_vat(max(on, FIRST_VAT))
    vat = math.log1p(tax) * (-1 if series.tax_basis == "incl-vat" else 1)
    found = [
        ("a unit of 1,000 times the weight", math.log(1000), 0.0),
        (f"Chinese VAT of {tax:.0%}", vat, 0.0),
    ]
    for currency in CURRENCIES:
        if currency == series.currency:
            continue
        try:
            rate = math.log(fx.rate(series.currency, currency, on).value)
        except InputError:
            continue
        name = f"{currency} for {series.currency}"
        found += [(name, rate, _RATE), (f"{name}, and Chinese VAT", rate + vat, _RATE)]
    return tuple(
        Factor(name=name, log=sign * log, noise=noise)
        for name, log, noise in found
        if abs(log) >= math.log(NEAREST)
        for sign in ((1,) if "and" in name else (1, -1))
    )


def _times(log: float) -> str:
    return f"{math.exp(log):.4g} times"


def _slip(series: Sequence[Series], said: str, factor: Factor | None) -> Slip:
    names = tuple(one.series_id for one in series)
    if factor is None:
        cause = "no known factor, so another product, another basis, or a history written anew"
    else:
        cause = f"as {factor.name} would make them ({_times(factor.log)})"
    return Slip(series_ids=names, reason=f"{', '.join(names)}: prices are {said}: {cause}")
