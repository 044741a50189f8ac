"""What a run leaves in the store beside its own row: put together, stored, and compared when made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import backtests, champions, facts, forecasts
from data.store.champions import Promotion
from data.store.facts import Fact
from data.store.forecasts import FxPaths, IssuedForecast
from forecast.evaluation.exceedance import Exceedance
from forecast.pipeline import PanelRun
from forecast.types import SeriesForecast
from service import exceedance_facts, parameter_facts, standing
from service.effect_facts import effect_facts
from service.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """Forecasts by every recipe, what questions start from, exchange-rate paths, backtest figures.

    bases: series outside China -> the series that it is modelled over. withheld: (series, recipe) -> why
    there is no forecast by it.
    """

    forecasts: tuple[IssuedForecast, ...]
    facts: tuple[Fact, ...]
    rates: FxPaths | None
    scores: pd.DataFrame
    bases: Mapping[str, str]
    withheld: Mapping[tuple[str, str], str]

    @property
    def origins(self) -> dict[str, date]:
        """Month of the newest quote of each series that a champion is chosen for."""
        return {f.series_id: f.origin for f in self.forecasts if f.series_id not in self.bases}

    def served(self, decided: Mapping[str, Promotion], *, replay: bool) -> Results:
        """The same with each forecast marked: is it the one to be read, and why that champion?"""
        recipes: dict[str, list[str]] = {}
        for one in self.forecasts:
            recipes.setdefault(one.series_id, []).append(one.recipe)
        marked = []
        for one in self.forecasts:
            name = one.series_id
            base = self.bases.get(name, name)
            found = champions.rung(name, one.run_id, recipes[name], base, decided.get(base))
            why = {"promotion_reason": decided[name].reason} if name in decided else {}
            marked.append(
                replace(
                    one,
                    header={**one.header, **why},
                    served=found is not None and found.recipe == one.recipe,
                    replay=replay,
                )
            )
        return replace(self, forecasts=tuple(marked))


def results(
    panel: PanelRun,
    exceedances: Sequence[Exceedance],
    scores: pd.DataFrame,
    known: Inputs,
    run_id: int,
    issued_at: datetime,
    stamp: Mapping[str, Any],
) -> Results:
    """From what was fitted to what is kept. stamp: JSON-ready, part of every header."""
    bases = {r.target: r.base for r in known.relations}
    withheld = {(name, recipe): why for name, recipe, why in panel.withheld}
    made = [(recipe, forecast) for recipe, found in panel.recipes.items() for forecast in found]
    kept: list[Fact] = [fact for recipe, f in made for fact in standing.facts_of(f, recipe)]
    kept.append(standing.shocks_of(panel.forecasts, panel.seed))
    kept += effect_facts(panel, known.history, known.relations, known.events)
    if panel.parameters is not None:
        kept += parameter_facts.facts_of(panel.parameters)
    kept += exceedance_facts.facts_of(exceedances)
    issued_forecasts = []
    for recipe, forecast in made:
        base = bases.get(forecast.key.unique_id, forecast.key.unique_id)
        silent = {other: why for (who, other), why in withheld.items() if who == base}
        one = issued(forecast, run_id, issued_at, known.known_at, {**stamp, "withheld": silent})
        issued_forecasts.append(replace(one, recipe=recipe))
    rates = None
    if panel.rates is not None:
        months = [month.start_time.date() for month in panel.rates.periods]
        paths = {name: drawn.astype(np.float32) for name, drawn in panel.rates.rates.items()}
        rates = FxPaths(run_id=run_id, periods=months, paths=paths)
    return Results(
        forecasts=tuple(issued_forecasts),
        facts=tuple(kept),
        rates=rates,
        scores=scores,
        bases=bases,
        withheld=withheld,
    )


def save(conn: Connection, run_id: int, made: Results) -> None:
    """Store all of it. The database refuses a second time."""
    for one in made.forecasts:
        forecasts.save(conn, one)
    if made.rates is not None:
        forecasts.save_fx_paths(conn, run_id, made.rates.periods, made.rates.paths)
    for fact in made.facts:
        facts.save(conn, run_id, fact)
    backtests.save(conn, run_id, made.scores)


def issued(
    made: SeriesForecast, run_id: int, issued_at: datetime, known_at: date, stamp: Mapping[str, Any]
) -> IssuedForecast:
    """A forecast as it is kept: arrays beside a JSON-ready header."""
    return IssuedForecast(
        series_id=made.key.unique_id,
        run_id=run_id,
        issued_at=issued_at,
        known_at=known_at,
        origin=made.origin.start_time.date(),
        lag=made.lag,
        periods=[period.start_time.date() for period in made.periods],
        quantiles=made.quantiles,
        values=made.values,
        mean=made.mean,
        paths=made.paths,
        header=plain(
            {
                "champion": made.champion,
                "promotion_reason": made.promotion_reason,
                "weights": made.weights,
                "reports": [asdict(r) for r in made.reports],
                "calibration": asdict(made.calibration),
                "events": [asdict(e) for e in made.events],
                "caveats": made.caveats,
                "details": made.details,
                "last_price": made.last_price,
            }
            | dict(stamp)
        ),
    )


def plain(value: Any) -> Any:
    """JSON-ready: arrays as lists, mappings as dicts, days as text, numbers that are none as null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
