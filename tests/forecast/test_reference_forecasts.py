"""The nine real series as a buyer would get them, and that hindsight moves none of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pandas as pd
import pytest

from data.reference.load import read_catalogue, read_events, read_fx, read_quotes
from forecast.events.event import Event
from forecast.pipeline import PanelRun, run_panel
from forecast.types import Relation

TODAY = date(2026, 11, 24)
NINE = {f"{e}-oxide-{m}" for e in ("dy", "tb", "nd") for m in ("cn", "eu", "fob")}


@cache
def inputs() -> tuple[pd.DataFrame, pd.DataFrame, tuple[Relation, ...]]:
    """Prices, rates and relations of the reference catalogue; the old monthly FOB means are left out."""
    series = {s.series_id: s for s in read_catalogue() if s.series_id in NINE}
    rows = [
        {
            "unique_id": q.series_id,
            "ds": pd.Timestamp(q.ds),
            "y": q.value,
            "element": series[q.series_id].element,
            "market": series[q.series_id].market,
            "currency": series[q.series_id].currency,
            "available_on": q.available_on,
            "low": q.low,
            "high": q.high,
            "source": q.source,
        }
        for q in read_quotes(datetime(2026, 11, 24, tzinfo=UTC))
        if q.series_id in NINE and (series[q.series_id].base_series is None or q.kind == "point")
    ]
    rates = pd.DataFrame(
        [
            {"month": pd.Timestamp(r.month), "currency": r.currency, "per_usd": r.per_usd}
            for r in read_fx(datetime(2026, 11, 24, tzinfo=UTC))
        ]
    ).pivot(index="month", columns="currency", values="per_usd")
    relations = tuple(
        Relation(target=s.series_id, base=s.base_series) for s in series.values() if s.base_series is not None
    )
    return pd.DataFrame(rows), rates.reset_index(), relations


def forecast(known_at: date, events: tuple[Event, ...], horizon: int = 18) -> PanelRun:
    history, fx, relations = inputs()
    return run_panel(
        history, horizon=horizon, freq="MS", events=events, relations=relations, fx=fx, known_at=known_at
    )


@pytest.fixture(scope="module")
def today() -> PanelRun:
    return forecast(TODAY, read_events())


def test_all_nine_are_forecast_eighteen_months_from_today(today: PanelRun) -> None:
    assert not today.failures
    assert {f.key.unique_id for f in today.forecasts} == NINE
    for found in today.forecasts:
        assert str(found.periods[found.lag]) == "2026-12"
        assert str(found.periods[-1]) == "2028-05"
        assert found.lag >= 4


def test_no_forecast_is_absurd(today: PanelRun) -> None:
    for found in today.forecasts:
        name, values = found.key.unique_id, found.values
        assert np.isfinite(values).all(), name
        assert (values > 0).all(), name
        assert (np.diff(values, axis=1) >= 0).all(), name
        median = values[:, 10] / found.last_price
        assert (median > 0.75).all(), name
        assert (median < 1.35).all(), name
        assert (found.mean < 4.0 * values[:, 10]).all(), name
        assert (found.mean > values[:, 10] * 0.97).all(), name


def test_the_fan_has_no_seam_but_at_dated_events(today: PanelRun) -> None:
    """Between months without an event ahead, neither median nor width of China's prices jumps."""
    for found in (f for f in today.forecasts if f.key.market == "cn"):
        median = np.diff(np.log(found.values[:, 10]))
        width = np.log(found.values[:, 18] / found.values[:, 2])
        assert np.abs(median).max() < 0.03, found.key.unique_id
        assert (np.diff(width) > -0.02).all(), found.key.unique_id
        assert np.abs(np.diff(width, 2)[2:]).max() < 0.06, found.key.unique_id


def test_europe_stands_where_its_quotes_stand(today: PanelRun) -> None:
    """Over China incl. VAT, spot in Europe last stood at 4.6 (Dy), 4.4 (Tb) and 1.75-2.0 (Nd)."""
    by_id = {f.key.unique_id: f for f in today.forecasts}
    for element, low, high in (("dy", 3.5, 6.0), ("tb", 3.2, 6.0), ("nd", 1.4, 2.6)):
        china, europe = by_id[f"{element}-oxide-cn"], by_id[f"{element}-oxide-eu"]
        multiple = europe.values[-18, 10] * 6.78 / china.values[-18, 10]
        assert low < multiple < high, element
        licensed = by_id[f"{element}-oxide-fob"].values[-18, 10] * 6.78 / china.values[-18, 10]
        assert 1.0 < licensed < 1.9, element


def test_only_dysprosium_and_terbium_have_the_step_of_april_2025(today: PanelRun) -> None:
    steps = {
        f.key.unique_id: f.details.get("premium_events") for f in today.forecasts if f.key.market == "eu"
    }
    assert steps["dy-oxide-eu"] == steps["tb-oxide-eu"] == ["CN-2025-04-04-NO18"]
    assert steps["nd-oxide-eu"] == []


def test_rewriting_hindsight_moves_no_forecast() -> None:
    """Reaction, shape, signs, status and end as written later, turned upside down: bit for bit the same."""
    day = date(2025, 6, 30)
    events = read_events()
    nonsense = tuple(
        replace(e, description={"status": "never", "dummy": {"shape": "ramp"}, "price_reaction": ["x 10"]})
        for e in events
    )
    for a, b in zip(forecast(day, events, 3).forecasts, forecast(day, nonsense, 3).forecasts, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        assert a.events == b.events


def test_what_became_known_later_moves_no_past_forecast() -> None:
    """Without every event and every change of the life-cycle that came after the day: the same."""
    day = date(2025, 6, 30)
    events = read_events()
    then = tuple(v for v in (e.known_at(day) for e in events) if v is not None)
    assert len(then) < len(events)
    for a, b in zip(forecast(day, events, 3).forecasts, forecast(day, then, 3).forecasts, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
