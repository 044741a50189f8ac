"""The face of the package: prices and events in, calibrated forecasts out.

    forecast_panel   long frame of the newest forecast, one row per series and period
    backtest_panel   the same at past cutoffs, for every model and for "champion"
    run_panel        the full result with paths, weights, reports and reasons
    train_panel      run_panel and a Backtest together, sharing their fits

Time: `known_at` is the day whose end bounds every price and event. The period that holds it is step 0;
`horizon` counts the periods after it. Periods between a series' last quote and step 0 are the nowcast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from forecast.dealing import Workers, all_done, dealt_by, here
from forecast.distribution.paths import at_quantiles, quantile_mean
from forecast.errors import InputError
from forecast.estimation import Estimated, Fits, estimate
from forecast.evaluation.exceedance import Exceedance, exceedance
from forecast.events.event import Event
from forecast.fold import PanelRun, Setting, own_fits, run_fold, steps_for
from forecast.known import Known, known_at
from forecast.models import CANDIDATES
from forecast.models.base import Candidate
from forecast.periods import Book, check_history, label, last_day, period_frequency, to_books, to_day
from forecast.types import QUANTILES, Progress, Relation, Step

__all__ = [
    "CHAMPION",
    "Backtest",
    "PanelRun",
    "backtest_panel",
    "forecast_frame",
    "forecast_panel",
    "run_panel",
    "train_panel",
]

CHAMPION = "champion"
#: A cutoff of the backtest does everything but the fits, for every series: it may take so many times as long
#: as one fit.
CUTOFF_PATIENCE = 10


def _check_arguments(horizon: int, quantiles: Sequence[float]) -> tuple[float, ...]:
    if not isinstance(horizon, int | np.integer) or horizon < 1:
        raise InputError("horizon", horizon, "a whole number of steps from 1")
    chosen = tuple(float(q) for q in quantiles)
    if not chosen or list(chosen) != sorted(set(chosen)) or chosen[0] <= 0 or chosen[-1] >= 1:
        raise InputError("quantiles", chosen, "increasing numbers between 0 and 1")
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """What would have been forecast at past cutoffs. rows: frame of backtest_panel; exceedances: of the
    champion, one a cutoff and series."""

    rows: pd.DataFrame
    exceedances: tuple[Exceedance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """A caller's panel, checked. books: prices on a calendar, by series."""

    setting: Setting
    books: tuple[Book, ...]
    events: tuple[Event, ...]

    def known(self, day: date, lag: Mapping[str, int] | None = None) -> Known:
        return known_at(self.books, self.events, day, lag)

    def estimate(
        self, cutoffs: Sequence[Known], executor: Workers, progress: Progress | None = None
    ) -> Estimated:
        steps = max(steps_for(self.setting, at, h) for at in cutoffs for h in at.histories)
        return estimate(
            self.books,
            self.events,
            cutoffs,
            season=self.setting.season,
            steps=steps,
            seed=self.setting.seed,
            models=self.setting.models,
            deal=dealt_by(executor),
            progress=progress,
        )


def _check(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    quantiles: Sequence[float],
    events: Sequence[Event],
    relations: Sequence[Relation],
    fx: pd.DataFrame | None,
    seed: int,
    own_origin: bool,
    models: Sequence[Candidate] = CANDIDATES,
) -> _Panel:
    """Read the arguments that all entries share. Raises InputError."""
    chosen = _check_arguments(horizon, quantiles)
    ids = [e.event_id for e in events]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise InputError("events", f"{twice[0]} twice", "each event once: it would count twice")
    period_frequency(freq)
    history = check_history(history)
    if own_origin:
        history = history.drop(columns="available_on", errors="ignore")
    outside = history["unique_id"].isin([r.target for r in relations])
    setting = Setting(
        points=history[outside],
        relations=tuple(relations),
        fx=fx,
        freq=freq,
        horizon=horizon,
        quantiles=chosen,
        seed=seed,
        own_origin=own_origin,
        models=tuple(models),
    )
    return _Panel(setting=setting, books=tuple(to_books(history[~outside], freq)), events=tuple(events))


