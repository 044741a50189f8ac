"""Use case: why did the forecast change between two runs? Issued again, nothing is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import facts
from data.store import forecasts as store
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.errors import InputError
from forecast.parameters import Choice
from forecast.revision import PARTS, Basis, Change, explain
from forecast.types import Array
from service import catalogue, parameter_facts
from service import inputs as given
from service.answers import BasisAnswer
from service.context import Context
from service.inputs import Inputs
from service.refusals import NotKnown, NotYet, Refusal
from service.standing import BASE_PATHS, kind

_FREQ = "MS"
#: Log difference to the stored median from which a forecast counts as not issued again.
_SAME = 1e-6
COLUMNS = (
    "unique_id",
    "ds",
    "from_run",
    "to_run",
    "old_median",
    "new_median",
    "change_log",
    *(f"{part.replace(' ', '_')}_log" for part in PARTS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAnswer:
    """Which forecast: of one run."""

    run_id: int
    issued_at: datetime
    known_at: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    """One cause: in log median, and as the factor it puts on the price, in per cent."""

    name: str
    log: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One month that both forecasts hold. Prices in the series' own basis; parts sum to change_log."""

    ds: date
    old_median: float
    new_median: float
    change_log: float
    change_percent: float
    parts: tuple[PartAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesAnswer:
    """Why one forecast is not the other, month by month."""

    series_id: str
    title: str
    basis: BasisAnswer
    older: IssueAnswer
    newer: IssueAnswer
    rows: tuple[ChangeRow, ...]
    notice: str | None


def answer(
    context: Context, series_id: str, from_run: int | None = None, to_run: int | None = None
) -> ChangesAnswer:
    """The change of a forecast from one run to another (default: the newest, and the one before it).

    Raises NotKnown (series or run), NotYet (fewer than two forecasts), Refusal (runs whose inputs or
    parameters cannot be read back, or that share no month).
    """
    with context.engine.connect() as conn:
        series = catalogue.find(conn, series_id)
        older, newer = _chosen(conn, series_id, from_run, to_run)
        # each time, also for an answer that is kept: without its inputs (demonstration data) there is none
        known = [_inputs(conn, issued) for issued in (older, newer)]
        notice = catalogue.notice_on(conn)
    forecasts = [(issued.run_id, issued.recipe) for issued in (older, newer)]
    key = ("changes", series_id, *forecasts, *(inputs.fingerprint for inputs in known))
    found = context.cache.get(key, partial(_explained, context, series, (older, newer), known))
    months = [period.start_time.date() for period in found.periods]
    for issued, logs in ((older, found.old), (newer, found.new)):
        _must_be_issued(issued, months, logs)
    return ChangesAnswer(
        series_id=series_id,
        title=series.title,
        basis=catalogue.own_basis(series),
        older=_issue(older),
        newer=_issue(newer),
        rows=tuple(
            _row(month, found.old[k], found.new[k], {name: part[k] for name, part in found.parts.items()})
            for k, month in enumerate(months)
        ),
        notice=notice,
    )


def _explained(
    context: Context,
    series: Series,
    issued: tuple[IssuedForecast, IssuedForecast],
    known: Sequence[Inputs],
) -> Change:
    """What changed, worked out: a second or more."""
    newer = issued[1]
    with context.engine.connect() as conn:
        old, new = (_basis(conn, i, inputs, series) for i, inputs in zip(issued, known, strict=True))
    try:
        return explain(
            old,
            new,
            series.series_id,
            relations=known[1].relations,
            freq=_FREQ,
            horizon=len(newer.periods) - newer.lag,
        )
    except InputError as error:
        raise Refusal(error.field, error.found, error.allowed) from error


def flat_rows(found: ChangesAnswer) -> Iterator[dict[str, object]]:
    """One mapping a month: the CSV form."""
    for row in found.rows:
        yield {
            "unique_id": found.series_id,
            "ds": row.ds,
            "from_run": found.older.run_id,
            "to_run": found.newer.run_id,
            "old_median": row.old_median,
            "new_median": row.new_median,
            "change_log": row.change_log,
            **{f"{part.name.replace(' ', '_')}_log": part.log for part in row.parts},
        }


def _chosen(
    conn: Connection, series_id: str, from_run: int | None, to_run: int | None
) -> tuple[IssuedForecast, IssuedForecast]:
    """The two forecasts, the older first."""
    runs = store.runs_of(conn, series_id)
    for field, wanted in (("from", from_run), ("to", to_run)):
        if wanted is not None and wanted not in runs:
            raise NotKnown(field, wanted, "a run that issued this forecast: " + (_listed(runs) or "none yet"))
    if not runs:
        raise catalogue.no_forecast(conn, series_id, "0 issued")
    if len(runs) < 2:
        raise NotYet(
            "forecast", f"{len(runs)} issued", "two runs to compare: POST /v1/training-runs, or ytterby train"
        )
    newer = to_run if to_run is not None else runs[0]
    before = runs[runs.index(newer) + 1 :]
    if from_run is None and not before:
        raise Refusal("to", newer, f"a run with an earlier one before it: {_listed(runs[:-1])}")
    older = from_run if from_run is not None else before[0]
    if older not in before:
        raise Refusal("from", older, f"a run before run {newer}: {_listed(before) or 'there is none'}")
    found = [store.served_of_run(conn, run_id, series_id) for run_id in (older, newer)]
    if found[0] is None or found[1] is None:
        raise NotKnown("run", f"{older}, {newer}", "runs with a stored forecast")
    return found[0], found[1]


def _listed(runs: tuple[int, ...]) -> str:
    return ", ".join(str(run) for run in sorted(runs)[-20:])


def _inputs(conn: Connection, issued: IssuedForecast) -> Inputs:
    """What the run of a forecast was given. Raises Refusal where it is no longer stored."""
    header = issued.header
    return given.as_given(
        conn, issued.run_id, issued.known_at, header.get("read_at"), header.get("fingerprint")
    )


def _basis(conn: Connection, issued: IssuedForecast, known: Inputs, series: Series) -> Basis:
    """What the forecast of a run stands on."""
    run_id, recipe = issued.run_id, issued.recipe
    parameters = parameter_facts.load(conn, run_id, [s.series_id for s in known.series])
    if parameters is None:
        raise Refusal(f"run {run_id}", "no stored parameters", "a run of this version or later")
    paths, ends, choices = {}, {}, {}
    for name in (series.series_id, *([] if series.base_series is None else [series.base_series])):
        made = store.of_run(conn, run_id, name, recipe)
        kept = facts.load(conn, run_id, kind(BASE_PATHS, recipe), name)
        if made is None or kept is None or kept.numbers is None:
            raise Refusal(f"run {run_id}", f"no forecast of {name}", "a run that forecast it")
        weights = {model: np.asarray(row) for model, row in made.header["weights"].items()}
        choices[name] = Choice(champion=made.header["champion"], weights=weights)
        paths[name] = (pd.Period(made.origin, "M").ordinal, kept.numbers.astype(np.float32))
        ends[name] = pd.Period(made.periods[-1], "M")
    return Basis(
        history=known.history,
        fx=known.fx,
        events=known.events,
        day=issued.known_at,
        ends=ends,
        parameters=replace(parameters, choices=choices),
        paths=paths,
        seed=int(issued.header["seed"]),
    )


def _must_be_issued(issued: IssuedForecast, months: list[date], logs: Array) -> None:
    """Raise Refusal unless the forecast that was issued again is the one that is stored."""
    at = [issued.periods.index(month) for month in months]
    middle = list(issued.quantiles).index(0.5)
    off = float(np.abs(np.log(issued.values[at, middle]) - logs).max())
    if off > _SAME:
        raise Refusal(
            f"run {issued.run_id}",
            f"a forecast that comes out {off:.1e} off in logs when it is issued again",
            "a run of this version of Ytterby and its libraries",
        )


def _issue(issued: IssuedForecast) -> IssueAnswer:
    return IssueAnswer(run_id=issued.run_id, issued_at=issued.issued_at, known_at=issued.known_at)


def _row(month: date, old: float, new: float, parts: Mapping[str, float]) -> ChangeRow:
    return ChangeRow(
        ds=month,
        old_median=float(np.exp(old)),
        new_median=float(np.exp(new)),
        change_log=float(new - old),
        change_percent=_percent(new - old),
        parts=tuple(
            PartAnswer(name=name, log=float(log), percent=_percent(log)) for name, log in parts.items()
        ),
    )


def _percent(log: float) -> float:
    return float(100.0 * np.expm1(log))
