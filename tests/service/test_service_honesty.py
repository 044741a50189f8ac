"""What a stored forecast says of the quotes behind it, and what must not come back into the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from data.reference.files import MARK
from data.reference.load import remove_reference
from data.store import forecasts, prices, runs
from forecast.pipeline import PanelRun
from service import fitting, forecasting, inputs
from service.answers import ForecastAnswer, ForecastQuery
from service.context import Context, open_context
from service.refusals import Refusal
from service.settings import Settings
from tests.support.service_world import BASE, ISSUED, MONTHS, OUTSIDE, TODAY, fill, forecast, month, quotes

LATER = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT_ISSUE = ForecastQuery(as_of=ISSUED + timedelta(hours=1))


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    found = open_context(settings)
    fill(found)
    yield found
    found.engine.dispose()


def later(context: Context, ds: date, value: float) -> None:
    quote = next(q for q in quotes() if q.series_id == BASE)
    with context.engine.begin() as conn:
        new = replace(quote, ds=ds, value=value, available_on=LATER.date(), recorded_at=LATER)
        prices.append(conn, [new])


def missing(answer: ForecastAnswer) -> list[str]:
    return [c for c in answer.caveats if "is not in it" in c]


def test_a_newer_quote_is_a_caveat_and_not_the_last_quote(context: Context) -> None:
    before = forecasting.answer(context, BASE, ForecastQuery())
    assert missing(before) == []
    later(context, date(2026, 9, 1), 612.5)
    now = forecasting.answer(context, BASE, ForecastQuery())
    assert now.last_quote == before.last_quote
    said = "recorded after this forecast was issued is not in it: 2026-09-01 612.5; train again."
    assert missing(now) == [f"A quote {said}"]
    outside = forecasting.answer(context, OUTSIDE, ForecastQuery())
    assert missing(outside) == [f"A quote of {BASE} {said}"]


def test_a_correction_is_a_caveat_too(context: Context) -> None:
    before = forecasting.answer(context, BASE, ForecastQuery())
    later(context, month(MONTHS - 1), 400.0)
    now = forecasting.answer(context, BASE, ForecastQuery())
    assert now.last_quote == before.last_quote
    assert "2026-07-01 400;" in missing(now)[0]


def test_an_older_forecast_shows_what_it_knew_and_its_age_then(context: Context) -> None:
    before = forecasting.answer(context, BASE, ForecastQuery()).last_quote
    later(context, month(MONTHS - 1), 400.0)
    then = forecasting.answer(context, BASE, AT_ISSUE)
    assert before is not None
    assert then.last_quote is not None
    assert then.last_quote.value == before.value
    assert before.age_days - then.last_quote.age_days == (TODAY - ISSUED.date()).days
    assert missing(then) == []


def test_a_quote_that_came_while_the_run_was_fitting_is_named(context: Context) -> None:
    made = forecast(BASE, 1, issued_at=LATER + timedelta(minutes=1))
    header = made.header | {"read_at": (LATER - timedelta(minutes=1)).isoformat()}
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=LATER, reason="another")
        forecasts.save(conn, replace(made, header=header, run_id=run_id))
    later(context, date(2026, 9, 1), 612.5)
    assert "2026-09-01 612.5" in missing(forecasting.answer(context, BASE, ForecastQuery()))[0]


def test_a_replay_stands_on_quotes_recorded_after_its_day(context: Context) -> None:
    made = replace(forecast(BASE, 1), issued_at=datetime(2026, 8, 5, tzinfo=UTC), known_at=date(2026, 8, 5))
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=LATER, reason="a replay")
        forecasts.save(conn, replace(made, run_id=run_id))
    query = ForecastQuery(as_of=datetime(2026, 8, 6, tzinfo=UTC))
    found = forecasting.answer(context, BASE, query)
    assert found.last_quote is not None
    assert found.last_quote.ds == month(MONTHS - 1)


def test_a_run_whose_demonstration_data_were_removed_stores_nothing(context: Context) -> None:
    marked = [
        replace(q, source=f"{MARK} made up", recorded_at=ISSUED, value=q.value + 1)
        for q in quotes()
        if q.series_id == BASE
    ]
    with context.engine.begin() as conn:
        prices.append(conn, marked)
        known = inputs.load(conn, TODAY)
        runs.request(conn, requested_at=ISSUED, reason="a test")
        run = runs.claim(conn, now=ISSUED, worker="test")
        remove_reference(conn, LATER)
    assert run is not None
    assert known.demonstration
    empty = PanelRun(
        forecasts=(),
        known_at=TODAY,
        seed=0,
        failures=(),
        rates=None,
        by_model={},
        effects={},
        histories=(),
        parameters=None,
    )
    fitted = fitting.Fitted(
        panel=empty,
        exceedances=(),
        scores=pd.DataFrame(columns=["series_id"]),
        trial=None,
        cutoffs=(),
        seconds=0.0,
    )
    with pytest.raises(Refusal, match="removed while the run was fitting"):
        fitting._store(context, run, known, fitted, ISSUED, {})
    with context.engine.connect() as conn:
        assert forecasts.latest(conn, BASE) is None
        assert runs.get_run(conn, run.run_id).state == "running"  # type: ignore[union-attr]