def run_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    known_at: date | None = None,
    executor: Workers = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> PanelRun:
    """Forecast every series of a long frame `unique_id, ds, y` (optional element, market, currency,
    available_on) `horizon` periods beyond `known_at`; without it, beyond each series' own last quote.

    events: with their life-cycle; only what was public at `known_at` is used. relations: series quoted
    outside China, modelled as the Chinese price times a premium; needs `fx` (month, CNY, EUR per USD) and
    monthly data.
    executor: fits series in parallel; the numbers do not depend on it. Raises InputError for arguments or
    rows that cannot be used; a series that cannot be forecast is in `failures` with its reason.
    """
    run, _ = train_panel(
        history,
        horizon=horizon,
        freq=freq,
        cutoffs=(),
        quantiles=quantiles,
        events=events,
        relations=relations,
        fx=fx,
        known_at=known_at,
        executor=executor,
        seed=seed,
        progress=progress,
    )
    return run


def train_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    cutoffs: Sequence[date],
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    known_at: date | None = None,
    lag: int | Mapping[str, int] = 0,
    executor: Workers = None,
    seed: int = 0,
    models: Sequence[Candidate] = CANDIDATES,
    progress: Progress | None = None,
    recipes: bool = False,
) -> tuple[PanelRun, Backtest]:
    """run_panel and a backtest of the same panel in one go, so that both share their fits.

    recipes: also forecast by each forecaster that may be served, not only by the one that is chosen here.
    models: the candidates, the random walk among them. The backtest is empty where there is no cutoff with
    two available prices. Raises WorkLost when a cutoff is lost.
    """
    day = to_day(known_at)
    panel = _check(
        history,
        horizon=horizon,
        freq=freq,
        quantiles=quantiles,
        events=events,
        relations=relations,
        fx=fx,
        seed=seed,
        own_origin=day is None,
        models=models,
    )
    ends = [last_day(b.periods[-1]) for b in panel.books if len(b.periods)]
    newest = panel.known(day or max(ends)) if ends else None
    if newest is None or not newest.histories:
        raise InputError("history", "no series with two available prices", "at least one")
    folds = _folds(panel, cutoffs, lag)
    found = panel.estimate([newest, *folds.values()], executor, progress)
    fits = found.fits
    # an executor begins with the folds at once; the newest forecast is made here meanwhile
    runs = _start(panel, folds, fits, executor)
    run = run_fold(
        panel.setting,
        newest,
        own_fits(panel.setting, newest, fits),
        deal=here if folds else dealt_by(executor),
        progress=progress,
        recipes=recipes,
    )
    return replace(run, lost=found.lost), _collect(panel, folds, runs, progress)


def forecast_frame(run: PanelRun, freq: str) -> pd.DataFrame:
    """Horizon rows of a run as the long frame unique_id, ds, mean, q0.025 ... q0.975."""
    frames = []
    for f in run.forecasts:
        columns = {f"q{q:g}": f.values[f.lag :, i] for i, q in enumerate(f.quantiles)}
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f.key.unique_id,
                    "ds": label(f.periods[f.lag :], freq),
                    "mean": f.mean[f.lag :],
                    **columns,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def forecast_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    known_at: date | None = None,
    executor: Workers = None,
    seed: int = 0,
) -> pd.DataFrame:
    """run_panel as a long frame unique_id, ds, mean, q0.025 ...: `horizon` rows a series.

    Raises InputError when a series cannot be forecast: a caller of a frame must not miss one unseen.
    """
    run = run_panel(
        history,
        horizon=horizon,
        freq=freq,
        quantiles=quantiles,
        events=events,
        relations=relations,
        fx=fx,
        known_at=known_at,
        executor=executor,
        seed=seed,
    )
    if run.failures:
        name, why = run.failures[0]
        raise InputError(name, why, "a series that can be forecast; run_panel reports failures instead")
    return forecast_frame(run, freq)


