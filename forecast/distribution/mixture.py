"""The exact mixture over open events: baseline plus independent on-or-off effects, step by step.

    log price = base + sum over events of B_e * S_e,    B_e ~ Bernoulli(p_e)

The base is a quantile function (paths.interpolate), S_e a two-sided Student-t that ends somewhere (Course).
Both are put on one grid a step: the base by its exact distribution function at the grid points, an effect by
hat functions, which keep its mean and add at most a sixth of a squared cell to its variance. Their sum is
then a product of discrete Fourier transforms

    phi = phi_base * prod_e (1 - p_e + p_e * phi_e)

so the distribution function is linear in each p_e: p = 0 and p = 1 are the branches, and branches weighted by
probability give the mixture, to rounding. No random number is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import gammaln, ndtr, ndtri, stdtr

from forecast.distribution.paths import interpolate, strict
from forecast.errors import InputError
from forecast.events.course import Course
from forecast.types import QUANTILES, Array

Spectrum = NDArray[np.complex128]
Index = NDArray[np.intp]
SCORES = ndtri(np.asarray(QUANTILES))
REACH = 5.0  # normal scores of the base's own ends on the grid; 3e-7 lies beyond either
BASE_CELLS = 400
EVENT_CELLS = 1000  # most cells that the open events of a headline may add
SMALLEST_CELL = 1e-7
LARGEST_GRID = 400_000  # cells of one step: a further effect on a price that hardly moves wants millions
KNOTS = 4097
NOTHING = 1e-13  # chance beyond which no cell is kept
TINY = 1e-12  # scale of an effect of known size


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells of each step that is moved: first point and width, (k,), and the number of points."""

    first: Array
    width: Array
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Base and effects of one series on grids.

    steps: (k,) which; base and each of effects: (k, f), transforms on the grid; courses: beside effects.
    """

    steps: Index
    grid: Grid
    base: Spectrum
    effects: tuple[Spectrum, ...]
    courses: tuple[Course, ...]

    def below(self, probabilities: Sequence[float] | Array, rows: Index | slice = slice(None)) -> Array:
        """Distribution function at the grid points, (k, size), for the events' probabilities, (events,).

        rows: only these of the steps.
        """
        product = self.base[rows]
        for chance, effect in zip(probabilities, self.effects, strict=True):
            if chance:
                factor = chance * effect[rows]
                factor += 1.0 - chance
                product = np.multiply(product, factor, out=factor)
        return np.asarray(np.cumsum(irfft(product, n=self.grid.size, axis=1), axis=1))

    def quantiles(self, below: Array) -> Array:
        """Log quantiles at QUANTILES, (k, 21), of a distribution function on the grid."""
        rows, size = below.shape
        apart = 2.0 * np.arange(rows)[:, None]  # all rows end to end are one rising function
        cells = np.interp(
            (np.array(QUANTILES) + apart).ravel(),
            (below + apart).ravel(),
            np.arange(rows * size, dtype=float),
        )
        at = cells.reshape(rows, -1) - size * np.arange(rows)[:, None] if rows else np.zeros((0, len(SCORES)))
        at = np.maximum.accumulate(at, axis=1)
        return np.asarray(self.grid.first[:, None] + self.grid.width[:, None] * at)

    def above(self, below: Array, log_levels: Array) -> Array:
        """Chance of standing above each level, (k, levels), of a distribution function on the grid."""
        at = (log_levels[None, :] - self.grid.first[:, None]) / self.grid.width[:, None]
        low = np.clip(np.floor(at), 0, self.grid.size - 2).astype(np.intp)
        part = np.clip(at - low, 0.0, 1.0)
        rows = np.arange(len(below))[:, None]
        reached = below[rows, low] * (1 - part) + below[rows, low + 1] * part
        return np.asarray(np.clip(1.0 - np.where(at < 0.0, 0.0, reached), 0.0, 1.0))


def base_above(log_quantiles: Array, log_levels: Array) -> Array:
    """Chance of standing above each level, (steps, levels), of quantile functions (steps, 21)."""
    scores = np.stack([interpolate(log_levels, strict(row), SCORES) for row in log_quantiles])
    return np.asarray(ndtr(-scores))


def prepare(log_quantiles: Array, courses: Sequence[Course], *, everywhere: bool = False) -> Mixture:
    """Put base (steps, 21) and effects on grids, at the steps that an effect moves, or at all of them."""
    steps = len(log_quantiles)
    moved = np.any([np.full(steps, everywhere), *(c.moved for c in courses)], axis=0)
    at = np.flatnonzero(moved)
    base = np.array([strict(row) for row in log_quantiles[at]]).reshape(len(at), len(SCORES))
    low, high = (
        np.array([interpolate(np.array([end]), SCORES, row)[0] for row in base]) for end in (-REACH, REACH)
    )
    asked = np.zeros(len(at))
    for course in courses:
        lowest, highest = _span(course, at)
        asked += highest - lowest
    width = np.maximum(np.maximum((high - low) / (BASE_CELLS - 1), asked / EVENT_CELLS), SMALLEST_CELL)
    points = low[:, None] + width[:, None] * np.arange(BASE_CELLS)
    scores = [interpolate(x, row, SCORES) for x, row in zip(points, base, strict=True)]
    reached = ndtr(np.reshape(scores, points.shape))
    reached[:, -1] = 1.0  # the ends hold what is beyond them
    masses = np.diff(reached, axis=1, prepend=0.0)
    return _assemble(at, low, width, masses, courses)


def apart(
    mixture: Mixture, chances: Sequence[float], named: Sequence[int], further: Sequence[Course]
) -> Mixture:
    """The mixture in which only the `named` events and `further` ones are left to ask about.

    Every other event is in its base, at its chance. Only steps that what is left moves are kept. The cells
    stay as they were: a question about further events starts from the same numbers.
    """
    courses = [*(mixture.courses[k] for k in named), *further]
    steps = mixture.steps
    rows = np.flatnonzero(np.any([np.zeros(len(steps), bool), *(c.moved[steps] for c in courses)], axis=0))
    rest = mixture.below([0.0 if k in set(named) else p for k, p in enumerate(chances)], rows)
    inside = np.flatnonzero(((rest > NOTHING) & (rest < 1.0 - NOTHING)).any(axis=0))
    kept = slice(inside[0], inside[-1] + 2) if len(inside) else slice(None)
    masses = np.diff(rest[:, kept], axis=1, prepend=0.0)
    grid = mixture.grid
    low = grid.first[rows] + grid.width[rows] * (kept.start or 0)
    return _assemble(steps[rows], low, grid.width[rows], masses, courses)


def _assemble(steps: Index, low: Array, width: Array, masses: Array, courses: Sequence[Course]) -> Mixture:
    """Base masses (k, n) from `low` on, with room around them for the effects."""
    reaches = [_cells(_span(c, steps), width) for c in courses]
    none = np.zeros(len(steps), np.intp)
    before = int(np.max(sum((-r[0] for r in reaches), none), initial=0))
    after = int(np.max(sum((r[1] for r in reaches), none), initial=0))
    size = masses.shape[1] + before + after
    if size > LARGEST_GRID:
        raise InputError(
            "effect", "one that is far larger than anything this price does", "a price that has moved before"
        )
    size = next_fast_len(size, real=True)
    grid = Grid(first=low - before * width, width=width, size=size)
    placed = np.zeros((len(steps), size))
    placed[:, before : before + masses.shape[1]] = masses
    effects = [_effect(c, steps, reach, grid) for c, reach in zip(courses, reaches, strict=True)]
    return Mixture(
        steps=steps,
        grid=grid,
        base=np.asarray(rfft(placed, axis=1)),
        effects=tuple(effects),
        courses=tuple(courses),
    )


def mix(log_quantiles: Array, courses: Sequence[Course], probabilities: Sequence[float]) -> Array:
    """Log quantiles (steps, 21) of base and effects together. A step that nothing moves comes back as is.

    A base that is not a number somewhere, that of a model without a path here, gives none anywhere.
    """
    if not np.isfinite(log_quantiles).all():
        return np.full(log_quantiles.shape, np.nan)
    certain = [(c, p) for c, p in zip(courses, probabilities, strict=True) if p > 0.0 and c.moved.any()]
    out = log_quantiles.copy()
    if certain:
        mixture = prepare(log_quantiles, [c for c, _ in certain])
        out[mixture.steps] = mixture.quantiles(mixture.below([p for _, p in certain]))
    return out


def _span(course: Course, steps: Index) -> tuple[Array, Array]:
    """Lowest and highest effect at each step, (k,) each, 0 among them: it may not happen."""
    location, ends = course.location[:, steps], course.limit
    sides = [location, location - ends * course.below[:, steps], location + ends * course.above[:, steps]]
    both = np.concatenate([*sides, np.zeros((1, len(steps)))])
    return both.min(axis=0), both.max(axis=0)


def _cells(span: tuple[Array, Array], width: Array) -> tuple[Index, Index]:
    return (
        np.floor(span[0] / width).astype(np.intp) - 1,
        np.ceil(span[1] / width).astype(np.intp) + 1,
    )


def _effect(course: Course, steps: Index, reach: tuple[Index, Index], grid: Grid) -> Spectrum:
    """Transform of one effect given that it happens: hat weights, second differences of E[(x - S)+]."""
    out = np.ones((len(steps), grid.size // 2 + 1), dtype=np.complex128)
    rows = np.flatnonzero(course.moved[steps])
    if not len(rows):
        return out
    first, last = int(reach[0][rows].min()), int(reach[1][rows].max())
    width = grid.width[rows, None]
    x = width * np.arange(first - 1, last + 2)
    total = np.zeros(x.shape)
    for d, share in enumerate(course.shares):
        location, below, above = (
            v[d, steps[rows], None] for v in (course.location, course.below, course.above)
        )
        total += share * _expected_excess(x - location, below, above, course.dof, course.limit)
    placed = np.zeros((len(rows), grid.size))
    placed[:, np.arange(first, last + 1) % grid.size] = np.maximum(np.diff(total, n=2, axis=1) / width, 0.0)
    out[rows] = rfft(placed, axis=1)
    return out


def _expected_excess(x: Array, below: Array, above: Array, dof: float, limit: float) -> Array:
    """E[(x - S)+], (k, n), of an effect around 0; its second derivative is the density of S."""
    table = excess_table(dof, limit)
    # where the effect is taken back, the side below its centre is the one that was above
    back = below + above < 0.0
    left = np.maximum(np.where(back, -above, below), TINY)
    right = np.maximum(np.where(back, -below, above), TINY)
    lower = x < 0.0
    scale = np.where(lower, left, right)
    z = x / scale
    at = np.clip((z + limit) * ((KNOTS - 1) / (2 * limit)), 0.0, KNOTS - 1.0)
    knot = np.minimum(at.astype(np.intp), KNOTS - 2)
    standard = table[knot] + (at - knot) * (table[knot + 1] - table[knot]) + np.maximum(z - limit, 0.0)
    return np.asarray(np.where(lower, 0.0, (left - right) * table[KNOTS // 2]) + scale * standard)


@lru_cache(maxsize=32)
def excess_table(dof: float, limit: float) -> Array:
    """E[(z - T)+] for a Student-t that ends at +-limit, at KNOTS even points from -limit to limit.

    Of the unlimited t it is z F(z) + f(z) (dof + z^2) / (dof - 1); cutting the lower tail takes off its value
    there. Needs dof > 1.
    """
    z = np.linspace(-limit, limit, KNOTS)
    log_density = (
        gammaln((dof + 1) / 2)
        - gammaln(dof / 2)
        - 0.5 * np.log(dof * np.pi)
        - (dof + 1) / 2 * np.log1p(z**2 / dof)
    )
    excess = z * stdtr(dof, z) + np.exp(log_density) * (dof + z**2) / (dof - 1)
    table = np.asarray(excess - excess[0], dtype=np.float64)
    table.setflags(write=False)
    return table
