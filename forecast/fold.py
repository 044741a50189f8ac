"""One cutoff of a run: from what is known on its day, and the fits it may use, to its forecasts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from forecast.assembly import (
    chosen_model,
    draw_shocks,
    price_quantiles,
    series_forecast,
    series_parameters,
    withheld,
)
from forecast.dealing import Deal, here
from forecast.distribution.combination import BENCHMARK
from forecast.distribution.fx import FxPaths
from forecast.errors import ForecastError
from forecast.estimation import Fit, Fits, LostFit, fits_for
from forecast.events.effects import EffectsFit
from forecast.known import Known
from forecast.models import CANDIDATES
from forecast.models.base import Candidate, FitInput
from forecast.models.premium import PremiumFit
from forecast.outside import draw_rates, forecast_outside
from forecast.panel import COMBINATION, Panel, SeriesTask, build_panel
from forecast.parameters import Choice, PremiumParameters, RunParameters
from forecast.periods import available, last_day, period_frequency, steps_between
from forecast.types import Array, PriceHistory, Progress, Relation, SeriesForecast, Step

MONTHLY = "MS"
#: Forecasters of which one speaks for a series. A single candidate is none of them: the best of nine at 24
#: overlapping cutoffs is a winner's curse.
RECIPES = (BENCHMARK, COMBINATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all cutoffs of a run share.

    points: long frame of the series quoted outside China. own_origin: horizons count from each series' own
    last quote, not from the day of the cutoff. models: the candidates; the random walk has to be among them.
    """

    points: pd.DataFrame
    relations: tuple[Relation, ...]
    fx: pd.DataFrame | None
    freq: str
    horizon: int
    quantiles: tuple[float, ...]
    seed: int
    own_origin: bool = False
    models: tuple[Candidate, ...] = CANDIDATES

    @property
    def rule(self) -> str:
        """Period frequency."""
        return period_frequency(self.freq)[0]

    @property
    def season(self) -> int:
        """Periods in a year."""
        return period_frequency(self.freq)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRun:
    """Forecasts of one run, and the series that got none with the reason.

    rates: joint paths of CNY and EUR per USD over all months forecast. by_model: model -> series -> log price
    quantiles at QUANTILES, (steps, 21). effects: what events did, by market. parameters: of the newest run,
    None for a fold of a backtest. histories: on a calendar, as known at `known_at`. recipes, where asked for:
    forecasts by each of RECIPES of every series that it can speak for; withheld: (series, recipe, why not).
    lost: fits of the run that hung, crashed or took too much.
    """

    forecasts: tuple[SeriesForecast, ...]
    failures: tuple[tuple[str, str], ...]
    known_at: date
    seed: int
    rates: FxPaths | None
    by_model: dict[str, dict[str, Array]]
    effects: Mapping[str, EffectsFit]
    histories: tuple[PriceHistory, ...]
    parameters: RunParameters | None
    recipes: Mapping[str, tuple[SeriesForecast, ...]] = field(default_factory=dict)
    withheld: tuple[tuple[str, str, str], ...] = ()
    lost: tuple[LostFit, ...] = ()


def steps_for(setting: Setting, at: Known, history: PriceHistory) -> int:
    """Periods from the last quote to the end of the horizon."""
    if setting.own_origin:
        return setting.horizon
    return setting.horizon + max(steps_between(history.origin, pd.Period(at.day, setting.rule)), 0)


def own_fits(setting: Setting, at: Known, fits: Fits) -> Fits:
    """Those of a run's fits that one cutoff may use, by series and model."""
    return {
        (series, model.name): fits_for(fits, at, series, model, setting.season)
        for series in at.place
        for model in setting.models
    }


def run_fold(
    setting: Setting,
    at: Known,
    fits: Fits,
    *,
    deal: Deal = here,
    progress: Progress | None = None,
    models: bool = False,
    recipes: bool = False,
) -> PanelRun:
    """Forecast every series of one cutoff. fits: of own_fits. models: also give `by_model`; recipes: also
    give `recipes`.

    A series that cannot be forecast is in `failures`.
    """
    inputs = at.inputs(setting.season, setting.seed)
    tasks = [
        series_task(at, h, d, steps_for(setting, at, h), _own(setting, fits, h))
        for h, d in zip(at.histories, inputs, strict=True)
    ]
    panel = build_panel(tasks, season=setting.season, models=setting.models, deal=deal, progress=progress)
    made: dict[tuple[int, str], SeriesForecast] = {}
    silent: list[tuple[str, str, str]] = []
    chosen = [chosen_model(panel, u) for u in range(len(tasks))]
    by_model: dict[str, dict[str, Array]] = {}
    for u, (task, shock) in enumerate(
        zip(tasks, draw_shocks(panel, np.random.default_rng(setting.seed)), strict=True)
    ):
        fit = at.effects.get(task.history.key.market or "")
        name = task.history.key.unique_id
        for recipe in RECIPES if recipes else (chosen[u],):
            if why := withheld(panel, u, recipe):
                silent.append((name, recipe, why))
                continue
            made[u, recipe], terms = series_forecast(
                panel, u, fit, shock, setting.quantiles, setting.horizon, recipe
            )
        for model in panel.paths if models else ():
            values = price_quantiles(panel, u, model, terms)
            if np.isfinite(values).all():
                by_model.setdefault(model, {})[name] = values
        if progress:
            progress(Step(stage="ranges", done=u + 1, total=len(tasks), series=name))
    forecasts = [made[u, recipe] for u, recipe in enumerate(chosen)]
    # a fold of a backtest is scored: nobody reads what its premiums are made of
    rates, outside, failures = forecast_targets(setting, at, forecasts, parts=not models)
    return PanelRun(
        forecasts=_by_name([*forecasts, *(f for f, _ in outside)]),
        failures=tuple(sorted((*at.failures, *failures))),
        known_at=at.day,
        seed=setting.seed,
        rates=rates,
        by_model=by_model,
        effects=at.effects,
        histories=at.histories,
        parameters=None if models else _parameters(at, panel, forecasts, outside),
        recipes=_recipes(setting, at, made, forecasts, [f for f, _ in outside]) if recipes else {},
        withheld=tuple(silent),
    )


