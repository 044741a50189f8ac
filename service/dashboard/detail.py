"""The page of one series: everything it shows, gathered in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from service import catalogue, events, forecasting, premium
from service.answers import ForecastAnswer, ForecastQuery, ForecastRow, SeriesAnswer
from service.context import Context
from service.dashboard.chart_events import Figure
from service.dashboard.charts import figure
from service.dashboard.history import shown_quotes
from service.dashboard.overview import STEPS, at_steps
from service.dashboard.timeline import Background, Mark, timeline
from service.premium import PremiumAnswer
from service.refusals import NotKnown, NotYet

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
_LEVELS = "80,95"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What the page of a series shows. weights: model -> its share at each of `steps`, the largest first;
    premium: of a series outside China, with its rows of the last quote; links: addresses of the same figures
    at the API."""

    series: SeriesAnswer
    answer: ForecastAnswer
    ahead: tuple[ForecastRow, ...]
    marks: tuple[Mark, ...]
    background: tuple[Background, ...]
    weights: tuple[tuple[str, tuple[float, ...]], ...]
    chart: Figure
    premium: PremiumAnswer | None
    premium_rows: tuple[Mapping[str, Any], ...]
    links: Mapping[str, str]


def detail(context: Context, series_id: str, query: ForecastQuery) -> Detail:
    """Everything on the page of one series. Raises NotKnown (also for yearly figures, which are never
    forecast), NotYet, Refusal as the API does."""
    series = catalogue.get_series(context, series_id)
    if series.frequency == "annual":
        raise NotKnown(
            "forecast of", series_id, "a series of monthly or dated quotes; yearly figures are shown only"
        )
    answer = forecasting.answer(context, series_id, query)
    quotes = shown_quotes(context, series_id, query)
    known = [found.event for found in events.list_events(context, known_by=answer.known_at)]
    marks, background = timeline(
        known, answer.events, element=series.element, market=series.market, known_at=answer.known_at
    )
    over_china = _premium(context, series)
    ahead = tuple(row for row in at_steps(answer.rows, STEPS) if row is not None)
    return Detail(
        series=series,
        answer=answer,
        ahead=ahead,
        marks=marks,
        background=background,
        weights=weights_at(answer, ahead),
        chart=figure(answer, quotes, marks, background),
        premium=over_china,
        premium_rows=() if over_china is None else tuple(premium.rows(over_china.path[-1])),
        links=links(series_id, query),
    )


def _premium(context: Context, series: SeriesAnswer) -> PremiumAnswer | None:
    """What the premium is made of; None in China, and where the stored forecast does not say."""
    if series.base_series is None:
        return None
    try:
        return premium.answer(context, series.series_id)
    except NotYet:
        return None


def weights_at(
    answer: ForecastAnswer, ahead: tuple[ForecastRow, ...]
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """The share of each model in these rows; one with less than half a per cent everywhere is left out."""
    at = [row.step - 1 + answer.lag for row in ahead]
    shares = {name: tuple(w[k] for k in at) for name, w in answer.model.weights.items()}
    kept = [(name, found) for name, found in shares.items() if found and max(found) >= 0.005]
    return tuple(sorted(kept, key=lambda pair: (-sum(pair[1]), pair[0])))


def links(series_id: str, query: ForecastQuery) -> dict[str, str]:
    """Where the API gives the same figures, in the same basis."""
    basis = {"currency": query.currency, "unit": query.unit, "tax": query.tax}
    asked = {name: value for name, value in basis.items() if value is not None}
    forecast = f"/v1/series/{series_id}/forecast"
    quotes = f"/v1/series/{series_id}/observations"
    return {
        "forecast_csv": f"{forecast}?{urlencode({'level': _LEVELS, **asked, 'format': 'csv'})}",
        "forecast_json": f"{forecast}?{urlencode({'level': _LEVELS, **asked})}",
        "quotes_csv": f"{quotes}?format=csv",
        "quotes_json": quotes,
    }
