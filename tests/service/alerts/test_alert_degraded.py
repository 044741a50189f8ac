"""A rule on how a series does in service: it fires when scoring finds it out of band."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from data.store import signals
from service import promotion
from service.alerts.evaluate import evaluate
from service.alerts.preview import preview
from service.context import Context, open_context
from service.record.score import score_due
from service.refusals import Refusal
from service.settings import Settings
from tests.support.alerting import arm, endpoint, sent, told
from tests.support.record_world import ABOVE, LEVEL, at, came, on, run, world
from tests.support.service_world import BASE, OUTSIDE

MONTHS = ("2026-11", "2026-12", "2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06", "2027-07")


@pytest.fixture
def desk(database_url: str) -> Iterator[Context]:
    """Nine live runs of a promoted mixture, and one endpoint."""
    context = open_context(Settings(database_url=database_url))
    world(context)
    for month in MONTHS:
        run(context, f"{month}-10", 0.1)
    endpoint(context, "first")
    yield context
    context.engine.dispose()


def scored(context: Context, price: float, day: str) -> None:
    for month in MONTHS[1:]:
        came(context, BASE, month, price, recorded=day)
    score_due(context, now=at(day, 10))


def test_it_fires_when_out_of_band_and_says_where(desk: Context) -> None:
    arm(desk, kind="model.degraded", series_id=BASE, threshold=0.0)
    arm(desk, kind="model.degraded", series_id=OUTSIDE, threshold=0.0)
    evaluate(desk)
    assert told(desk) == []
    scored(desk, LEVEL, "2027-08-02")
    evaluate(desk)
    assert told(desk) == [("alert.firing", "fired")]
    data = sent(desk)[0]["data"]
    assert (data["series_id"], data["rule"]["kind"]) == (BASE, "model.degraded")
    assert data["value"] >= 1.0
    assert "combination: 1 to 36 months ahead" in data["note"]
    assert "more loss than the random walk over 8 months" in data["note"]
    # the random walk has the place by now, and its own forecasts were right
    score_due(desk, now=at("2027-08-03"))
    evaluate(desk)
    assert told(desk)[-1] == ("alert.resolved", "resolved")


def test_it_stays_quiet_where_all_is_well_and_for_replays(database_url: str) -> None:
    context = open_context(Settings(database_url=database_url))
    world(context)
    endpoint(context, "first")
    for month in MONTHS:
        run(context, f"{month}-10", 0.1, replay=True)
    arm(context, kind="model.degraded", series_id=BASE, threshold=0.0)
    shifted = on(context, "2027-08-02")
    scored(shifted, LEVEL, "2027-08-02")
    evaluate(context)
    assert told(context) == [], "a live service does not alert on replays"
    with context.engine.begin() as conn:
        signals.add(conn, kind="rule", subject="1", at=at("2027-08-02"))
    evaluate(shifted)
    assert told(context) == [("alert.firing", "fired")]
    context.engine.dispose()


def test_its_preview_replays_the_judgements(desk: Context) -> None:
    asked = {"name": "degraded", "kind": "model.degraded", "series_id": BASE, "threshold": 0}
    assert preview(desk, asked).notes == ("Nothing has been scored yet, so there is no judgement to replay.",)
    scored(desk, LEVEL, "2027-08-02")
    score_due(desk, now=at("2027-08-03"))
    found = preview(on(desk, "2027-09-01"), asked)
    (row,) = found.rows
    assert (row.on, row.resolved_on) == (date(2027, 8, 2), date(2027, 8, 3))
    assert (found.value_in, found.now and found.now.value, found.beyond_now) == ("horizons", 0.0, False)


@pytest.mark.parametrize("field", ["level", "horizon", "currency"])
def test_what_does_not_belong_to_it_is_refused(desk: Context, field: str) -> None:
    value = {"level": 3.0, "horizon": 3, "currency": "EUR"}[field]
    content = {"name": "x", "kind": "model.degraded", "series_id": BASE, "threshold": 0, field: value}
    with pytest.raises(Refusal, match=r"does not belong to kind model\.degraded"):
        preview(desk, content)


def test_a_rollback_has_rules_on_the_forecast_judged_again(desk: Context) -> None:
    day = date(2027, 12, 1).isoformat()
    for name, threshold in ((BASE, LEVEL * (1 + ABOVE) / 2), (OUTSIDE, 75.0 * (1 + ABOVE) / 2)):
        arm(desk, kind="forecast", series_id=name, on=day, threshold=threshold)
    later = on(desk, "2027-07-11")
    evaluate(later)
    assert told(later) == [("alert.firing", "fired")] * 2
    promotion.rollback(later, BASE, reason="a test", author="desk")
    evaluate(later)
    assert {kind for kind, _ in told(later)[2:]} == {"alert.resolved"}
    assert len(told(later)) == 4
