"""The schemas of webhooks in the API description hold for the bytes that are sent, of every type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import jsonschema_rs
import pytest

from data.store import endpoints, signals
from data.store.deliveries import Attempt, Claimed
from service import events
from service.alerts.evaluate import evaluate
from service.alerts.notify import Reason
from service.alerts.rules import BY_NAME, SEVERITIES
from service.alerts.state import Phase
from service.api.schemas.alerts import KindName, SeverityName, StateName
from service.api.schemas.messages import ReasonName
from service.app import create_app
from service.clock import Clock
from service.context import Context, open_context
from service.settings import Settings
from service.webhooks import deliver
from service.webhooks.endpoints import send_test
from service.webhooks.formats import LIMIT_BYTES
from tests.support.alerting import arm, endpoint, post, sent
from tests.support.service_world import BASE, OUTSIDE, fill

DAY = date(2026, 11, 20)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Context]:
    context = open_context(settings)
    fill(context)
    endpoint(context, "first")
    yield context
    context.engine.dispose()


@pytest.fixture
def described(desk: Context) -> dict[str, Any]:
    return create_app(context=desk).openapi()


def check(described: dict[str, Any], body: dict[str, Any]) -> None:
    """Raises where a body is not what the description says of its type."""
    operation = described["webhooks"][body["type"]]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    whole["components"] = described["components"]
    jsonschema_rs.validate(whole, body, validate_formats=True)


def everything(context: Context) -> None:
    """Something to tell of every type, one after the other."""
    rule = arm(context, series_id=BASE, threshold=900.0, stale_after_days=30, labels={"team": "magnets"})
    post(context, BASE, (DAY, 1000.0))
    evaluate(context)
    post(context, BASE, (DAY + timedelta(days=1), 800.0))
    evaluate(context)
    assert rule
    arm(context, kind="event", element="Nd")
    change = {"stage": "lifted", "on": "2026-11-24", "known_on": "2026-11-24", "probability": 0.5}
    events.add_change(context, "CN-TEST-LICENCE", change, author="test")
    evaluate(context)
    away = replace(context, clock=Clock(shift=context.clock.shift + timedelta(days=40)))
    with away.engine.begin() as conn:
        signals.add_day(conn, away.clock.today(), away.clock.now())
    evaluate(away)
    for name in (BASE, OUTSIDE):
        arm(context, kind="p_cross_by", series_id=name, level=10.0, horizon=6, threshold=0.3)
    evaluate(context)
    with context.engine.connect() as conn:
        (first,) = endpoints.list_(conn)
    send_test(context, first.endpoint_id)
    second = endpoint(context, "second")
    number = send_test(context, second)
    gone = Attempt(number=1, started_at=context.clock.now(), milliseconds=1.0, outcome="failed", status=410,
                   error="status 410", answer=None)  # fmt: skip
    claimed = Claimed(delivery_id=number, claims=0, message_id="msg_x", body=b"", failures=0,
                      endpoint_id=second, endpoint_name="second", url="", format="standard",
                      secret="")  # fmt: skip
    deliver.record(context, [deliver.ended(claimed, gone, context.clock.now())])


def test_every_type_that_is_sent_is_described_and_nothing_else(
    desk: Context, described: dict[str, Any]
) -> None:
    everything(desk)
    bodies = sent(desk)
    assert {body["type"] for body in bodies} == set(described["webhooks"])
    for body in bodies:
        check(described, body)


def test_words_of_the_description_are_those_of_the_rules() -> None:
    assert get_args(KindName) == tuple(BY_NAME)
    assert get_args(SeverityName) == SEVERITIES
    assert get_args(StateName) == tuple(Phase)
    assert get_args(ReasonName) == tuple(reason for reason in Reason if reason.tells)


def test_a_stale_series_gives_days_and_says_so(desk: Context) -> None:
    arm(desk, series_id=BASE, threshold=9000.0, stale_after_days=30)
    evaluate(desk)
    (body,) = sent(desk)
    data = body["data"]
    assert (data["value"], data["threshold"], data["means"]) == (
        116.0,
        None,
        "the age of the newest quote in days",
    )


def test_the_description_is_no_rubber_stamp(desk: Context, described: dict[str, Any]) -> None:
    everything(desk)
    firing = next(body for body in sent(desk) if body["type"] == "alert.firing")
    for name in ("alert_id", "summary", "rule", "reason"):
        less = {**firing, "data": {k: v for k, v in firing["data"].items() if k != name}}
        with pytest.raises(jsonschema_rs.ValidationError):
            check(described, less)
    for name, value in (("state", "loud"), ("value", "1000"), ("at", "yesterday")):
        with pytest.raises(jsonschema_rs.ValidationError):
            check(described, {**firing, "data": firing["data"] | {name: value}})


def test_what_one_body_cannot_hold_comes_in_parts_that_are_as_described(
    desk: Context, described: dict[str, Any]
) -> None:
    own = {"labels": {f"label {k}": "x" * 200 for k in range(20)}, "summary": "${note} " * 60}
    ids = [
        arm(desk, name="n" * 200, series_id=BASE, threshold=900.0 + k, stale_after_days=999, **own)
        for k in range(12)
    ]
    evaluate(desk)
    post(desk, BASE, (DAY, 1000.0), source="s" * 200)
    evaluate(desk)
    bodies = sent(desk)
    told = [alert["rule"]["rule_id"] for body in bodies for alert in body["data"]["alerts"]]
    assert sorted(told) == ids
    assert [body["data"]["part"] for body in bodies] == [*range(1, bodies[0]["data"]["parts"] + 1)]
    for body in bodies:
        size = len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
        assert size < LIMIT_BYTES
        check(described, body)
