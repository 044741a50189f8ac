"""The page of alerts over a real socket: what it says, in what order, and what it may load and tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest

from data.store import deliveries, endpoints
from service.alerts.evaluate import evaluate
from service.settings import Settings
from service.webhooks.endpoints import send_test
from tests.support.alerting import post
from tests.support.service_world import BASE, OUTSIDE, Server

RULES: tuple[dict[str, Any], ...] = (
    {"name": "Quiet one", "kind": "price", "series_id": BASE, "threshold": 9000, "stale_after_days": 999},
    {"name": "Loud one", "kind": "price", "series_id": BASE, "threshold": 900, "stale_after_days": 999},
    {"name": "Chance <b>", "kind": "p_cross_by", "series_id": OUTSIDE, "level": 5000, "horizon": 6,
     "threshold": 0.3},
    {"name": "Events", "kind": "event", "element": "Nd"},
    {"name": "Off", "kind": "price", "series_id": BASE, "threshold": 1, "enabled": False},
)  # fmt: skip


def words(page: str) -> str:
    """The text of a page in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " "))


def send(server: Server, address: str, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = server.client.post(address, json=body, headers=server.writer).json()
    return made


@pytest.fixture
def busy(server: Server) -> Server:
    """Rules of which one fires, an endpoint that is gone, a delivery that failed, and a silence."""
    for rule in RULES:
        send(server, "/v1/alert-rules", rule)
    url = "https://hooks.slack.com/services/T0/B0/verysecret"
    send(server, "/v1/endpoints", {"name": "Slack", "url": url, "format": "slack"})
    evaluate(server.context)
    post(server.context, BASE, (date(2026, 11, 20), 1000.0))
    evaluate(server.context)
    send_test(server.context, 1)
    with server.context.engine.begin() as conn:
        endpoints.disable(conn, 1, reason="it answered 410: gone", now=server.context.clock.now())
        deliveries.give_up(conn, 1, reason="the endpoint is disabled", now=server.context.clock.now())
    body = {"matches": {"rule_id": 2}, "ends_at": "2026-12-24T18:00:00Z", "comment": "Known <i>well</i>"}
    send(server, "/v1/silences", body)
    return server


def test_what_fires_stands_first_with_why_and_since_when(busy: Server) -> None:
    page = busy.client.get("/alerts").raise_for_status().text
    rows = re.findall(r'<tr role="row"[^>]* id="rule-(\d+)">(.*?)</tr>', page, re.DOTALL)
    assert [int(number) for number, _ in rows[:1]] == [2]
    assert {int(number) for number, _ in rows} == {1, 2, 3, 4, 5}
    said = {int(number): words(row) for number, row in rows}
    assert "Loud one price above 900" in said[2]
    assert "firing silenced" in said[2]
    assert "1,000" in said[2]
    assert "20 Nov 2026" in said[2]
    assert "chance of more than 5,000 within 6 months at least 30 %" in said[3]
    assert "uncalibrated no backtest" in said[3]
    assert "no event yet" in said[4]
    assert "disabled" in said[5]
    assert "(1) Alerts" in page


def test_it_says_what_changed_who_was_told_and_what_is_kept_back(busy: Server) -> None:
    said = words(busy.client.get("/alerts").text)
    assert re.search(r"Loud one nd-test-cn: .*? inactive → firing observed yes: fired", said)
    assert "rule_id 2 Known <i>well</i>; 1 rule" in said
    assert "disabled it answered 410: gone" in said
    assert "failed the endpoint is disabled" in said
    assert "Test of webhook endpoint 'Slack'" in said


def test_it_tells_no_secret_and_runs_no_script(busy: Server) -> None:
    found = busy.client.get("/alerts")
    page = found.text
    assert "https://hooks.slack.com/…" in page
    assert "verysecret" not in page
    assert "<b>" not in page.replace("Chance &lt;b&gt;", "")
    assert "<i>" not in page
    assert "<script" not in page
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
    assert not re.findall(r"\son[a-z]+=|\sstyle=|javascript:", page)
    assert found.headers["cache-control"] == "no-store"
    for link in {unescape(link) for link in re.findall(r'href="(/[^"#]*)"', page)}:
        busy.client.get(link).raise_for_status()


def test_without_rules_it_says_how_to_arm_one_and_is_linked(server: Server) -> None:
    said = words(server.client.get("/alerts").raise_for_status().text)
    assert "ytterby alerts add" in said
    assert "ytterby endpoints add" in said
    for path in ("/", f"/series/{BASE}", "/alerts"):
        assert '<a href="/alerts">Alerts</a>' in server.client.get(path).text


def test_it_asks_for_a_key_where_reading_is_not_open(
    settings: Settings, start: Callable[[Settings], Server]
) -> None:
    closed = start(settings.model_copy(update={"embedded": False}))
    assert closed.client.get("/alerts").status_code == 401
    assert closed.client.get("/alerts", headers=closed.writer).status_code == 200
