"""Planted effects: simulate prices with effects drawn from the published prior and see whether the fit's
90 % intervals hold them. Tests run it 40 times; the benchmark may run it 200 times:

    python -m tests.forecast.events.planted 200
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from forecast.events.dummies import columns
from forecast.events.effects import fit_effects
from forecast.events.event import Event
from forecast.events.reading import GROUPS, Reading, read_events
from forecast.events.scales import SCALE, SCALE_DOF
from forecast.events.table import BROAD_TYPES
from forecast.types import Array
from tests.forecast.events.makers import change, event, history, in_force

ELEMENTS = ("Dy", "Nd", "Tb")
SD = (0.05, 0.06, 0.06)
CORRELATION = np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.6], [0.6, 0.6, 1.0]])
MONTHS = 130
NEXT = "the next event"
KINDS = (
    *[("mine-closure", "tighten", "both", {"Dy": "supply", "Tb": "supply"})] * 4,
    *[("threat", "tighten", "both", {"Dy": "sympathy", "Tb": "sympathy", "Nd": "sympathy"})] * 3,
    *[("jawboning", "ease", "both", {"Dy": "covered", "Tb": "covered", "Nd": "covered"})] * 2,
    *[("mine-closure", "ease", "both", {"Dy": "supply", "Tb": "supply"})] * 2,
    *[("quota", "tighten", "both", {"Nd": "supply", "Dy": "partial"})] * 2,
    ("licence", "tighten", "both", {"Dy": "covered", "Tb": "covered"}),
    ("truce", "ease", "both", {"Dy": "partial", "Tb": "partial", "Nd": "technology"}),
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One planted effect and what the fit made of it, log units. event_type is NEXT where prices could not
    see it: what its type predicts is then judged."""

    event_type: str
    truth: float
    prior_mean: float
    mean: float
    low: float
    high: float

    @property
    def held(self) -> bool:
        return self.low <= self.truth <= self.high


def events_of(rng: np.random.Generator) -> tuple[Event, ...]:
    """One event of each of KINDS on a day of its own within the history, and four more that lie ahead."""
    days = rng.choice(3500, size=len(KINDS), replace=False)
    ahead = [
        event(
            f"N{i}",
            date(2026, 10, 1),
            instrument=kind,
            direction=direction,
            side=side,
            elements=elements,
            changes=[change("effective", date(2027, 1, 1), date(2026, 10, 1), 0.5)],
        )
        for i, (kind, direction, side, elements) in enumerate(KINDS[i] for i in (0, 4, 9, 13))
    ]
    past = tuple(
        in_force(
            f"E{i:02d}",
            date(2016, 6, 1) + timedelta(days=int(day)),
            instrument=kind,
            direction=direction,
            side=side,
            elements=elements,
        )
        for i, (day, (kind, direction, side, elements)) in enumerate(zip(days, KINDS, strict=True))
    )
    return (*past, *ahead)


def noise(rng: np.random.Generator) -> Array:
    """Changes (MONTHS, 3): MA(1) of averaged prices, correlated, Student-t with 5 degrees of freedom."""
    factor = np.sqrt(5 / rng.chisquare(5, size=(MONTHS + 1, 1)))
    shocks = rng.standard_normal((MONTHS + 1, 3)) @ np.linalg.cholesky(CORRELATION).T * factor * np.array(SD)
    return np.asarray(shocks[1:] + 0.27 * shocks[:-1])


def draw_truth(rng: np.random.Generator, readings: Sequence[Reading]) -> list[float]:
    """Effects as the prior has them: the scale of each broad type, the centre of each group, each event."""
    tau = {t: SCALE * abs(rng.standard_t(SCALE_DOF)) for t in sorted(set(BROAD_TYPES.values()))}
    centre = {g: np.sqrt(0.5) * rng.standard_t(4) for g in GROUPS}
    return [
        r.mean
        + r.scale * tau[BROAD_TYPES[r.rule.event_type]] * (centre[r.group] + np.sqrt(0.5) * rng.standard_t(4))
        for r in readings
    ]


def planted_run(seed: int) -> list[Recovery]:
    """One simulated market."""
    rng = np.random.default_rng(seed)
    events = events_of(rng)
    known_at = date(2026, 10, 31)
    readings = read_events(events, "cn", known_at)
    truth = draw_truth(rng, readings)
    dummies = columns(readings, pd.period_range("2016-01", periods=MONTHS, freq="M"))
    walks = np.cumsum(noise(rng), axis=0)
    histories = []
    for s, element in enumerate(ELEMENTS):
        weights = np.array([r.weight(element) for r in readings])
        log_price = 7 + walks[:, s] + dummies @ (weights * truth)
        # quotes are missing now and then, as they are in life
        gaps = rng.random(MONTHS) < 0.02
        gaps[[0, -1]] = False
        histories.append(history(element, np.where(gaps, np.nan, np.exp(log_price))))
    fit = fit_effects(histories, events, known_at)
    return [
        Recovery(e.reading.rule.event_type if e.informed else NEXT, t, e.reading.mean, e.mean, e.low, e.high)
        for t, e in zip(truth, fit.estimates, strict=True)
        if e.informed or not e.reading.certain
    ]


def planted(runs: int) -> list[Recovery]:
    """Seeds 0 ... runs - 1."""
    return [r for seed in range(runs) for r in planted_run(seed)]


def summary(runs: int, found: list[Recovery]) -> str:
    """Coverage and error by type, as lines of text."""
    seen = [r for r in found if r.event_type != NEXT]
    held = np.mean([r.held for r in seen])
    lines = [f"{runs} runs, {len(seen)} planted effects, 90 % intervals hold {held:.1%}"]
    for name in sorted({r.event_type for r in found}):
        some = [r for r in found if r.event_type == name]
        error = np.sqrt(np.mean([(r.mean - r.truth) ** 2 for r in some]))
        prior = np.sqrt(np.mean([(r.prior_mean - r.truth) ** 2 for r in some]))
        held = np.mean([r.held for r in some])
        lines.append(
            f"  {name:16s} held {held:.1%} of {len(some)}, error {error:.3f}, of the prior {prior:.3f}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    sys.stdout.write(summary(count, planted(count)))
