"""The ledger: scored as prices arrive, on each vintage, once; what it says and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from data.store import forecasts as store
from data.store import prices
from data.store.tables import forecast_score
from data.types import Quote
from forecast.evaluation.metrics import pinball
from forecast.types import SCORED_QUANTILES
from service.context import Context, open_context
from service.record.score import Scored, score_due
from service.record.track import Asked, ledger, track_record
from service.refusals import NotKnown, Refusal
from service.settings import Settings
from tests.support.record_world import LEVEL, MIXTURE, WALK, at, came, run, world
from tests.support.service_world import BASE, OUTSIDE


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """The small world, SQLite and PostgreSQL in turn."""
    made = open_context(Settings(database_url=database_url))
    world(made)
    yield made
    made.engine.dispose()


def score(context: Context, day: str) -> Scored:
    return score_due(context, now=at(day, 10))


def rows(context: Context) -> list[Any]:
    with context.engine.connect() as conn:
        return [
            tuple(r)
            for r in conn.execute(select(forecast_score).order_by(forecast_score.c.forecast_score_id))
        ]


def lines(context: Context, **asked: Any) -> list[dict[str, Any]]:
    return ledger(context, Asked(record="all", **asked), 1000)


def test_a_price_scores_every_forecast_of_its_month_against_the_walk_of_the_same_run(
    context: Context,
) -> None:
    run_id = run(context, "2026-12-10", 0.1)
    assert score(context, "2026-12-30") == Scored(scores=0, revised=0, degraded=(), demoted=())
    came(context, BASE, "2026-12", 520.0, recorded="2027-01-02")
    done = score(context, "2027-01-03")
    assert done.scores == 2, "what was served, and what was not"
    (line,) = lines(context)
    with context.engine.connect() as conn:
        served = store.of_run(conn, run_id, BASE, MIXTURE)
        walk = store.of_run(conn, run_id, BASE, WALK)
    assert served is not None
    assert walk is not None
    k = served.periods.index(date(2026, 12, 1))
    at_scored = [served.quantiles.index(q) for q in SCORED_QUANTILES]
    for name, made in (("pinball", served), ("walk_pinball", walk)):
        expected = pinball(np.array([520.0]), made.values[[k]][:, at_scored], SCORED_QUANTILES)[0]
        assert line[name] == pytest.approx(expected)
    low, high = (served.values[k, served.quantiles.index(q)] for q in (0.1, 0.9))
    assert line["inside_80"] is bool(low <= 520.0 <= high)
    assert (line["step"], line["vintage"], line["recipe"], line["run_id"]) == (0, 1, MIXTURE, run_id)
    assert (line["scale"], line["regime"], line["published_on"]) == (LEVEL, "quiet", date(2027, 1, 1))
    assert line["direction"] is True, "the median stood a tenth above the last price, and the price rose"
    assert score(context, "2027-01-04").scores == 0, "scored once"


def test_a_revision_is_scored_beside_the_first_publication(context: Context) -> None:
    run(context, "2026-11-10", 0.0)
    came(context, BASE, "2026-12", 520.0, recorded="2027-01-02")
    score(context, "2027-01-03")
    first = rows(context)
    came(context, BASE, "2026-12", 480.0, recorded="2027-01-20", known="2027-01-20")
    done = score(context, "2027-01-21")
    assert (done.scores, done.revised) == (2, 2)
    assert rows(context)[: len(first)] == first
    assert [line["actual"] for line in lines(context)] == [520.0]
    assert [line["actual"] for line in lines(context, vintage="latest")] == [480.0]
    assert [line["step"] for line in lines(context)] == [1]


def test_a_late_scoring_still_knows_what_was_published_first(context: Context) -> None:
    """The vintages come from the prices as recorded, not from when somebody looked."""
    run(context, "2026-11-10", 0.0)
    came(context, BASE, "2026-12", 520.0, recorded="2027-01-02")
    came(context, BASE, "2026-12", 480.0, recorded="2027-01-20", known="2027-01-20")
    assert score(context, "2027-02-24").scores == 4
    assert [line["actual"] for line in lines(context)] == [520.0]


def test_replays_are_no_record(context: Context) -> None:
    run(context, "2026-10-10", 0.0, replay=True)
    run(context, "2026-11-10", 0.0)
    came(context, BASE, "2026-12", 520.0, recorded="2027-01-02")
    score(context, "2027-01-03")
    live, replays, both = (
        track_record(context, Asked(record=record)) for record in ("live", "replays", "all")
    )
    assert [found.overall.scored for found in (live, replays, both)] == [1, 1, 2]
    assert [found.issued for found in (live, replays, both)] == [2, 2, 4]
    assert live.since == at("2026-11-10")
    assert any("no record" in note for note in replays.notes)
    assert not any("no record" in note for note in live.notes)


def test_figures_are_of_what_was_served_by_series_market_horizon_and_regime(context: Context) -> None:
    run(context, "2026-11-10", 0.1)
    run(context, "2026-12-10", 0.1)
    for month, value in (("2026-12", 560.0), ("2027-01", 2000.0)):
        came(context, BASE, month, value, recorded="2027-02-05")
    with context.engine.begin() as conn:
        prices.append(conn, [point("2027-01-12", 80.0), point("2027-01-20", 90.0)])
    score(context, "2027-02-06")
    found = track_record(context, Asked())
    groups = {(g.by, g.value): g.figures for g in found.groups}
    assert groups["series", BASE].scored == 3
    assert groups["series", OUTSIDE].scored == 2
    assert {value for by, value in groups if by == "market"} == {"cn", "eu"}
    assert groups["horizon", "1"].scored == 3
    assert groups["horizon", "2-3"].scored == 2
    assert groups["horizon", "nowcast"].scored == 1, "apart: not in the whole"
    assert found.overall.scored == 5
    base = groups["series", BASE]
    assert base.coverage_80 == pytest.approx(1 / 3), "560 held, 2,000 never did"
    assert base.direction == 1.0
    assert base.directions == 3
    assert base.pinball is not None
    assert base.walk_pinball is not None
    assert base.skill == pytest.approx(1 - base.pinball / base.walk_pinball)
    assert base.skill > 0, "the mixture stood nearer to all of them"
    alone = track_record(context, Asked(series_id=OUTSIDE, horizon=1)).overall
    assert alone.scored == 1
    outcome = next(line for line in lines(context, series_id=OUTSIDE) if line["step"] == 1)
    assert outcome["actual"] == pytest.approx(85.0), "the mean of the month's dated quotes"


def point(day: str, value: float) -> Quote:
    ds = date.fromisoformat(day)
    return Quote(
        series_id=OUTSIDE,
        ds=ds,
        value=value,
        available_on=ds,
        recorded_at=at(day),
        source="made up",
        kind="point",
    )


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"series_id": "no-such"}, NotKnown, "no-such"),
        ({"market": "mars"}, Refusal, "one of cn, eu"),
        ({"regime": "loud"}, Refusal, "quiet, control window"),
        ({"vintage": "second"}, Refusal, "first, latest"),
        ({"record": "dreams"}, Refusal, "live, replays, all"),
        ({"horizon": 0}, Refusal, "from 1"),
    ],
)
def test_a_filter_that_matches_nothing_is_refused_by_name(
    context: Context, asked: dict[str, Any], error: type[Refusal], says: str
) -> None:
    with pytest.raises(error, match=says):
        track_record(context, Asked(**asked))


revisions = st.lists(st.tuples(st.integers(10, 12), st.sampled_from([480.0, 500.0, 520.0])), max_size=6)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(revisions, min_size=1, max_size=4))
def test_whatever_arrives_later_no_past_score_changes(steps: list[list[tuple[int, float]]]) -> None:
    context = open_context(Settings(database_url="sqlite:///:memory:"))
    world(context)
    run(context, "2026-11-10", 0.1)
    seen: list[Any] = []
    for k, quotes in enumerate(steps):
        for month, value in quotes:
            came(context, BASE, f"2026-{month:02d}", value, recorded=f"2027-03-{k + 2:02d}")
        score(context, f"2027-03-{k + 2:02d}")
        now = rows(context)
        assert now[: len(seen)] == seen
        keys = [(r.forecast_id, r.step, r.vintage) for r in scored(context)]
        assert len(set(keys)) == len(keys)
        seen = now
    context.engine.dispose()


def scored(context: Context) -> list[Any]:
    with context.engine.connect() as conn:
        return list(conn.execute(select(forecast_score)))
