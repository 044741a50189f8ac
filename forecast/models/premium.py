"""The premium: what a price outside China is over the Chinese price, both ex VAT, in logs.

    premium = log(price outside, in the Chinese currency) - log(Chinese price / (1 + VAT))

It is a random walk seen through dated quotes, with one step a control that covers the element, and no
drift. The walk is faster while a control is in force. Few quotes exist, so the priors below matter and
are stated; sizes of the walk are averaged over a grid with weights from the quotes, never plugged in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import softmax
from scipy.stats import chi2

from forecast.errors import InputError
from forecast.models.premium_control import ControlStep, control_spans, control_steps
from forecast.models.premium_filter import Points, WalkModel, draw, filter_points, moments
from forecast.models.premium_points import PremiumInput, PremiumPoint, as_arrays, measure
from forecast.periods import last_day
from forecast.types import Array
from forecast.vat import china_vat

__all__ = [
    "PRIORS",
    "ControlStep",
    "PremiumFit",
    "PremiumInput",
    "PremiumPoint",
    "PremiumPriors",
    "control_steps",
    "fit_premium",
    "multiple_incl_vat",
    "walk_model",
]

FEW_POINTS = 5  # up to this many quotes the answer is called prior-led
TAIL_NODES = 20
ADAMAS = (
    "Adamas Intelligence holds that under 1 % of the dysprosium volume of 2025 traded at such European"
    " prices: they are quotes of a thin spot market, not what most buyers pay."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumPriors:
    """Everything assumed before a quote is read. Log units; walk sizes per root year.

    level_*: premium before any control (Europe and FOB about the domestic price incl. VAT, which is
    1.13-1.17 ex VAT). step_*: what one control adds. easing_*: what its lifting or suspension adds; not
    minus the step. sd_free, sd_controlled: squares are scaled inverse chi-square with `dof` degrees of
    freedom around these, so that the predictive walk is Student-t and can never be still.
    hazard_dof: beyond the last quote the controlled walk of each path is scaled by one draw of
    sqrt(hazard_dof / chi-square), cut at 2.5 % in the tail: a collapse or a second squeeze.
    quote_sd, offset_sd: of one quote and of all quotes of one assessor (together 0.07).
    """

    level_mean: float = float(np.log(1.15))
    level_sd: float = 0.15
    step_mean: float = 0.5
    step_sd: float = 0.8
    easing_mean: float = -0.2
    easing_sd: float = 0.4
    sd_free: float = 0.25
    sd_controlled: float = 0.40
    dof: float = 4.0
    hazard_dof: float = 5.0
    quote_sd: float = 0.05
    offset_sd: float = 0.05
    sd_grid: tuple[float, ...] = tuple(np.geomspace(0.05, 1.25, 15).tolist())

    @property
    def quote_noise(self) -> float:
        """Log sd of one quote of one assessor."""
        return float(np.hypot(self.quote_sd, self.offset_sd))


PRIORS = PremiumPriors()


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumFit:
    """Posterior of the premium of one price outside China.

    points: what was measured. steps: controls in the model; their events must not be counted again by an
    effects layer. components: moments on the day of the last quote, and walk sizes (docs/premium.md).
    priors: what was assumed. notes: caveats in words; they travel with every answer.
    """

    points: tuple[PremiumPoint, ...]
    steps: tuple[ControlStep, ...]
    components: Mapping[str, float]
    notes: tuple[str, ...]
    model: WalkModel
    data: Points
    tails: Array
    priors: PremiumPriors

    @property
    def walk(self) -> Array:
        """Weights of the sizes of the walk, one a cell of its grid, sum 1."""
        return filter_points(self.model, self.data).weights

    @property
    def last_day(self) -> date:
        """Day of the newest quote used."""
        return self.points[-1].ds

    def level_at(self, day: date) -> tuple[float, float]:
        """(mean, sd) of the log premium on a day, past (all quotes used) or future.

        Raises InputError for a day before the first quote and the first control.
        """
        when = float(day.toordinal())
        self._check(when)
        last = float(self.data.day[-1])
        in_force = self.model.steps_in_force(when)
        if when <= last:
            row = np.concatenate([[0.0], in_force, [1.0]])
            return moments(filter_points(self.model, self.data, [when]), row)
        free, controlled = self.model.years(last, when)
        spread = self.model.sd_free**2 * free
        spread = spread + self.model.sd_controlled**2 * controlled * float(np.mean(self.tails**2))
        row = np.concatenate([[1.0], in_force])
        return moments(filter_points(self.model, self.data), row, np.asarray(spread, dtype=np.float64))

    def draws(self, periods: pd.PeriodIndex, n: int, rng: np.random.Generator) -> Array:
        """Joint sample paths of the log premium, shape (n, len(periods)), one value a period.

        The walk is taken at the middle of a period; a step counts with the share of its days.
        """
        if not periods.is_monotonic_increasing or len(periods) == 0:
            raise InputError("periods", f"{len(periods)} periods", "one or more, ascending")
        spans = [(p.start_time.toordinal(), last_day(p).toordinal()) for p in periods]
        middles = [(first + end) / 2 for first, end in spans]
        self._check(middles[0])
        last = float(self.data.day[-1])
        past = [m for m in middles if m <= last]
        cells, state = draw(filter_points(self.model, self.data, past), n, rng)
        k = len(self.steps)
        steps, walk = state[:, 1 : 1 + k], np.empty((n, len(periods)))
        walk[:, : len(past)] = state[:, 1 + k :]
        tails = rng.choice(self.tails, size=n)
        free_sd, controlled_sd = self.model.sd_free[cells], self.model.sd_controlled[cells] * tails
        here, now = state[:, 0], last
        for j in range(len(past), len(periods)):
            free, controlled = self.model.years(now, middles[j])
            sd = np.sqrt(free_sd**2 * free + controlled_sd**2 * controlled)
            here = here + sd * rng.standard_normal(n)
            walk[:, j], now = here, middles[j]
        shares = np.array(
            [np.clip((end + 1 - self.model.step_days) / (end + 1 - first), 0, 1) for first, end in spans]
        )
        return np.asarray(walk + steps @ shares.reshape(len(periods), k).T, dtype=np.float64)

    def _check(self, when: float) -> None:
        if when < self.model.start:
            raise InputError(
                "day",
                date.fromordinal(int(when)).isoformat(),
                f"{self.points[0].ds} or later, the first quote",
            )


def multiple_incl_vat(log_premium: float, day: date) -> float:
    """The trade press's multiple: price outside China over the Chinese price including VAT."""
    return float(np.exp(log_premium) / (1 + china_vat(day)))


