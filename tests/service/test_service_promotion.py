"""Who is champion: planted contests, rollback, the ladder, any day asked about, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import func, select

from data.store import forecasts as store
from data.store import jobs, record, runs
from data.store.runs import RunProgress
from data.store.tables import forecast
from data.store.tables import promotion as decisions
from service import fitting, forecasting, promotion, scenarios, training
from service.answers import ForecastAnswer, ServedAs
from service.context import Context, open_context
from service.query import make_query
from service.record.score import score_due
from service.refusals import NotYet, Refusal
from service.settings import Settings
from tests.support.record_world import ABOVE, LEVEL, MIXTURE, WALK, at, came, on, run, world
from tests.support.service_world import BASE, OUTSIDE

REASON = "its ranges were too narrow since May"
SILENT = {(BASE, MIXTURE): "the newest price looks like a slip"}


@pytest.fixture
def context(database_url: str) -> Iterator[Context]:
    """The small world, SQLite and PostgreSQL in turn."""
    made = open_context(Settings(database_url=database_url, horizon=6, cutoffs=2, processes=1))
    world(made)
    yield made
    made.engine.dispose()


def read(context: Context, series_id: str = BASE, as_of: date | None = None) -> ForecastAnswer:
    return forecasting.answer(context, series_id, make_query(as_of=as_of))


def speaker(answer: ForecastAnswer) -> str:
    """Which forecaster the numbers are of."""
    ratio = answer.rows[0].median / (LEVEL if answer.series_id == BASE else 75.0)
    return MIXTURE if ratio > (1 + ABOVE) / 2 else WALK


def test_a_challenger_that_wins_is_served_at_once_and_outside_china_with_it(context: Context) -> None:
    run(context, "2026-09-10", 0.0)
    assert [speaker(read(context, name)) for name in (BASE, OUTSIDE)] == [WALK, WALK]
    assert "is not served" in read(context).model.promotion_reason
    second = run(context, "2026-10-10", 0.1)
    for name in (BASE, OUTSIDE):
        found = read(context, name)
        assert (found.run_id, speaker(found)) == (second, MIXTURE)
        assert found.served_as == ServedAs(rung="champion", recipe=MIXTURE, reason="")
    newest = promotion.promotions(context, series_id=BASE)[0]
    assert (newest.outcome, newest.champion, newest.previous) == ("promoted", MIXTURE, WALK)
    assert newest.challenger == MIXTURE
    assert newest.evidence["panel"]["gain"] == pytest.approx(0.1)
    assert "10.0% less pinball loss than the random walk over 24 cutoffs" in newest.reason
    assert {"dm", "dm_p", "chance"} <= set(newest.evidence["panel"])


def test_a_refused_run_is_kept_and_not_served(context: Context) -> None:
    first = run(context, "2026-10-10", -0.05)
    assert speaker(read(context)) == WALK
    with context.engine.connect() as conn:
        kept = store.of_run(conn, first, BASE, MIXTURE)
    assert kept is not None
    assert not kept.served
    assert promotion.promotions(context)[0].outcome == "kept"


def test_the_standing_mixture_stays_until_it_measured_worse(context: Context) -> None:
    run(context, "2026-08-10", 0.1)
    run(context, "2026-09-10", 0.001)
    assert speaker(read(context)) == MIXTURE, "no gain to win by, and no loss"
    run(context, "2026-10-10", -0.001)
    found = read(context)
    assert speaker(found) == WALK
    newest = promotion.promotions(context)[0]
    assert (newest.outcome, newest.champion, newest.previous) == ("promoted", WALK, MIXTURE)
    assert newest.challenger == WALK
    assert found.model.promotion_reason == newest.reason


def test_a_run_that_scored_nothing_changes_nothing(context: Context) -> None:
    run(context, "2026-09-10", 0.1)
    run(context, "2026-10-10", None)
    assert speaker(read(context)) == MIXTURE
    assert "nothing of this series was scored" in promotion.promotions(context)[0].reason


def test_a_champion_that_cannot_speak_falls_to_the_next_rung_and_says_so(context: Context) -> None:
    run(context, "2026-09-10", 0.1)
    run(context, "2026-10-10", 0.1, withheld=SILENT)
    found = read(context)
    assert speaker(found) == WALK
    assert found.served_as.rung == "previous champion"
    assert found.served_as.reason == (
        "run 2 has no forecast by the champion, combination (the newest price looks like a slip),"
        " the previous champion speaks"
    )
    assert promotion.promotions(context)[0].reason == "not decided: the newest price looks like a slip"
    asked = scenarios.answer(context, {"series": [BASE]})
    assert any("the previous champion speaks" in note for note in asked.notes)
    run(context, "2026-11-10", 0.1)
    assert speaker(read(context)) == MIXTURE


def test_where_the_newest_run_could_not_forecast_an_older_one_speaks_and_says_why(
    context: Context,
) -> None:
    run(context, "2026-09-10", 0.0)
    with context.engine.begin() as conn:
        runs.request(conn, requested_at=at("2026-10-10"), reason="made up")
        later = runs.claim(conn, now=at("2026-10-10"), worker="test")
        assert later is not None
        failures = [[BASE, "no price was available by the day asked for"]]
        runs.finish(conn, later, finished_at=at("2026-10-10"), summary={"failures": failures})
    said = read(context).served_as
    assert said.rung == "champion"
    assert said.reason.startswith("run 2 could not forecast it (no price was available")
    assert read(context, as_of=date(2026, 9, 30)).served_as.reason == ""


def test_rollback_is_one_call_and_holds_until_new_months_came(context: Context) -> None:
    run(context, "2026-05-10", 0.0)
    run(context, "2026-06-10", 0.1)
    today = on(context, "2026-06-12")
    found = promotion.rollback(today, BASE, reason=REASON, author="desk")
    assert (found.champion, found.served_as.recipe, found.decision and found.decision.author) == (
        WALK,
        WALK,
        "desk",
    )
    for name in (BASE, OUTSIDE):
        assert speaker(read(today, name)) == WALK
    assert read(today).model.promotion_reason == f"rolled back on 2026-06-12: {REASON}"
    run(context, "2026-06-20", 0.1)
    assert speaker(read(context)) == WALK, "the same evidence must not undo it"
    held = promotion.promotions(context)[0]
    assert held.outcome == "kept"
    assert "was rolled back on 2026-06-12 and asks again after 3 new months of quotes; 0 came" in held.reason
    run(context, "2026-08-20", 0.1)
    assert speaker(read(context)) == WALK
    run(context, "2026-09-20", 0.1)
    assert speaker(read(context)) == MIXTURE, "three months later it may win again"


def test_rollback_refuses_where_there_is_nothing_to_go_back_to(context: Context) -> None:
    with pytest.raises(Refusal, match="one that took the place from another"):
        promotion.rollback(context, BASE, reason=REASON, author="desk")
    run(context, "2026-06-10", 0.1)
    with pytest.raises(Refusal, match=f"{BASE}, whose champion it goes by"):
        promotion.rollback(context, OUTSIDE, reason=REASON, author="desk")
    promotion.rollback(context, BASE, reason=REASON, author="desk")
    with pytest.raises(Refusal, match="one that took the place from another"):
        promotion.rollback(context, BASE, reason=REASON, author="desk")


def test_rolling_back_to_a_recipe_that_the_newest_run_lacks_waits_for_a_run(context: Context) -> None:
    run(context, "2026-06-10", 0.1)
    run(context, "2026-07-10", -0.1, withheld=None)
    run(context, "2026-08-10", 0.0, withheld=SILENT)
    before = promotion.promotions(context)
    with pytest.raises(NotYet, match="none by the previous champion, combination, in the newest run"):
        promotion.rollback(context, BASE, reason=REASON, author="desk")
    assert promotion.promotions(context) == before


def test_who_was_champion_on_a_day_trained_on_what(context: Context) -> None:
    first = run(context, "2026-05-10", 0.0)
    second = run(context, "2026-06-10", 0.1)
    third = run(context, "2026-07-10", 0.1)
    promotion.rollback(on(context, "2026-07-20"), BASE, reason=REASON, author="desk")
    with pytest.raises(NotYet, match="none issued by 2026-05-09"):
        promotion.champion(context, BASE, date(2026, 5, 9))
    told = {
        day: promotion.champion(context, BASE, date.fromisoformat(day))
        for day in ("2026-05-10", "2026-06-30", "2026-07-15", "2026-07-20", "2026-11-01")
    }
    assert [(a.champion, a.trained.run_id) for a in told.values()] == [
        (WALK, first), (MIXTURE, second), (MIXTURE, third), (WALK, third), (WALK, third),
    ]  # fmt: skip
    july = told["2026-07-15"]
    assert july.since == at("2026-06-10"), "it has the place since June, refitted in July"
    assert july.decision is not None
    assert (july.decision.outcome, july.decision.run_id) == ("kept", third)
    assert july.trained.known_at == date(2026, 7, 10)
    assert (july.trained.fingerprint, july.trained.seed) == ("f" * 64, 0)
    assert july.trained.versions == {"ytterby": "0"}
    assert told["2026-07-20"].decision is not None
    assert told["2026-07-20"].decision.reason == REASON
    outside = promotion.champion(context, OUTSIDE, date(2026, 7, 15))
    assert (outside.champion, outside.decided_for) == (MIXTURE, BASE)
    for day, answer in told.items():
        assert speaker(read(context, as_of=date.fromisoformat(day))) == answer.champion


def test_a_worker_whose_run_was_taken_away_promotes_nothing(context: Context) -> None:
    """It finds out as it stores: forecasts, decisions and the end of the run are one transaction."""
    training.request(context, "to be taken away")
    with context.engine.begin() as conn:
        claimed = runs.claim(conn, now=context.clock.now(), worker="the slow one")
    assert claimed is not None
    taken: list[str] = []

    def watcher(told: RunProgress) -> None:
        if told.stage == "scores":  # the last one: nothing is left to do but to store
            with context.engine.begin() as conn:
                assert runs.release(conn, claimed)
            taken.append(told.stage)

    ended = fitting.perform(context, claimed, watcher)
    assert taken == ["scores"]
    assert ended.state == "queued", "another worker will do it"
    with context.engine.connect() as conn:
        counts = [
            conn.execute(select(func.count()).select_from(t)).scalar_one() for t in (forecast, decisions)
        ]
    assert counts == [0, 0]


MONTHS = ("2026-11", "2026-12", "2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06", "2027-07")


def in_service(context: Context, price: float, *, replay: bool = False) -> None:
    """Nine runs of a promoted mixture, and a price for each of their months."""
    for month in MONTHS:
        run(context, f"{month}-10", 0.1, replay=replay)
    for month in MONTHS[1:]:
        came(context, BASE, month, price, recorded="2027-08-02")


def test_a_champion_that_lost_in_service_is_demoted_at_once_and_the_record_says_so(context: Context) -> None:
    in_service(context, LEVEL)
    assert speaker(read(context)) == MIXTURE
    done = score_due(context, now=at("2027-08-03"))
    assert (done.demoted, done.degraded) == ((BASE,), (BASE,))
    found = read(context)
    assert speaker(found) == WALK
    newest = promotion.promotions(context)[0]
    assert (newest.outcome, newest.champion, newest.author) == ("demoted", WALK, "scores in service")
    assert "more pinball loss than the random walk over 8 months" in newest.reason
    assert newest.evidence["overall"]["skill"] < -0.05
    assert found.model.promotion_reason == f"demoted on 2027-08-03: {newest.reason}"
    run(context, "2027-08-10", 0.1)
    assert speaker(read(context)) == WALK, "the backtest that promoted it must not undo it"
    assert score_due(context, now=at("2027-08-11")).demoted == ()


def test_a_series_that_comes_to_be_out_of_band_asks_for_a_run_once(context: Context) -> None:
    in_service(context, LEVEL)
    for _ in range(2):
        score_due(context, now=at("2027-08-03"))
        with context.engine.begin() as conn:
            note = jobs.wanted(conn, jobs.RETRAIN)
    assert note is not None
    assert (note.reason, note.changes) == (f"{BASE} is out of band in service", 1)


def test_a_champion_that_won_in_service_keeps_its_place(context: Context) -> None:
    in_service(context, LEVEL * ABOVE)
    assert score_due(context, now=at("2027-08-03")).demoted == ()
    assert speaker(read(context)) == MIXTURE


def test_replays_take_no_place_from_a_live_champion(context: Context) -> None:
    in_service(context, LEVEL, replay=True)
    done = score_due(context, now=at("2027-08-03"))
    assert done.scores > 0
    assert done.demoted == ()
    shifted = on(context, "2027-08-03")
    assert score_due(shifted, now=at("2027-08-03")).demoted == (BASE,), "a replay judges replays"


def test_how_a_series_does_is_kept_when_it_changes(context: Context) -> None:
    in_service(context, LEVEL * ABOVE)
    score_due(context, now=at("2027-08-03"))
    score_due(context, now=at("2027-08-04"))
    with context.engine.connect() as conn:
        kept = record.newest_health(conn, BASE)[BASE]
    assert kept.judged_at == at("2027-08-03")
    assert kept.content["champion"] == MIXTURE
    assert {(h["first"], h["last"]) for h in kept.content["horizons"]} == {(1, 1), (2, 3), (4, 6)}
