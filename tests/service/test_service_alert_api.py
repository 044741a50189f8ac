"""Rules, alerts, endpoints and deliveries over a real socket, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, select

from data.store import deliveries, endpoints, fx, prices
from data.store.tables import endpoint, fx_rate, idempotency_key
from service import auth
from service.alerts.evaluate import evaluate
from service.webhooks import endpoints as endpoint_use
from tests.support.alerting import post
from tests.support.service_world import BASE, HORIZON, OUTSIDE, Server, catalogue, rates

RULES, ENDPOINTS = "/v1/alert-rules", "/v1/endpoints"
PRICE: dict[str, Any] = {"name": "Nd dear", "kind": "price", "series_id": BASE, "threshold": 900}
CHANCE: dict[str, Any] = {
    "name": "Nd in Europe may pass 90",
    "kind": "p_cross_by",
    "series_id": OUTSIDE,
    "direction": "above",
    "level": 90,
    "currency": "USD",
    "unit": "kg",
    "horizon": HORIZON,
    "threshold": 0.3,
}
HOOK = {"name": "Purchasing", "url": "https://example.com/hooks/ytterby"}
SLACK = {"name": "Slack", "url": "https://hooks.slack.com/services/T0/B0/verysecret", "format": "slack"}


def send(
    server: Server, address: str, body: object = None, *, method: str = "POST", **headers: str
) -> httpx2.Response:
    return server.client.request(method, address, json=body, headers=server.writer | headers)


def rules(server: Server) -> list[dict[str, Any]]:
    return server.client.get(RULES).json()["rules"]


@pytest.fixture
def hook(either: Server) -> Iterator[dict[str, Any]]:
    """A new endpoint, gone after the test."""
    made = send(either, ENDPOINTS, HOOK).raise_for_status().json()
    yield made
    where = f"{ENDPOINTS}/{made['endpoint_id']}"
    if (found := either.client.get(where)).status_code == 200:
        send(either, where, method="DELETE", **{"If-Match": found.headers["etag"]}).raise_for_status()


def test_a_rule_is_armed_read_changed_and_disarmed(either: Server) -> None:
    made = send(either, RULES, PRICE | {"for": 2, "labels": {"team": "magnets"}})
    assert made.status_code == 201
    where, first = made.headers["location"], made.json()
    assert first | {"for": 2, "keep_firing": 1, "threshold": 900.0, "author": "test desk"} == first
    assert first["means"] == "the price, in the basis asked for"
    read = either.client.get(where)
    assert (read.json(), read.headers["etag"]) == (first, '"1"')
    assert first in rules(either)
    fields = PRICE | {"threshold": 950, "recovery": 900, "enabled": False}
    changed = send(either, where, fields, method="PUT", **{"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["recovery"], changed.json()["for"], changed.json()["labels"]) == (900.0, 1, {})
    assert send(either, where, PRICE, method="PUT", **{"If-Match": '"1"'}).status_code == 412
    assert send(either, where, PRICE, method="PUT").status_code == 428
    assert send(either, where, method="DELETE").status_code == 428
    assert send(either, where, method="DELETE", **{"If-Match": '"1"'}).status_code == 412
    gone = send(either, where, method="DELETE", **{"If-Match": '"2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert either.client.get(where).status_code == 404
    assert send(either, where, PRICE, method="PUT", **{"If-Match": '"3"'}).status_code == 404


def test_the_flagship_rule_is_armed_and_marked(either: Server) -> None:
    made = send(either, RULES, CHANCE).raise_for_status().json()
    assert any(mark.startswith("uncalibrated: ") for mark in made["marks"])
    assert "chance" in made["means"]
    seen = send(either, f"{RULES}/preview", CHANCE).raise_for_status().json()
    assert (seen["kind"], seen["subject"], seen["value_in"]) == ("p_cross_by", OUTSIDE, "probability")
    assert seen["marks"] == made["marks"]
    assert seen["beyond_now"] == (seen["now"]["value"] >= 0.3)


def test_a_preview_keeps_nothing_and_needs_no_writing_key(either: Server) -> None:
    before = rules(either)
    found = either.client.post(f"{RULES}/preview", json=PRICE | {"threshold": 520}).raise_for_status().json()
    assert found["observations"] > 12
    assert found["firings"] == len(found["rows"])
    assert rules(either) == before


@pytest.mark.parametrize(
    ("body", "field", "status"),
    [
        (PRICE | {"recovery": 950}, "recovery", 422),
        (PRICE | {"direction": "below", "recovery": 850}, "recovery", 422),
        (PRICE | {"series_id": "tb-test-moon"}, "series_id", 404),
        (PRICE | {"currency": "GBP"}, "currency", 422),
        (CHANCE | {"threshold": 1.2}, "threshold", 422),
        (CHANCE | {"threshold": -0.1}, "threshold", 422),
        (CHANCE | {"recovery": 1.5, "threshold": 1.0}, "recovery", 422),
        (CHANCE | {"horizon": HORIZON + 1}, "horizon", 422),
        (CHANCE | {"horizon": 0}, "horizon", 422),
        (CHANCE | {"level": 0}, "level", 422),
        ({**CHANCE, "kind": "p_beyond_at", "horizon": None, "on": "2026-11-23"}, "on", 422),
        ({**CHANCE, "kind": "p_beyond_at", "horizon": None, "on": "2027-06-01"}, "on", 422),
        ({**CHANCE, "kind": "p_beyond_at", "horizon": None, "on": "soon"}, "on", 422),
        ({**CHANCE, "kind": "p_beyond_at", "horizon": None, "on": 1_900_000_000}, "on", 422),
        (PRICE | {"horizon": 3}, "horizon", 422),
        (PRICE | {"kind": "weather"}, "kind", 422),
        (PRICE | {"for": 0}, "for", 422),
        (PRICE | {"for": 1.5}, "for", 422),
        (PRICE | {"for_count": 2}, "for_count", 422),
        (PRICE | {"thresold": 3}, "thresold", 422),
        (PRICE | {"threshold": "900"}, "threshold", 422),
        (PRICE | {"threshold": None}, "threshold", 422),
        (PRICE | {"threshold": -5}, "threshold", 422),
        (PRICE | {"summary": "${price} is up"}, "summary", 422),
        (PRICE | {"endpoints": [999_999]}, "endpoints", 404),
        (PRICE | {"labels": {"team": 7}}, "labels.team", 422),
        (PRICE | {"rule_id": 7}, "rule_id", 422),
        ({"name": "events", "kind": "event"}, "element", 422),
        (PRICE | {"kind": "premium", "threshold": 20}, "series_id", 422),
        ({**PRICE, "kind": "change", "threshold": 5}, "window_days", 422),
        ({**PRICE, "kind": "forecast", "quantile": 0.999, "horizon": 3}, "quantile", 422),
        ([PRICE], "body", 422),
    ],
)
def test_what_cannot_be_watched_is_refused_by_field(
    either: Server, body: Any, field: str, status: int
) -> None:
    before = rules(either)
    for address in (RULES, f"{RULES}/preview"):
        found = send(either, address, body)
        assert (found.status_code, found.headers["content-type"]) == (status, "application/problem+json")
        problem = found.json()
        assert problem["field"] == field
        assert problem["allowed"]
    assert rules(either) == before


def test_a_currency_without_a_rate_is_refused(either: Server) -> None:
    with either.context.engine.begin() as conn:
        conn.execute(delete(fx_rate).where(fx_rate.c.currency == "EUR"))
    found = send(either, RULES, PRICE | {"currency": "EUR"})
    with either.context.engine.begin() as conn:
        fx.append(conn, rates())
    assert (found.status_code, found.json()["field"]) == (422, "currency")
    assert (found.json()["found"], found.json()["allowed"]) == ("EUR", "one with stored rates: CNY, USD")


def test_a_chance_of_a_series_without_a_forecast_is_not_there_yet(either: Server) -> None:
    with either.context.engine.begin() as conn:
        prices.add_series(conn, replace(catalogue()[0], series_id="nd-test-new"))
    found = send(either, RULES, CHANCE | {"series_id": "nd-test-new"})
    assert (found.status_code, found.json()["type"]) == (409, "urn:ytterby:problem:not-yet")


def test_writing_needs_a_writing_key(either: Server) -> None:
    reader = {"Authorization": f"Bearer {auth.make(either.context, 'looks on', ('read',))}"}
    for method, address, body in (
        ("POST", RULES, PRICE),
        ("PUT", f"{RULES}/1", PRICE),
        ("DELETE", f"{RULES}/1", None),
        ("POST", ENDPOINTS, HOOK),
        ("POST", f"{ENDPOINTS}/1/rotate-secret", None),
        ("POST", f"{ENDPOINTS}/1/test", None),
        ("POST", "/v1/deliveries/1/retry", None),
        ("POST", "/v1/alerts/1/acknowledge", {}),
    ):
        assert either.client.request(method, address, json=body).status_code == 401
        assert either.client.request(method, address, json=body, headers=reader).status_code == 403


def test_of_many_rules_at_once_with_one_key_one_is_armed(either: Server) -> None:
    before = len(rules(either))
    headers = either.writer | {"Idempotency-Key": "rule-at-once"}

    def arm(_: int) -> httpx2.Response:
        return httpx2.post(either.url + RULES, json=CHANCE, headers=headers, timeout=60)

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(arm, range(20)))
    assert {r.status_code for r in found} <= {201, 409}
    assert len({r.json()["rule_id"] for r in found if r.status_code == 201}) == 1
    assert len(rules(either)) == before + 1


def test_a_price_fires_an_alert_that_is_read_and_acknowledged(either: Server, hook: dict[str, Any]) -> None:
    asked = {"threshold": 5000, "stale_after_days": 999, "endpoints": [hook["endpoint_id"]]}
    rule = send(either, RULES, PRICE | asked).json()
    evaluate(either.context)
    post(either.context, BASE, (date(2026, 11, 20), 5500.0))
    evaluate(either.context)
    listed = either.client.get("/v1/alerts", params={"rule_id": rule["rule_id"], "state": "firing"}).json()
    (alert,) = listed["alerts"]
    assert (alert["value"], alert["subject"], alert["rule"]["name"]) == (5500.0, BASE, "Nd dear")
    assert either.client.get("/v1/alerts").json()["alerts"][0]["state"] == "firing"
    where = f"/v1/alerts/{alert['alert_id']}"
    (line,) = either.client.get(f"{where}/history").json()["transitions"]
    assert (line["before"], line["after"], line["notified"]) == ("inactive", "firing", "fired")
    seen = send(either, f"{where}/acknowledge", {"note": "on it"}).json()
    assert seen["acknowledged_by"] == "test desk"
    assert either.client.get(where).json() == seen
    assert "on it" in either.client.get(f"{where}/history").json()["transitions"][0]["note"]
    silence = {"matches": {"rule_id": rule["rule_id"]}, "ends_at": "2026-12-24T00:00:00Z", "comment": "known"}
    made = send(either, "/v1/silences", silence)
    assert made.json()["rules"] == [rule["rule_id"]]
    assert either.client.get(where).json()["silenced"]
    send(either, made.headers["location"], method="DELETE", **{"If-Match": '"1"'}).raise_for_status()
    assert not either.client.get(where).json()["silenced"]
    (sent,) = either.client.get("/v1/deliveries", params={"endpoint_id": hook["endpoint_id"]}).json()[
        "deliveries"
    ]
    detail = either.client.get(f"/v1/deliveries/{sent['delivery_id']}").json()
    assert (detail["state"], detail["attempts"], detail["alerts"]) == ("queued", [], [alert["alert_id"]])
    assert '"type":"alert.firing"' in detail["body"]
    send(either, f"{RULES}/{rule['rule_id']}", method="DELETE", **{"If-Match": '"1"'}).raise_for_status()
    after = either.client.get(where).json()
    assert (after["state"], after["rule"]["deleted"]) == ("inactive", True)
    nothing = send(either, f"{where}/acknowledge", {})
    assert (nothing.status_code, nothing.json()["field"]) == (409, "state")


def test_an_endpoint_is_made_renamed_tried_and_removed(either: Server) -> None:
    made = send(either, ENDPOINTS, HOOK)
    where, first = made.headers["location"], made.json()
    secret = first["secret"]
    assert secret.startswith("whsec_")
    read = either.client.get(where)
    assert (read.json()["url"], read.headers["etag"]) == (HOOK["url"], '"1"')
    assert secret not in read.text + either.client.get(ENDPOINTS).text
    renamed = send(either, where, HOOK | {"name": "Buying"}, method="PUT", **{"If-Match": '"1"'})
    assert (renamed.json()["name"], renamed.headers["etag"]) == ("Buying", '"2"')
    assert send(either, f"{where}/rotate-secret").status_code == 428
    rotated = send(either, f"{where}/rotate-secret", **{"If-Match": '"2"'})
    assert (rotated.json()["version"], rotated.headers["etag"]) == (3, '"3"')
    assert rotated.json()["secret"] not in (secret, None)
    assert send(either, f"{where}/rotate-secret", **{"If-Match": '"2"'}).status_code == 412
    tried = send(either, f"{where}/test")
    assert tried.status_code == 202
    delivery = either.client.get(tried.headers["location"]).json()
    assert (delivery["type"], delivery["state"]) == ("test", "queued")
    assert send(either, f"{tried.headers['location']}/retry").json()["state"] == "queued"
    recovered = send(either, f"{where}/recover", {"since": "2026-11-01T00:00:00Z"})
    assert (recovered.status_code, recovered.json()) == (202, {"queued": 0})
    assert send(either, f"{where}/enable", **{"If-Match": '"3"'}).json()["state"] == "active"
    assert send(either, where, method="DELETE", **{"If-Match": '"4"'}).status_code == 204
    assert either.client.get(where).status_code == 404
    assert either.client.get(tried.headers["location"]).json()["state"] == "failed"


def test_a_secret_is_shown_once_and_stored_nowhere_in_plain_text(either: Server) -> None:
    key = {"Idempotency-Key": "endpoint-once"}
    first = send(either, ENDPOINTS, HOOK, **key)
    again = send(either, ENDPOINTS, HOOK, **key)
    secret = first.json()["secret"]
    assert again.headers["idempotent-replay"] == "true"
    assert again.json() | {"secret": secret, "secret_note": first.json()["secret_note"]} == first.json()
    assert again.json()["secret"] is None
    assert "rotate-secret" in again.json()["secret_note"]
    with either.context.engine.connect() as conn:
        kept = str(conn.execute(select(idempotency_key.c.body)).all()) + str(
            conn.execute(select(endpoint)).all()
        )
    assert "secret_note" in kept
    assert secret not in kept
    assert secret.removeprefix("whsec_") not in kept


def test_the_address_of_a_slack_channel_is_shown_to_nobody(either: Server) -> None:
    key = {"Idempotency-Key": "slack"}
    made = send(either, ENDPOINTS, SLACK, **key)
    where = made.headers["location"]
    assert (made.json()["url"], made.json()["secret"]) == ("https://hooks.slack.com/…", None)
    kept = SLACK | {"url": made.json()["url"], "name": "Magnets"}
    changed = send(either, where, kept, method="PUT", **{"If-Match": '"1"'})
    assert changed.json()["name"] == "Magnets"
    bad = send(either, where, SLACK | {"url": SLACK["url"] + " and"}, method="PUT", **{"If-Match": '"2"'})
    assert bad.status_code == 422
    pages = (made, changed, bad, either.client.get(where), either.client.get(ENDPOINTS))
    with either.context.engine.connect() as conn:
        rows = str(conn.execute(select(idempotency_key.c.body)).all()) + str(
            conn.execute(select(endpoint)).all()
        )
    for text in (*(page.text for page in pages), rows):
        assert "verysecret" not in text
        assert "/services/" not in text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (HOOK | {"url": "http://8.8.8.8/"}, "url"),
        (HOOK | {"url": "https://169.254.169.254/latest"}, "url"),
        (HOOK | {"url": "https://user:secret@example.com/"}, "url"),
        (HOOK | {"url": 7}, "url"),
        (HOOK | {"format": "email"}, "format"),
        (HOOK | {"name": ""}, "name"),
        ({"url": HOOK["url"]}, "name"),
        (HOOK | {"secret": "whsec_x"}, "secret"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused_by_field(
    either: Server, body: dict[str, Any], field: str
) -> None:
    before = len(either.client.get(ENDPOINTS).json()["endpoints"])
    found = send(either, ENDPOINTS, body)
    assert (found.status_code, found.json()["field"]) == (422, field)
    assert len(either.client.get(ENDPOINTS).json()["endpoints"]) == before


def test_a_disabled_endpoint_is_enabled_and_recovered(either: Server, hook: dict[str, Any]) -> None:
    number, now = hook["endpoint_id"], either.context.clock.now()
    where = f"{ENDPOINTS}/{number}"
    endpoint_use.send_test(either.context, number)
    with either.context.engine.begin() as conn:
        endpoints.disable(conn, number, reason="it answered 410: gone", now=now)
        deliveries.give_up(conn, number, reason="the endpoint is disabled", now=now)
    assert either.client.get(where).json()["reason"] == "it answered 410: gone"
    assert send(either, f"{where}/test").status_code == 409
    etag = either.client.get(where).headers["etag"]
    enabled = send(either, f"{where}/enable", **{"If-Match": etag})
    assert (enabled.json()["state"], enabled.json()["reason"]) == ("active", None)
    since = {"since": "2026-11-24T00:00:00+01:00"}
    key = {"Idempotency-Key": "recover"}
    assert send(either, f"{where}/recover", since, **key).json() == {"queued": 1}
    assert send(either, f"{where}/recover", since, **key).json() == {"queued": 1}  # the answer, not again
    assert send(either, f"{where}/recover", since).json() == {"queued": 0}
