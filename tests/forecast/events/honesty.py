"""Is the layer honest about real and simulated prices: events that never were, and events left out.

python -m tests.benchmarks.effects        prints both beside the planted effects
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from forecast.events.dummies import columns
from forecast.events.effects import POSTERIOR_DOF, fit_effects
from forecast.events.estimation import estimate_from, measure
from forecast.events.event import Event
from forecast.events.posterior import AVERAGING, NOISE_DOF
from forecast.events.reading import Reading, read_events
from forecast.types import PriceHistory
from tests.forecast.events.makers import history, in_force
from tests.forecast.events.planted import ELEMENTS, noise

PLACEBOS = (
    ("mine-closure", "tighten", {"Dy": "supply", "Tb": "supply"}),
    ("threat", "tighten", {"Dy": "sympathy", "Tb": "sympathy", "Nd": "sympathy"}),
    ("quota", "tighten", {"Nd": "supply", "Dy": "partial"}),
    ("jawboning", "ease", {"Dy": "covered", "Tb": "covered", "Nd": "covered"}),
    ("licence", "tighten", {"Dy": "covered", "Tb": "covered", "Nd": "covered"}),
)
QUIET = timedelta(days=31)  # no real event starts this near a placebo
NAME = "PLACEBO"
WINDOW = 3  # months of an event left out: its own and two more
DRAWS = 20_000


def placebo_events(days: Sequence[date]) -> list[Event]:
    """One of PLACEBOS on each day."""
    return [
        in_force(f"{NAME}{i}", day, instrument=kind, direction=direction, elements=elements)
        for i, (day, (kind, direction, elements)) in enumerate(zip(days, PLACEBOS, strict=True))
    ]


def placebo_hits(
    histories: Sequence[PriceHistory], real: Sequence[Event], days: Sequence[date]
) -> list[bool]:
    """For a placebo on each day, beside the real events: does its 90 % interval leave out 0?

    What is false is "it did nothing", so the placebos are centred on 0; those of the table are not, and an
    interval that leaves out 0 because the prior did would be no finding of the prices.
    """
    known_at = max(h.origin for h in histories).end_time.date()
    readings = read_events([*real, *placebo_events(days)], "cn", known_at)
    centred = [replace(r, mean=0.0) if r.event_id.startswith(NAME) else r for r in readings]
    found = estimate_from(histories, centred)
    assert found is not None
    at = [i for i, name in enumerate(found.event_ids) if name.startswith(NAME)]
    places = len(found.groups) + np.array(at)
    reach = stdtrit(POSTERIOR_DOF, 0.95) * np.sqrt(np.diag(found.covariance)[places])
    return list(np.abs(found.mean[places]) > reach)


def simulated_placebos(runs: int) -> list[bool]:
    """Placebos in price paths without any event; seeds 0 ... runs - 1."""
    out = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 1])
        walks = 7 + np.cumsum(noise(rng), axis=0)
        histories = [history(e, np.exp(walks[:, s])) for s, e in enumerate(ELEMENTS)]
        days = [date(2016, 6, 1) + timedelta(days=int(d)) for d in rng.integers(0, 3500, len(PLACEBOS))]
        out += placebo_hits(histories, (), days)
    return out


def quiet_days(histories: Sequence[PriceHistory], real: Sequence[Event]) -> list[date]:
    """Days within all histories, a year from their ends, with no real event near."""
    last = min(h.origin for h in histories).start_time.date() - timedelta(days=365)
    first = max(h.periods[0] for h in histories).start_time.date() + timedelta(days=183)
    starts = [r.on for r in read_events(real, "cn", last)]
    span = [first + timedelta(days=i) for i in range((last - first).days)]
    return [day for day in span if all(abs(day - start) > QUIET for start in starts)]


def real_placebos(histories: Sequence[PriceHistory], real: Sequence[Event], runs: int) -> list[bool]:
    """Placebos on quiet days of real prices, the real events beside them."""
    days = quiet_days(histories, real)
    out = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 2])
        out += placebo_hits(
            histories, real, [days[i] for i in rng.choice(len(days), len(PLACEBOS), replace=False)]
        )
    return out


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One event in one series, predicted from all others, log units.

    mean, low, high: effect predicted from its type; found: as estimated with all data. change: what the
    price did from before the event to WINDOW months on, less what other events did; change_low, change_high:
    90 % interval of that, the price's own noise in it.
    """

    event_id: str
    series: str
    group: str
    others: int
    mean: float
    low: float
    high: float
    found: float
    change: float
    change_low: float
    change_high: float

    @property
    def held(self) -> bool:
        """Is the full-data estimate inside the predicted interval?"""
        return self.low <= self.found <= self.high

    @property
    def change_held(self) -> bool:
        """Is the actual change inside?"""
        return self.change_low <= self.change <= self.change_high


