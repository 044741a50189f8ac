"""What becomes of an alert when its rule, a price or an event changes, and what a silence keeps back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from data.store import alerts as store
from data.store import forecasts, rules, runs, signals, silences
from service import events
from service.alerts.evaluate import evaluate
from service.alerts.rules import Rule
from service.alerts.state import AlertState, Observation, Phase, rejudge, step
from service.clock import Clock
from service.context import Context, open_context
from service.settings import Settings
from tests.support.alerting import arm, endpoint, post, sent, told
from tests.support.service_world import BASE, ISSUED, TODAY, answerable, fill, forecast, save_answerable

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
EVENT = "CN-TEST-LICENCE"
HALF = {"stage": "lifted", "on": "2026-11-24", "known_on": "2026-11-24", "probability": 0.5}


@pytest.fixture
def desk(database_url: str) -> Iterator[Context]:
    """The made-up world with one endpoint."""
    context = open_context(Settings(database_url=database_url, today=TODAY))
    fill(context)
    endpoint(context, "first")
    yield context
    context.engine.dispose()


def later(context: Context, **how_long: float) -> Context:
    return replace(context, clock=Clock(shift=context.clock.shift + timedelta(**how_long)))


def state(context: Context, rule_id: int) -> store.Alert:
    with context.engine.connect() as conn:
        (found,) = store.of_rules(conn, [rule_id])
    return found


def history(context: Context, rule_id: int) -> list[tuple[str, str, str, str]]:
    with context.engine.connect() as conn:
        lines = store.history(conn, state(context, rule_id).alert_id)
    return [(line.before, line.after, line.reason, line.notified) for line in reversed(lines)]


def change(context: Context, rule_id: int, version: int, **content: Any) -> None:
    """Put another rule in the place of that version, as the desk does."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        asked = {"name": "made up", "kind": "price", "series_id": BASE} | content
        assert rules.replace(conn, rule_id, version, asked, marks=(), author="test", now=now)
        signals.add(conn, kind="rule", subject=str(rule_id), at=now)
    evaluate(context)


def hush(context: Context, **matches: Any) -> None:
    """A silence of two hours from now."""
    now = context.clock.now()
    with context.engine.begin() as conn:
        silences.add(conn, matches=matches, starts_at=now, ends_at=now + timedelta(hours=2), comment="",
                     author="test", now=now)  # fmt: skip


def pure(**changes: Any) -> Rule:
    given = {"rule_id": 1, "version": 1, "name": "n", "kind": "price", "series_id": "s", "threshold": 100.0}
    return Rule(**given | changes)


def after(rule: Rule, *values: float) -> AlertState:
    state = AlertState()
    for k, value in enumerate(values):
        state = step(state, Observation(key=str(k), value=value, at=NOW), rule).state
    return state


@pytest.mark.parametrize(
    ("changes", "values", "observed", "phase", "streak"),
    [
        ({"for_count": 3}, [101, 101], {"1": 101.0}, Phase.PENDING, 1),  # the first says nothing any more
        ({"for_count": 3}, [101, 101], {}, Phase.INACTIVE, 0),
        ({"for_count": 3}, [101, 101], {"0": 101.0, "1": 101.0}, Phase.PENDING, 2),
        ({"for_count": 2}, [101, 101, 101], {}, Phase.FIRING, 0),
        ({"for_count": 2}, [101, 101, 101], {"2": 99.0}, Phase.RESOLVED, 0),
        ({"for_count": 1, "keep_firing": 3}, [101, 9, 9], {}, Phase.FIRING, 0),
        ({"for_count": 1}, [101, 9], {}, Phase.RESOLVED, 0),
    ],
)
def test_what_is_not_measured_again_is_forgotten_and_does_not_count(
    changes: dict[str, Any], values: list[float], observed: dict[str, float], phase: Phase, streak: int
) -> None:
    asked = pure(**changes)
    again = rejudge(after(asked, *values), asked, observed).state
    assert (again.phase, again.streak) == (phase, streak)
    assert [r.key for r in again.trail] == sorted(observed)