def backtest_panel(
    history: pd.DataFrame,
    *,
    horizon: int,
    freq: str,
    cutoffs: Sequence[date],
    quantiles: Sequence[float] = QUANTILES,
    events: Sequence[Event] = (),
    relations: Sequence[Relation] = (),
    fx: pd.DataFrame | None = None,
    lag: int | Mapping[str, int] = 0,
    executor: Workers = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """What would have been forecast at each cutoff: unique_id, ds, cutoff, model, mean, q0.025 ...

    A cutoff names its period, which is step 0: what was public by the end of that period is
    known. `lag` periods up to the cutoff are withheld as they are late today, by series or for all (0: the
    cutoff's own period is known).
    At each cutoff everything is done again from what was known then: effects, ranges, weights, choice, and
    parameters as a run of that day would have them; so `model == "champion"` is prequential. A row with an
    `available_on` counts from that day on, its own period included. A cutoff before the history begins gives
    no rows, as does a series that could not be forecast at it. executor runs cutoffs in parallel with the
    same numbers.
    """
    panel = _check(
        history,
        horizon=horizon,
        freq=freq,
        quantiles=quantiles,
        events=events,
        relations=relations,
        fx=fx,
        seed=seed,
        own_origin=False,
    )
    folds = _folds(panel, cutoffs, lag)
    if not folds:
        raise InputError(
            "cutoffs", [str(c) for c in cutoffs], "at least one with two available prices before it"
        )
    fits = panel.estimate(list(folds.values()), executor, progress).fits
    return _collect(panel, folds, _start(panel, folds, fits, executor), progress).rows


def _folds(panel: _Panel, cutoffs: Sequence[date], lag: int | Mapping[str, int]) -> dict[date, Known]:
    """What is known at each cutoff that has a series to forecast."""
    names = {b.key.unique_id for b in panel.books} | {r.target for r in panel.setting.relations}
    late = {name: lag if isinstance(lag, int) else lag.get(name, 0) for name in names}
    found = {c: panel.known(last_day(pd.Period(c, panel.setting.rule)), late) for c in cutoffs}
    return {c: at for c, at in found.items() if at.histories}


def _start(panel: _Panel, folds: Mapping[date, Known], fits: Fits, executor: Workers) -> Iterator[PanelRun]:
    """The run of every fold, in the order of the cutoffs. Raises WorkLost where one is lost: figures over
    fewer cutoffs are other figures than those asked for."""
    jobs = [(panel.setting, at, own_fits(panel.setting, at, fits)) for at in folds.values()]
    results = dealt_by(executor)(_run_job, jobs, patience=CUTOFF_PATIENCE)
    return all_done(results, [f"the cutoff {cutoff}" for cutoff in folds])


def _collect(
    panel: _Panel, folds: Mapping[date, Known], runs: Iterator[PanelRun], progress: Progress | None
) -> Backtest:
    """What every fold left, in the order of the cutoffs."""
    frames: list[pd.DataFrame] = []
    exceedances: list[Exceedance] = []
    for cutoff, run in zip(folds, runs, strict=True):
        frames.append(_fold_frame(run, panel.setting).assign(cutoff=pd.Timestamp(cutoff)))
        exceedances += [exceedance(made, cutoff) for made in run.forecasts]
        if progress:
            progress(Step(stage="backtest", done=len(frames), total=len(folds)))
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Backtest(rows=rows, exceedances=tuple(exceedances))


def _run_job(job: tuple[Setting, Known, Fits]) -> PanelRun:
    return run_fold(*job, models=True)


def _fold_frame(run: PanelRun, setting: Setting) -> pd.DataFrame:
    """Champion and every model of one fold, horizon rows only."""
    frames = [forecast_frame(run, setting.freq).assign(model=CHAMPION)]
    for name, found in run.by_model.items():
        for f in run.forecasts:
            if f.key.unique_id in found:
                logs = found[f.key.unique_id][f.lag :]
                values = np.exp(at_quantiles(logs, QUANTILES, setting.quantiles))
                frames.append(
                    pd.DataFrame({f"q{q:g}": values[:, i] for i, q in enumerate(setting.quantiles)}).assign(
                        unique_id=f.key.unique_id,
                        ds=label(f.periods[f.lag :], setting.freq),
                        model=name,
                        mean=quantile_mean(logs, QUANTILES),
                    )
                )
    return pd.concat(frames, ignore_index=True)
