"""Use case: make a run again from what it was given, and compare every number that it stored.

Bit for bit with the same versions on the same interpreter and processor family; elsewhere within ELSEWHERE,
and single precision within a step of its own. Nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data.store import backtests, champions, facts, forecasts
from data.store.facts import Fact
from data.store.forecasts import FxPaths, IssuedForecast
from forecast.distribution.combination import BENCHMARK
from forecast.types import Array
from service import fitting, training
from service import inputs as given
from service.context import Context
from service.pace import Pace
from service.refusals import Refusal
from service.results import plain, results
from service.startup import Watcher
from service.version import library_versions, machine

#: Largest relative difference elsewhere, and of single precision, which rounds at 6e-8.
ELSEWHERE, SINGLE = 1e-8, 1.2e-7
_HEADER = (
    "champion",
    "weights",
    "reports",
    "events",
    "calibration",
    "caveats",
    "details",
    "last_price",
    "withheld",
)
_SMALL = 1e-12  # below it differences are absolute: a rounded zero is no other number


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One stored thing: how many numbers it holds, and how far the farthest is off (inf: another shape)."""

    name: str
    numbers: int
    off: float
    allowed: float

    @property
    def same(self) -> bool:
        """Is it within what is allowed?"""
        return self.off <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """differing: parts beyond what is allowed, the farthest first. changed: (what, of the run, here) of every
    version that is another one. exact: had it to be bit for bit?"""

    run_id: int
    known_at: date
    parts: int
    numbers: int
    largest: float
    where: str
    exact: bool
    changed: tuple[tuple[str, str, str], ...]
    differing: tuple[Part, ...]

    @property
    def same(self) -> bool:
        """Did it come out as it was stored?"""
        return not self.differing


def reproduce(context: Context, run_id: int, watcher: Watcher) -> Reproduced:
    """Fit a run again with its inputs, seed, horizon and cutoffs, and compare. watcher: called with progress.

    Raises NotKnown (no such run), Refusal (a run that did not end well, that lost fits, or whose inputs or
    forecasts are no longer stored).
    """
    run = training.get_run(context, run_id)
    field, summary = f"run {run_id}", run.summary or {}
    if run.state != "done":
        raise Refusal(field, run.state, "a run that ended well")
    if "read_at" not in summary:
        raise Refusal(field, "no instant at which it read its inputs", "a run of a version that kept it")
    if lost := summary.get("lost"):
        raise Refusal(field, f"{len(lost)} fits that were lost to limits", "one whose fits all ended")
    known_at = date.fromisoformat(summary["known_at"])
    with context.engine.connect() as conn:
        known = given.as_given(conn, run_id, known_at, summary["read_at"], summary["fingerprint"])
        stored = forecasts.all_of_run(conn, run_id)
    if not stored:
        raise Refusal(field, "no stored forecast", "one whose forecasts are still stored")
    settings = context.settings.model_copy(
        update={
            "horizon": len(stored[0].periods) - stored[0].lag,
            "cutoffs": max(len(summary["cutoffs"]), 1),
            "seed": summary["seed"],
        }
    )
    pace = Pace(summary.get("stages"))
    fitted = fitting.fit(
        known,
        replace(context, settings=settings),
        lambda step: watcher(pace.progress(step, time.perf_counter())),
    )
    made = results(fitted.panel, fitted.exceedances, fitted.scores, known, run_id, stored[0].issued_at, {})
    with context.engine.connect() as conn:
        before = _tree(
            stored,
            facts.all_of_run(conn, run_id),
            forecasts.latest_fx_paths(conn, run_id),
            backtests.load(conn, run_id),
        )
        decided = [p for p in champions.history(conn, run_id=run_id) if p.outcome in ("kept", "promoted")]
    again = _tree(made.forecasts, made.facts, made.rates, made.scores)
    for decision in decided:
        if fitted.trial is not None and decision.challenger is not None:
            champion = decision.champion if decision.outcome == "kept" else decision.previous
            judged = fitted.trial.judge(decision.series_id, champion or BENCHMARK)
            name = f"{decision.series_id}/decision"
            again[name] = plain(judged.evidence)
            before[name] = {key: decision.evidence.get(key) for key in judged.evidence}
    changed = tuple(_changed(summary))
    exact = not changed and "machine" in summary
    parts = tuple(_part(name, before.get(name), again.get(name), exact) for name in sorted({*before, *again}))
    farthest = max(parts, key=lambda part: part.off)
    return Reproduced(
        run_id=run_id,
        known_at=known_at,
        parts=len(parts),
        numbers=sum(part.numbers for part in parts),
        largest=farthest.off,
        where=farthest.name,
        exact=exact,
        changed=changed,
        differing=tuple(sorted((p for p in parts if not p.same), key=lambda p: -p.off)),
    )