def test_another_currency_is_measured_again_before_it_is_judged(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 800.0))
    evaluate(desk)
    change(desk, rule_id, 1, threshold=300.0, currency="USD", stale_after_days=999)
    assert told(desk) == []  # 800 CNY are not more than 300 USD
    assert history(desk, rule_id) == [("inactive", "inactive", "rule changed", "nothing-new")]
    change(desk, rule_id, 2, threshold=50.0, currency="USD", stale_after_days=999)
    assert told(desk) == [("alert.firing", "revised")]
    (body,) = sent(desk)
    assert body["data"]["value"] == state(desk, rule_id).value
    assert 50 < body["data"]["value"] < 300
    assert "USD per CNY" in body["data"]["note"]


def test_another_level_counts_forecasts_anew(desk: Context) -> None:
    asked: dict[str, Any] = {"kind": "p_cross_by", "horizon": 6, "threshold": 0.3, "for": 2}
    rule_id = arm(desk, series_id=BASE, level=450.0, **asked)
    evaluate(desk)
    assert state(desk, rule_id).state == "pending"
    issued = ISSUED + timedelta(hours=1)
    with desk.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=issued, reason="again")
        mine = runs.claim(conn, now=issued, worker="test")
        assert mine is not None
        made = forecast(BASE, run_id, issued_at=issued, level=500.0)
        forecasts.save(conn, made)
        save_answerable(conn, run_id, [answerable(made, 0.0)])
        runs.finish(conn, mine, finished_at=issued, summary={})
    change(desk, rule_id, 1, level=460.0, **asked)
    assert state(desk, rule_id).state == "pending"  # one forecast beyond the new level, not two
    assert told(desk) == []


def test_what_a_revision_called_off_never_fired(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    assert state(desk, rule_id).fired_at is not None
    post(desk, BASE, (DAY, 800.0))
    evaluate(desk)
    assert state(desk, rule_id).fired_at is None


def test_a_disabled_rule_says_so_and_goes_on_where_it_was(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    change(desk, rule_id, 1, threshold=900.0, enabled=False, stale_after_days=999)
    post(desk, BASE, (DAY + timedelta(days=1), 500.0))
    evaluate(desk)
    assert state(desk, rule_id).state == "firing"
    change(desk, rule_id, 2, threshold=900.0, stale_after_days=999)
    assert history(desk, rule_id) == [
        ("inactive", "firing", "observed", "fired"),
        ("firing", "firing", "rule disabled", "rule-disabled"),
        ("firing", "firing", "rule changed", "nothing-new"),
        ("firing", "resolved", "observed", "resolved"),
    ]


def test_a_rule_that_could_not_be_armed_any_more_stops_no_other(desk: Context) -> None:
    old, new = (arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999) for _ in range(2))
    post(desk, BASE, (DAY, 1000.0))
    change(desk, old, 1, threshold=900.0, recovery=950.0, stale_after_days=999)  # they cross
    assert state(desk, new).state == "firing"
    assert state(desk, old).state == "firing"


def test_what_happened_to_an_event_during_a_silence_is_told_at_its_end(desk: Context) -> None:
    rule_id = arm(desk, kind="event", element="Nd")
    hush(desk, element="Nd")
    for chance in (0.5, 0.7):
        events.add_change(desk, EVENT, HALF | {"probability": chance}, author="test")
        evaluate(desk)
        evaluate(desk)
    assert told(desk) == []
    away = later(desk, hours=3)
    evaluate(away)
    evaluate(away)
    assert told(desk) == [("event.changed", "silence-ended")]
    (body,) = sent(desk)
    assert "50%" in body["data"]["summary"]
    assert "70%" in body["data"]["summary"]
    assert [line[3] for line in history(desk, rule_id)] == ["silenced", "silenced", "silence-ended"]


def test_only_what_time_alone_can_make_due_is_looked_at_again(desk: Context) -> None:
    plain = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    again = arm(desk, series_id=BASE, threshold=900.0, repeat_hours=5, stale_after_days=999)
    quiet = arm(desk, series_id=BASE, threshold=900.0, labels={"team": "a"}, stale_after_days=999)
    hush(desk, team="a")
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    assert [state(desk, r).attention for r in (plain, again, quiet)] == [False, True, True]
    evaluate(later(desk, hours=3))
    assert [state(desk, r).attention for r in (plain, again, quiet)] == [False, True, False]