def leave_one_out(histories: Sequence[PriceHistory], events: Sequence[Event]) -> list[LeftOut]:
    """Each event that prices speak of, predicted from the others, in every series with a quote before it and
    WINDOW months on. Ends of measures without an event of their own stay with their measure."""
    known_at = max(h.origin for h in histories).end_time.date()
    whole = fit_effects(histories, events, known_at)
    out = []
    for estimate in whole.estimates:
        reading = estimate.reading
        if not estimate.informed or ":" in reading.event_id:
            continue
        rest = fit_effects(histories, [e for e in events if e.event_id != reading.event_id], known_at)
        measured, parameters = measure(histories, [r for r in rest.readings if r.certain]), rest.parameters
        assert measured is not None
        assert parameters is not None
        group = parameters.groups.index(reading.group)
        mean = reading.mean + reading.scale * parameters.centres[group]
        spread, dof = reading.scale * parameters.spreads[group], parameters.dofs[group]
        reach = float(stdtrit(dof, 0.95)) * spread
        for s, h in enumerate(histories):
            weight, start = reading.weight(h.key.element), pd.Period(reading.on, h.periods.freqstr)
            quotes = h.periods[np.isfinite(h.y)]
            before, after = quotes[quotes < start], quotes[quotes >= start + WINDOW - 1]
            late = not len(after) or after[0].ordinal - start.ordinal > 2 * WINDOW
            if weight == 0 or not len(before) or late:
                continue
            ends = pd.PeriodIndex([before[-1], after[0]])
            steps = after[0].ordinal - before[-1].ordinal
            moved = weight * float(np.diff(columns([reading], ends)[:, 0])[0])
            known = dict(zip(h.periods, h.log_price, strict=True))
            loadings = np.diff(columns(rest.readings, ends), axis=0) * [r.certain for r in rest.readings]
            (others,), (doubt,), _ = rest.sums(h.key, loadings)
            noise = measured.posterior.noise.sd[s] * np.sqrt(
                (1 + AVERAGING**2) * steps + 2 * AVERAGING * (steps - 1)
            )
            rng = np.random.default_rng(7)
            draws = moved * (mean + spread * rng.standard_t(dof, DRAWS)) + np.hypot(
                noise, doubt
            ) * rng.standard_t(NOISE_DOF, DRAWS)
            low, high = np.quantile(draws, [0.05, 0.95])
            out.append(
                LeftOut(
                    event_id=reading.event_id,
                    series=h.key.unique_id,
                    group=reading.group,
                    others=parameters.members.count(group),
                    mean=mean,
                    low=mean - reach,
                    high=mean + reach,
                    found=estimate.mean,
                    change=known[ends[1]] - known[ends[0]] - others,
                    change_low=float(low),
                    change_high=float(high),
                )
            )
    return out


def factor_ranges(histories: Sequence[PriceHistory], readings: Sequence[Reading]) -> list[str]:
    """What became of each type's factor: 5, 50 and 95 % quantiles, as lines of text."""
    from forecast.events.reading import GROUPS
    from forecast.events.scales import GRID

    found = measure(histories, [r for r in readings if r.certain])
    assert found is not None
    lines = []
    for k, weights in enumerate(found.posterior.scales):
        low, middle, high = np.interp([0.05, 0.5, 0.95], np.cumsum(weights), GRID)
        lines.append(f"  {GROUPS[2 * k]:8s} factor {middle:.2f} [{low:.2f}, {high:.2f}]")
    return lines