def fit_premium(
    inp: PremiumInput, priors: PremiumPriors = PRIORS, *, walk: Array | None = None
) -> PremiumFit:
    """Measure, filter, describe. Raises InputError when no usable quote is known or a rate is missing.

    walk: weights of the sizes of the walk as estimated before (`PremiumFit.walk`), kept as they are.
    """
    points, notes = measure(inp, priors.quote_sd)
    steps = control_steps(inp.events, inp.element, inp.events_at or inp.known_at)
    days, z, sds, assessors = as_arrays(points)
    model = walk_model(steps, float(days[0]), priors)
    if walk is not None:
        model = replace(model, weights=_kept_walk(walk, model))
    data = Points(day=days, z=z, sd=sds, assessor=np.array(assessors, dtype=np.intp))
    middles = (np.arange(TAIL_NODES) + 0.5) / TAIL_NODES
    return PremiumFit(
        points=points,
        steps=steps,
        components=_components(model, data, priors),
        notes=(*_caveats(inp, points, steps, priors), *notes),
        model=model,
        data=data,
        tails=np.asarray(np.sqrt(priors.hazard_dof / chi2.ppf(middles, priors.hazard_dof)), dtype=np.float64),
        priors=priors,
    )


def _kept_walk(walk: Array, model: WalkModel) -> Array:
    """Weights of cells on the grid of a model that may have gained its first control, or lost its last."""
    cells, nodes = len(model.log_prior), len(PRIORS.sd_grid)
    if len(walk) == cells:
        return walk
    if len(walk) > cells:
        return np.asarray(walk.reshape(nodes, nodes).sum(axis=1))
    # nothing was learnt of the walk under a control: its prior
    under = softmax(model.log_prior.reshape(nodes, nodes)[0])
    return np.asarray(np.outer(walk, under).ravel())