def _by_name(forecasts: Sequence[SeriesForecast]) -> tuple[SeriesForecast, ...]:
    return tuple(sorted(forecasts, key=lambda f: f.key.unique_id))


def _recipes(
    setting: Setting,
    at: Known,
    made: Mapping[tuple[int, str], SeriesForecast],
    chosen: Sequence[SeriesForecast],
    outside: Sequence[SeriesForecast],
) -> dict[str, tuple[SeriesForecast, ...]]:
    """Forecasts by each recipe: of the series it speaks for, and of those outside China over them.

    outside: those over the `chosen` ones, which need not be made again.
    """
    details = {f.key.unique_id: f.details for f in outside}  # the premium is the same over either
    found = {}
    for recipe in RECIPES:
        base = [forecast for (_, name), forecast in made.items() if name == recipe]
        over = list(outside)
        if list(map(id, base)) != list(map(id, chosen)):
            _, targets, _ = forecast_targets(setting, at, base)
            over = [replace(f, details=details.get(f.key.unique_id, f.details)) for f, _ in targets]
        found[recipe] = _by_name([*base, *over])
    return found


def _parameters(
    at: Known,
    panel: Panel,
    forecasts: list[SeriesForecast],
    outside: list[tuple[SeriesForecast, PremiumFit]],
) -> RunParameters:
    """What the run estimated and chose, apart from the data."""
    kept = {m: fit.parameters for m, fit in at.effects.items() if fit.parameters is not None}
    return RunParameters(
        effects=kept,
        series={f.key.unique_id: series_parameters(panel, u) for u, f in enumerate(forecasts)},
        choices={f.key.unique_id: Choice(champion=f.champion, weights=f.weights) for f in forecasts},
        premiums={f.key.unique_id: PremiumParameters(walk=fit.walk) for f, fit in outside},
        plain={name: float(row[0]) for name, row in panel.plain.items()},
    )


def _own(setting: Setting, fits: Fits, history: PriceHistory) -> Mapping[str, tuple[Fit, ...]]:
    return {m.name: fits[history.key.unique_id, m.name] for m in setting.models}


def series_task(
    at: Known, history: PriceHistory, data: FitInput, steps: int, fits: Mapping[str, tuple[Fit, ...]]
) -> SeriesTask:
    """What the paths of one series need: its contributions from the effects layer, if events touch it."""
    fit = at.effects.get(history.key.market or "")
    contributions, known_from = np.zeros((len(history.y), 0)), np.zeros(0)
    if fit is not None:
        days, contributions = fit.contributions(history.key, history.periods)
        ends = [last_day(p) for p in history.periods]
        known_from = np.array([bisect_left(ends, d) for d in days], dtype=np.float64)
    return SeriesTask(
        history=history,
        data=data,
        steps=steps,
        events=at.events if fit is not None else (),
        contributions=contributions,
        known_from=known_from,
        fits=fits,
    )


def forecast_targets(
    setting: Setting,
    at: Known,
    forecasts: Sequence[SeriesForecast],
    *,
    parts: bool = False,
    events_at: date | None = None,
    walks: Mapping[str, Array] | None = None,
) -> tuple[FxPaths | None, list[tuple[SeriesForecast, PremiumFit]], list[tuple[str, str]]]:
    """Exchange-rate paths, forecasts outside China with the premiums in them, and failures.

    events_at, walks (by series): as in forecast_outside.
    """
    points = _points(setting, at)
    rates = None
    fx = setting.fx
    if fx is not None and not fx.empty and setting.freq == MONTHLY:
        # a dated quote outside China may be older than the Chinese one: its months count too
        newest = [pd.Period(day, setting.rule) for day in points.groupby("unique_id")["ds"].max()]
        oldest = min([*newest, *(h.origin for h in at.histories)]) + 1
        first = max(oldest, pd.Period(fx["month"].min(), setting.rule))
        months = pd.period_range(first, max(f.periods[-1] for f in forecasts))
        rates = draw_rates(fx, months, at.day, setting.seed)
    found, failures = [], []
    for relation in setting.relations:
        try:
            found.append(
                forecast_outside(
                    relation,
                    points,
                    forecasts,
                    at.histories,
                    at.events,
                    fx,
                    rates,
                    at.day,
                    setting.quantiles,
                    setting.seed,
                    parts=parts,
                    events_at=events_at,
                    walk=(walks or {}).get(relation.target),
                )
            )
        except ForecastError as error:
            failures.append((relation.target, str(error)))
    return rates, found, failures


def _points(setting: Setting, at: Known) -> pd.DataFrame:
    """Dated quotes outside China known at the cutoff."""
    quotes = setting.points.dropna(subset=["y"])
    seen = quotes if setting.own_origin else available(quotes, at.day)
    late = seen["unique_id"].map(lambda u: at.lag.get(u, 0)).to_numpy(int)
    now = pd.Period(at.day, setting.rule).ordinal
    return seen[pd.PeriodIndex(seen["ds"], freq=setting.rule).asi8 <= now - late]
