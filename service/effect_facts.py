"""What a run keeps about event effects: one fact a series, from which the service answers without a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.store.facts import Fact
from forecast.events.answers import SeriesEffects
from forecast.events.effects import effects_from
from forecast.events.event import Event
from forecast.events.home import series_effects
from forecast.events.outside import outside_effects
from forecast.events.reading import PREMIUM

if TYPE_CHECKING:
    from forecast.pipeline import PanelRun
    from forecast.types import Relation

KIND = "effects"


def effect_facts(
    run: PanelRun, history: pd.DataFrame, relations: Sequence[Relation], events: Sequence[Event]
) -> list[Fact]:
    """Effects on every series of the run that events can touch: those on a calendar, then outside China.

    history: what the run was given, for the quotes outside China.
    """
    found = {
        h.key.unique_id: series_effects(run.effects[market], h)
        for h in run.histories
        if (market := h.key.market) in run.effects and market is not None
    }
    premiums = effects_from(None, events, PREMIUM, run.known_at)
    made = {f.key.unique_id: f for f in run.forecasts}
    for relation in relations:
        if relation.target in made and relation.base in found:
            rows = history[history["unique_id"] == relation.target].dropna(subset=["y"]).sort_values("ds")
            quotes = [(day.date(), float(y)) for day, y in zip(rows["ds"], rows["y"], strict=True)]
            target = made[relation.target]
            steps = target.details["premium_events"]
            found[relation.target] = outside_effects(
                premiums, target.key, target.events, steps, found[relation.base], quotes
            )
    return [fact(f) for f in found.values()]


def fact(found: SeriesEffects) -> Fact:
    """One series as it is kept. numbers: log price, then effects, lower and upper ends by label, of shape
    (1 + 3 labels, days)."""
    path = found.counterfactual
    content: dict[str, Any] = {
        "known_at": found.known_at.isoformat(),
        "origin": found.origin.start_time.date().isoformat(),
        "price": found.price,
        "events": [asdict(e) | {"on": e.on.isoformat()} for e in found.events],
        "joint": [asdict(j) for j in found.joint],
        "in_price": asdict(found.in_price),
        "labels": list(path.labels),
        "days": [p.start_time.date().isoformat() for p in path.periods],
    }
    numbers = np.concatenate([path.log_price[None], path.effect, path.low, path.high])
    return Fact(kind=KIND, series_id=found.series_id, content=content, numbers=numbers)