def walk_model(steps: tuple[ControlStep, ...], first: float, priors: PremiumPriors) -> WalkModel:
    """What the filter needs, from controls, the day of the first quote (an ordinal) and the priors."""
    starts = [float(s.on.toordinal()) for s in steps]
    # The prior describes the time before any control: where quotes begin under one, start on its eve.
    anchor = min([first, *(s - 1 for s in starts)])
    return WalkModel(
        start=anchor,
        level_mean=priors.level_mean,
        level_sd=priors.level_sd,
        step_days=np.array(starts, dtype=np.float64),
        step_means=np.array([priors.step_mean if s.tightens else priors.easing_mean for s in steps]),
        step_sds=np.array([priors.step_sd if s.tightens else priors.easing_sd for s in steps]),
        controlled=control_spans(steps),
        offset_sd=priors.offset_sd,
        **_grid(priors, controlled=bool(steps)),
    )


def _grid(priors: PremiumPriors, *, controlled: bool) -> dict[str, Array]:
    """Cells of walk sizes and their log prior; one dimension where no control is in the model."""
    nodes = np.array(priors.sd_grid)

    def log_prior(scale: float) -> Array:
        # of log sd, the nodes being even in logs, when sd^2 is scaled inverse chi-square
        return np.asarray(
            -priors.dof * np.log(nodes) - priors.dof * scale**2 / (2 * nodes**2), dtype=np.float64
        )

    if not controlled:
        return {"sd_free": nodes, "sd_controlled": nodes, "log_prior": log_prior(priors.sd_free)}
    free, under = np.meshgrid(nodes, nodes, indexing="ij")
    prior = log_prior(priors.sd_free)[:, None] + log_prior(priors.sd_controlled)[None, :]
    return {"sd_free": free.ravel(), "sd_controlled": under.ravel(), "log_prior": prior.ravel()}


def _components(model: WalkModel, data: Points, priors: PremiumPriors) -> dict[str, float]:
    """level = base_level + control_step + walk_since on the day of the last quote, each with its sd."""
    k, last = len(model.step_days), float(data.day[-1])
    eve = max(model.start, float(model.step_days[0]) - 1) if k else model.start
    posterior = filter_points(model, data, [min(eve, last)])
    in_force = model.steps_in_force(last)
    zeros = np.zeros(k)
    rows = {
        "level": np.concatenate([[1.0], in_force, [0.0]]),
        "base_level": np.concatenate([[0.0], zeros, [1.0]]),
        "control_step": np.concatenate([[0.0], in_force, [0.0]]),
        "walk_since": np.concatenate([[1.0], zeros, [-1.0]]),
    }
    found = {}
    for name, row in rows.items():
        found[f"{name}_mean"], found[f"{name}_sd"] = moments(posterior, row)
    found["drift"] = 0.0
    found["sd_per_year_free"] = float(posterior.weights @ model.sd_free)
    found["sd_per_year_controlled"] = float(posterior.weights @ model.sd_controlled) if k else 0.0
    found["log_evidence"] = posterior.log_evidence
    found["prior_level_mean"], found["prior_level_sd"] = priors.level_mean, priors.level_sd
    return found


def _caveats(
    inp: PremiumInput, points: tuple[PremiumPoint, ...], steps: tuple[ControlStep, ...], priors: PremiumPriors
) -> Iterable[str]:
    """What a reader must know before using the number."""
    age = (inp.known_at - points[-1].ds).days
    yield (
        f"The price is the Chinese price times a premium from {len(points)} dated quotes, the newest of"
        f" {points[-1].ds} ({age} days old). No coverage is claimed for this range."
    )
    if len(points) <= FEW_POINTS:
        yield f"Prior-led: {len(points)} quotes cannot carry a premium; the stated priors do most of it."
    for step in (s for s in steps if s.tightens):
        before = sum(p.ds < step.on for p in points)
        yield (
            f"{step.event_id} covers {inp.element} since {step.on}: a step of its own, prior"
            f" {priors.step_mean:.1f} +/- {priors.step_sd:.1f} in logs; {before} quotes stand before it and"
            f" {len(points) - before} after."
        )
    if not steps:
        yield f"No licence or embargo covers {inp.element or 'this price'} outside China: no step is assumed."
    if steps and inp.market == "eu":
        yield ADAMAS
