"""What a run estimated, as it is kept: plain JSON a series, what all series share once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Connection

from data.store import facts
from data.store.facts import Fact
from forecast.estimation import Fit
from forecast.events.parameters import EffectParameters
from forecast.models import PANEL_MODELS
from forecast.models.stored import from_plain, to_plain
from forecast.parameters import KEPT, PremiumParameters, RunParameters, SeriesParameters

PARAMETERS = "parameters"
_SHARED = frozenset(model.name for model in PANEL_MODELS)


def facts_of(found: RunParameters) -> Iterator[Fact]:
    """What a run keeps of its parameters: a fact a series, and one of the whole run."""
    shared: dict[str, tuple[Fit, ...]] = {}
    for name, kept in found.series.items():
        shared |= {model: fits for model, fits in kept.fits.items() if model in _SHARED}
        own = replace(kept, fits={m: f for m, f in kept.fits.items() if m not in _SHARED})
        yield Fact(kind=PARAMETERS, series_id=name, content={"kept": to_plain(own)})
    for name, premium in found.premiums.items():
        yield Fact(kind=PARAMETERS, series_id=name, content={"premium": to_plain(premium)})
    effects = {market: kept.content() for market, kept in found.effects.items()}
    whole = {"effects": effects, "shared": to_plain(shared), "plain": to_plain(found.plain)}
    yield Fact(kind=PARAMETERS, content=whole)


def load(conn: Connection, run_id: int, series: Iterable[str]) -> RunParameters | None:
    """Parameters of a run, of the named series as far as it has them; None for a run that kept none. Choices
    are kept with each forecast, not here."""
    whole = facts.load(conn, run_id, PARAMETERS)
    if whole is None:
        return None
    shared: dict[str, tuple[Fit, ...]] = from_plain(whole.content["shared"], KEPT)
    kept: dict[str, SeriesParameters] = {}
    premiums: dict[str, PremiumParameters] = {}
    for name in series:
        fact = facts.load(conn, run_id, PARAMETERS, name)
        if fact is None:
            continue
        if "premium" in fact.content:
            premiums[name] = from_plain(fact.content["premium"], KEPT)
            continue
        own: SeriesParameters = from_plain(fact.content["kept"], KEPT)
        kept[name] = replace(own, fits={**own.fits, **shared})
    effects = {m: EffectParameters.from_content(c) for m, c in whole.content["effects"].items()}
    plain: dict[str, float] = from_plain(whole.content["plain"], KEPT)
    return RunParameters(effects=effects, series=kept, choices={}, premiums=premiums, plain=plain)