def _changed(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Versions, interpreter and processor that are not those of the run."""
    before = {**summary.get("versions", {}), **summary.get("machine", {})}
    here = {**library_versions(), **machine()}
    for name in sorted({*before, *here}):
        was, now = str(before.get(name, "not stored")), str(here.get(name, "none"))
        if was != now:
            yield name, was, now


def _tree(
    issued: Iterable[IssuedForecast], kept: Iterable[Fact], rates: FxPaths | None, scores: pd.DataFrame
) -> dict[str, Any]:
    """What a run left, as arrays and plain JSON by name."""
    found: dict[str, Any] = {}
    for one in issued:
        name = f"{one.series_id}/{one.recipe}"
        found |= {f"{name}/{array}": getattr(one, array) for array in ("values", "mean", "paths")}
        found[f"{name}/header"] = {key: plain(one.header.get(key)) for key in _HEADER}
    for fact in kept:
        name = f"{fact.series_id or 'run'}/{fact.kind}"
        found[f"{name}/content"] = plain(fact.content)
        if fact.numbers is not None:
            found[f"{name}/numbers"] = fact.numbers
    for currency, paths in (rates.paths if rates else {}).items():
        found[f"rates/{currency}"] = paths
    for row in scores[list(backtests.COLUMNS)].astype(object).to_dict("records"):
        figures = {key: None if pd.isna(row[key]) else row[key] for key in ("value", "low", "high", "n")}
        step = "all" if pd.isna(row["step"]) else int(row["step"])
        found[f"backtest/{row['series_id']}/{row['model']}/{row['metric']}/{step}"] = plain(figures)
    return found


def _part(name: str, before: Any, again: Any, exact: bool) -> Part:
    single = isinstance(before, np.ndarray) and before.dtype == np.float32
    numbers, off = _off(before, again)
    return Part(
        name=name, numbers=numbers, off=off, allowed=0.0 if exact else SINGLE if single else ELSEWHERE
    )


def _off(before: Any, again: Any) -> tuple[int, float]:
    """(numbers compared, largest relative difference); inf for another shape, word or kind. Durations are no
    results."""
    if isinstance(before, np.ndarray) or isinstance(again, np.ndarray):
        if not (isinstance(before, np.ndarray) and isinstance(again, np.ndarray)):
            return 0, np.inf
        if before.shape != again.shape:
            return before.size, np.inf
        return before.size, _farthest(before.astype(np.float64), again.astype(np.float64))
    if isinstance(before, Mapping) and isinstance(again, Mapping):
        if before.keys() != again.keys():
            return len(before), np.inf
        return _worst(_off(before[key], again[key]) for key in before if key != "seconds")
    if isinstance(before, list) and isinstance(again, list):
        if len(before) != len(again):
            return len(before), np.inf
        return _worst(map(_off, before, again))
    numeric = [isinstance(value, int | float) and not isinstance(value, bool) for value in (before, again)]
    if all(numeric):
        return 1, _farthest(np.array([float(before)]), np.array([float(again)]))
    return int(numeric[0]), 0.0 if before == again else np.inf


def _worst(found: Iterable[tuple[int, float]]) -> tuple[int, float]:
    each = list(found)
    return sum(count for count, _ in each), max((off for _, off in each), default=0.0)


def _farthest(before: Array, again: Array) -> float:
    """Of two arrays of one shape; where both are NaN they agree."""
    if not before.size or np.array_equal(before, again, equal_nan=True):
        return 0.0
    if (np.isnan(before) != np.isnan(again)).any():
        return np.inf
    size = np.maximum(np.maximum(np.abs(before), np.abs(again)), _SMALL)
    return float(np.nanmax(np.abs(before - again) / size))
