"""From a price, a forecast or an event to what is told: on both databases, with real rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event as hook

from data.store import alerts as store
from data.store import endpoints, forecasts, rules, runs, signals, silences
from data.store import events as event_store
from service import events
from service.alerts.evaluate import evaluate
from service.clock import Clock
from service.context import Context, open_context
from service.settings import Settings
from service.webhooks.log import list_deliveries
from tests.support.alerting import arm, endpoint, linked, post, sent, told
from tests.support.service_world import (
    BASE,
    ISSUED,
    OUTSIDE,
    TODAY,
    answerable,
    fill,
    forecast,
    save_answerable,
)

DAY = date(2026, 11, 20)
FIRING, RESOLVED = ("alert.firing", "fired"), ("alert.resolved", "resolved")


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


def history(context: Context, rule_id: int) -> list[tuple[str, str, str]]:
    with context.engine.connect() as conn:
        lines = store.history(conn, state(context, rule_id).alert_id)
    return [(line.before, line.after, line.reason) for line in reversed(lines)]


def test_a_price_fires_once_and_resolves_once(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, recovery=850.0, stale_after_days=999)
    assert evaluate(desk).signals == 1
    assert told(desk) == []
    post(desk, BASE, (DAY, 1000.0))
    assert evaluate(desk).told == 1
    assert evaluate(desk).signals == 0
    post(desk, BASE, (DAY + timedelta(days=1), 870.0))
    evaluate(desk)
    post(desk, BASE, (DAY + timedelta(days=2), 840.0))
    evaluate(desk)
    assert told(desk) == [FIRING, RESOLVED]
    first = sent(desk)[0]
    assert first["data"]["value"] == 1000.0
    assert "2026-11-20" in first["data"]["note"]
    assert {alert for _, alert in linked(desk)} == {state(desk, rule_id).alert_id}
    assert history(desk, rule_id) == [
        ("inactive", "firing", "observed"),
        ("firing", "resolved", "observed"),
    ]


def test_a_revision_calls_off_what_it_caused_and_says_so(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    post(desk, BASE, (DAY, 800.0))
    evaluate(desk)
    assert told(desk) == [FIRING, ("alert.resolved", "revised")]
    assert history(desk, rule_id)[-1] == ("firing", "inactive", "observed, revised")
    assert "after a revision" in sent(desk)[-1]["data"]["summary"]


def test_another_basis_is_converted_at_the_rate_of_the_month_and_says_which(desk: Context) -> None:
    arm(desk, series_id=BASE, threshold=1.0, currency="USD", tax="ex-vat", stale_after_days=999)
    evaluate(desk)
    (body,) = sent(desk)
    note = body["data"]["note"]
    assert "USD per CNY" in note
    assert "VAT of 13%" in note
    assert 40 < body["data"]["value"] < 120


def test_changes_and_premiums_are_observed(desk: Context) -> None:
    change = arm(desk, kind="change", series_id=BASE, threshold=50.0, window_days=90, stale_after_days=999)
    premium = arm(desk, kind="premium", series_id=OUTSIDE, threshold=100.0, stale_after_days=999)
    evaluate(desk)
    post(desk, BASE, (DAY, 2000.0))
    post(desk, OUTSIDE, (DAY, 1000.0))
    evaluate(desk)
    assert state(desk, change).state == "firing"
    assert state(desk, premium).state == "firing"
    (digest,) = sent(desk)
    assert digest["type"] == "alert.digest"
    assert {a["rule"]["rule_id"] for a in digest["data"]["alerts"]} == {change, premium}
    assert "over" in next(a["note"] for a in digest["data"]["alerts"] if a["rule"]["rule_id"] == premium)


def test_a_missing_price_resolves_nothing_and_is_told_once(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=30)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    assert told(desk) == [FIRING]
    away = later(desk, days=40)
    for _ in range(3):
        with away.engine.begin() as conn:
            signals.add_day(conn, away.clock.today(), away.clock.now())
        evaluate(away)
        away = later(away, days=1)
    assert told(desk) == [FIRING, ("series.stale", "stale")]
    assert state(desk, rule_id).state == "firing"
    post(away, BASE, (away.clock.today(), 1000.0))
    evaluate(away)
    assert state(desk, rule_id).stale_since is None
    assert told(desk) == [FIRING, ("series.stale", "stale")]


def test_a_rule_of_kind_stale_counts_days(desk: Context) -> None:
    rule_id = arm(desk, kind="stale", series_id=BASE, threshold=100.0)
    evaluate(desk)
    assert state(desk, rule_id).state == "firing"
    post(desk, BASE, (DAY, 500.0))
    evaluate(desk)
    assert told(desk) == [FIRING, RESOLVED]


def issue(context: Context, level: float) -> int:
    """Another run, with forecasts of both series about a level."""
    issued = ISSUED + timedelta(hours=level)
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=issued, reason="again")
        mine = runs.claim(conn, now=issued, worker="test")
        assert mine is not None
        made = [forecast(name, run_id, issued_at=issued, level=level) for name in (BASE, OUTSIDE)]
        for one in made:
            forecasts.save(conn, one)
            signals.add(conn, kind="forecast", subject=one.series_id, detail={"run_id": run_id}, at=issued)
        save_answerable(conn, run_id, [answerable(one, 0.0) for one in made])
        runs.finish(conn, mine, finished_at=issued, summary={})
    return run_id


def test_a_retrain_that_moves_many_is_one_digest_an_endpoint(desk: Context) -> None:
    second = endpoint(desk, "second")
    asked: dict[str, Any] = {"kind": "p_cross_by", "horizon": 6, "threshold": 0.3}
    own = [arm(desk, series_id=name, level=600.0, **asked) for name in (BASE, OUTSIDE)]
    far = arm(desk, series_id=BASE, level=5000.0, **asked)
    only = arm(desk, series_id=BASE, kind="forecast", threshold=550.0, horizon=3, endpoints=[second])
    evaluate(desk)
    quiet = len(sent(desk))
    issue(desk, 650.0)
    evaluate(desk)
    digests = sent(desk)[quiet:]
    assert [d["type"] for d in digests] == ["alert.digest", "alert.digest"]
    named = [{a["rule"]["rule_id"] for a in d["data"]["alerts"]} for d in digests]
    assert all(set(own) <= found for found in named)
    assert sorted(only in found for found in named) == [False, True]
    assert state(desk, far).state == "inactive"
    assert "monthly mean" in next(a["note"] for a in digests[0]["data"]["alerts"])


def test_forecasts_are_counted_not_hours(desk: Context) -> None:
    given: dict[str, Any] = {"kind": "p_cross_by", "series_id": BASE, "level": 600.0, "horizon": 6}
    rule_id = arm(desk, threshold=0.3, **given | {"for": 2})
    evaluate(desk)
    issue(desk, 650.0)
    evaluate(later(desk, days=20))
    evaluate(later(desk, days=21))
    assert state(desk, rule_id).state == "pending"
    issue(desk, 660.0)
    evaluate(desk)
    assert state(desk, rule_id).state == "firing"


def test_events_that_touch_the_element_are_told(desk: Context) -> None:
    arm(desk, kind="event", element="Nd")
    arm(desk, kind="event", element="Dy")
    evaluate(desk)
    change = {"stage": "lifted", "on": "2026-11-24", "known_on": "2026-11-24", "probability": 0.5}
    events.add_change(desk, "CN-TEST-LICENCE", change, author="test")
    evaluate(desk)
    (body,) = sent(desk)
    assert body["type"] == "event.changed"
    assert "lifted on 2026-11-24 with probability 50%" in body["data"]["summary"]
    with desk.engine.connect() as conn:
        assert event_store.get(conn, "CN-TEST-LICENCE") is not None


def test_silence_keeps_back_and_its_end_tells(desk: Context) -> None:
    arm(desk, series_id=BASE, threshold=900.0, labels={"team": "magnets"}, stale_after_days=999)
    now = desk.clock.now()
    with desk.engine.begin() as conn:
        silences.add(conn, matches={"team": "magnets"}, starts_at=now, ends_at=now + timedelta(hours=2),
                     comment="", author="test", now=now)  # fmt: skip
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    assert told(desk) == []
    evaluate(later(desk, hours=3))
    assert told(desk) == [("alert.firing", "silence-ended")]


def test_repeats_come_when_due_and_stop_when_seen(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, repeat_hours=24, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    evaluate(later(desk, hours=23))
    evaluate(later(desk, hours=25))
    evaluate(later(desk, hours=26))
    assert told(desk) == [FIRING, ("alert.firing", "repeated")]
    with desk.engine.begin() as conn:
        seen = replace(state(desk, rule_id), acknowledged_at=desk.clock.now(), acknowledged_by="me")
        assert store.write(conn, [seen])
    evaluate(later(desk, hours=99))
    assert len(told(desk)) == 2


def test_what_a_disabled_endpoint_missed_is_kept_for_its_recovery(desk: Context) -> None:
    gone = endpoint(desk, "gone")
    with desk.engine.begin() as conn:
        endpoints.disable(conn, gone, reason="made up", now=desk.clock.now())
    arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    assert told(desk, gone) == [FIRING]
    assert {d.state for d in list_deliveries(desk, endpoint_id=gone)} == {"failed"}


def test_a_broken_summary_never_loses_an_alert(desk: Context) -> None:
    broken = ["${nothing} at ${value}", "100 % $", "${value} passed ${threshold}"]
    for text in broken:
        arm(desk, series_id=BASE, threshold=900.0, summary=text, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    (digest,) = sent(desk)
    said = [a["summary"] for a in digest["data"]["alerts"]]
    assert "could not be filled in: it names 'nothing'" in said[0]
    assert "could not be filled in" in said[1]
    assert said[2] == "1,000 passed 900"
    assert all("1,000" in text for text in said)


def test_a_changed_rule_is_judged_again_and_a_disabled_one_is_not(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    evaluate(desk)
    content = {"name": "made up", "kind": "price", "series_id": BASE, "threshold": 1100.0,
               "stale_after_days": 999}  # fmt: skip
    for version, changes in ((1, {}), (2, {"threshold": 900.0, "enabled": False})):
        with desk.engine.begin() as conn:
            now = desk.clock.now()
            assert rules.replace(conn, rule_id, version, content | changes, marks=(), author="t", now=now)
            signals.add(conn, kind="rule", subject=str(rule_id), at=now)
        evaluate(desk)
    assert told(desk) == [FIRING, ("alert.resolved", "revised")]
    assert history(desk, rule_id)[-2:] == [
        ("firing", "inactive", "rule changed, revised"),
        ("inactive", "inactive", "rule disabled"),
    ]


def test_two_at_once_tell_once(desk: Context) -> None:
    for k in range(20):
        arm(desk, series_id=BASE, threshold=900.0 + k, stale_after_days=999)
    post(desk, BASE, (DAY, 1000.0))
    together, failed = threading.Barrier(4), []

    def work() -> None:
        together.wait(20)
        try:
            for _ in range(5):
                evaluate(desk)
        except Exception as error:  # noqa: BLE001 - whatever a worker dies of, the test has to see it
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert told(desk) == [FIRING] * 20


def test_state_and_messages_commit_together_or_not_at_all(desk: Context) -> None:
    rule_id = arm(desk, series_id=BASE, threshold=900.0, stale_after_days=999)
    evaluate(desk)
    post(desk, BASE, (DAY, 1000.0))

    class Lost(Exception):
        """The process dies here."""

    def die(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "INTO delivery" in statement:
            raise Lost

    hook.listen(desk.engine, "before_cursor_execute", die)
    with pytest.raises(Lost):
        evaluate(desk)
    hook.remove(desk.engine, "before_cursor_execute", die)
    assert state(desk, rule_id).state == "inactive"
    assert sent(desk) == []
    assert evaluate(desk).told == 1
    assert told(desk) == [FIRING]
