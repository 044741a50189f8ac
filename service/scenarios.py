"""Use case: what would the price do if. Arithmetic on what a run stored; nothing is fitted or kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from data.store import champions, prices
from data.types import Series
from forecast.distribution.basket import standard_error
from forecast.distribution.branches import Outcome, ask
from forecast.distribution.paths import at_quantiles
from forecast.events.scenario import MOST_SWITCHES, Scenario, Switch, check, switches
from forecast.types import QUANTILES, Array
from service import catalogue
from service.answers import BasisAnswer
from service.context import Context
from service.hypotheses import read_scenario
from service.refusals import NotYet, Refusal, TooLarge
from service.standing import Ready, fallback_notes, ready

MOST_LEVELS = 5
#: Branches x series x months x (quantiles + levels). All six events of one series with every quantile and
#: level of 18 months take 30,000, three events of nine series 34,000.
MOST_CELLS = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """Chances about one level in one month. risen_by, fallen_by: of having stood above, or below it, in some
    month from the issue date on; *_error: their standard errors."""

    level: float
    above: float
    risen_by: float
    risen_by_error: float
    fallen_by: float
    fallen_by_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """One month ahead. change_percent: of the median against the headline's."""

    ds: date
    step: int
    median: float
    change_percent: float
    quantiles: Mapping[str, float]
    levels: tuple[LevelRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeAnswer:
    """Prices in one branch, in the mixture, or in the headline. on: event -> setting of its switch."""

    on: Mapping[str, bool]
    probability: float
    rows: tuple[OutcomeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesScenario:
    """The answer for one series, in its own basis."""

    series_id: str
    title: str
    basis: BasisAnswer
    issued_at: datetime
    run_id: int
    origin: date
    horizon: int
    reached_by: tuple[str, ...]
    headline: OutcomeAnswer
    mixture: OutcomeAnswer
    branches: tuple[OutcomeAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAnswer:
    """A named event: what being on means, and how likely that is."""

    event_id: str
    title: str
    kind: str
    probability: float
    on_means: str
    off_means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioAnswer:
    """A scenario answered. notes: how the numbers are to be read."""

    switches: tuple[SwitchAnswer, ...]
    series: tuple[SeriesScenario, ...]
    notes: tuple[str, ...]
    notice: str | None


def answer(context: Context, content: Mapping[str, Any]) -> ScenarioAnswer:
    """Answer a scenario, given as the checked fields of POST /v1/scenarios.

    Raises NotKnown (series), NotYet (no forecast to start from), InputError (what cannot be asked).
    """
    with context.engine.connect() as conn:
        found = ready(context, conn, _chosen(conn, content.get("series")))
        notice = catalogue.notice_on(conn)
    stated = {e.event_id: e for r in found for e in r.standing.events}
    scenario = read_scenario(content)
    issued_on = max(r.issued.known_at for r in found)
    check(scenario, stated, issued_on, max(_last_day(r) for r in found))
    horizon = _horizon(found, content.get("horizon"))
    levels = _levels(found, content.get("levels") or {})
    quantiles = tuple(content.get("quantiles") or (0.1, 0.25, 0.5, 0.75, 0.9))
    _must_be_bounded(scenario, found, horizon, len(quantiles), levels)
    answers: list[SeriesScenario] = []
    said: list[SwitchAnswer] = []
    for r in found:
        asked = switches(scenario, stated, r.standing.events, r.key, r.origin)
        said = said or [_say(s) for s in asked]
        answers.append(_answer(r, asked, levels.get(r.series.series_id, ()), horizon, quantiles))
    return ScenarioAnswer(
        switches=tuple(said),
        series=tuple(answers),
        notes=(*fallback_notes(found), *_notes(found, bool(levels)), *_without_reach(said, answers)),
        notice=notice,
    )


def _chosen(conn: Connection, names: Sequence[str] | None) -> list[Series]:
    if not names:
        made = champions.all_served(conn)
        found = [s for s in prices.list_series(conn) if s.series_id in made and s.market is not None]
        if not found:
            raise NotYet("forecast", "none", "a stored one: POST /v1/training-runs, or ytterby train")
        return found
    return [catalogue.find(conn, name) for name in dict.fromkeys(names)]


def _last_day(found: Ready) -> date:
    last: date = found.standing.periods[-1].end_time.date()
    return last


def _horizon(found: Sequence[Ready], asked: int | None) -> int:
    stored = min(len(r.issued.periods) - r.issued.lag for r in found)
    horizon = stored if asked is None else asked
    if not 1 <= horizon <= stored:
        raise Refusal("horizon", asked, f"1 to {stored}, the months stored with these forecasts")
    return horizon


def _levels(found: Sequence[Ready], asked: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    known = {r.series.series_id for r in found}
    for name, levels in asked.items():
        field = f"levels.{name}"
        if name not in known:
            raise Refusal(field, name, "a series of this scenario: " + ", ".join(sorted(known)))
        if len(levels) > MOST_LEVELS:
            raise Refusal(field, len(levels), f"at most {MOST_LEVELS} levels a series")
        for level in levels:
            if not (np.isfinite(level) and level > 0):
                raise Refusal(field, level, "a price above 0, in the series' own basis")
    return {name: tuple(levels) for name, levels in asked.items()}


def _must_be_bounded(
    scenario: Scenario,
    found: Sequence[Ready],
    horizon: int,
    quantiles: int,
    levels: Mapping[str, Sequence[float]],
) -> None:
    """Raise TooLarge for an answer that nobody would read, before it is made."""
    events = len(scenario.hypotheses) + len(scenario.edits)
    columns = len(found) * quantiles + sum(map(len, levels.values()))
    cells = 2**events * horizon * columns
    if events and cells > MOST_CELLS:
        raise TooLarge(
            "changes, hypothetical, series, horizon, quantiles, levels",
            f"{2**events} branches x {horizon} months x {columns} quantiles and levels of {len(found)}"
            f" series: {cells:,} numbers",
            f"at most {MOST_CELLS:,}: fewer events, series, months, quantiles or levels",
        )


def _answer(
    found: Ready, asked: Sequence[Switch], levels: Sequence[float], horizon: int, quantiles: tuple[float, ...]
) -> SeriesScenario:
    answered = ask(found.standing, asked, np.log(np.asarray(levels, dtype=np.float64)))
    lag, series = found.issued.lag, found.series
    months = slice(lag, lag + horizon)
    before = answered.headline.quantiles[months, len(QUANTILES) // 2]

    def outcome(it: Outcome) -> OutcomeAnswer:
        logs = at_quantiles(it.quantiles[months], QUANTILES, (0.5, *quantiles))
        moved = np.expm1(logs[:, 0] - before) * 100.0
        values = np.exp(logs)
        return OutcomeAnswer(
            on={s.event_id: on for s, on in zip(asked, it.on, strict=False)},
            probability=it.probability,
            rows=tuple(
                OutcomeRow(
                    ds=found.issued.periods[lag + k],
                    step=k + 1,
                    median=float(values[k, 0]),
                    change_percent=float(moved[k]),
                    quantiles={f"q{q:g}": float(v) for q, v in zip(quantiles, values[k, 1:], strict=True)},
                    levels=_level_rows(it, levels, lag + k, len(found.standing.base_paths)),
                )
                for k in range(horizon)
            ),
        )

    return SeriesScenario(
        series_id=series.series_id,
        title=series.title,
        basis=catalogue.own_basis(series),
        issued_at=found.issued.issued_at,
        run_id=found.issued.run_id,
        origin=found.issued.origin,
        horizon=horizon,
        reached_by=tuple(s.event_id for s in asked if s.on is not None),
        headline=outcome(answered.headline),
        mixture=outcome(answered.mixture),
        branches=tuple(outcome(b) for b in answered.branches),
    )


def _level_rows(it: Outcome, levels: Sequence[float], step: int, draws: int) -> tuple[LevelRow, ...]:
    def error(share: Array, k: int) -> float:
        return float(standard_error(share[step, k], draws))

    return tuple(
        LevelRow(
            level=level,
            above=float(it.above[step, k]),
            risen_by=float(it.risen[step, k]),
            risen_by_error=error(it.risen, k),
            fallen_by=float(it.fallen[step, k]),
            fallen_by_error=error(it.fallen, k),
        )
        for k, level in enumerate(levels)
    )


_MEANINGS = {
    "hypothetical": ("it happens", "it does not happen"),
    "probability": ("it happens", "it does not happen"),
    "cancelled": ("it is cancelled", "it stays as uncertain as stated"),
    "postponed": ("its date moves, its chance stays", "its date stays, and its chance"),
}


def _say(switch: Switch) -> SwitchAnswer:
    on, off = _MEANINGS[switch.kind]
    return SwitchAnswer(
        event_id=switch.event_id,
        title=switch.title,
        kind=switch.kind,
        probability=switch.probability,
        on_means=on,
        off_means=off,
    )


def _without_reach(said: Sequence[SwitchAnswer], answers: Sequence[SeriesScenario]) -> tuple[str, ...]:
    reached = {name for one in answers for name in one.reached_by}
    idle = [s.event_id for s in said if s.event_id not in reached]
    return tuple(f"{name} moves none of the series asked: its branches differ in nothing." for name in idle)


def _notes(found: Sequence[Ready], with_levels: bool) -> tuple[str, ...]:
    said = [
        f"Each branch is one setting of at most {MOST_SWITCHES} named events; all others stay at their stated"
        " chances. The mixture weighs the branches by their probabilities; the headline is what is stored.",
        "Quantiles and the chance of standing above a level are exact for the stored forecast. Nothing was"
        " fitted and nothing is kept.",
    ]
    if with_levels:
        draws = len(found[0].standing.base_paths)
        said.append(
            f"Chances of having crossed by a month come from {draws} joint paths, with their standard error,"
            " and speak of monthly means: within a month a daily price may cross and come back."
        )
    return tuple(said)
