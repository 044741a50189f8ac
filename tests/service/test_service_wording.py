"""Bodies that nothing can read, and what the library would say of wrong values, in words for people."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.support.service_world import BASE, Server

HYPOTHESIS: dict[str, Any] = {
    "event_id": "closure",
    "probability": 0.4,
    "on": "2027-02-01",
    "elements": {"Nd": "supply"},
    "china": {"median": 30, "low": 5, "high": 80},
}


def item(**values: object) -> dict[str, Any]:
    return {"items": [{"series_id": BASE, **values}]}


def ask(server: Server, path: str, body: Any) -> httpx2.Response:
    """A body in ASCII: the client itself cannot send half a character."""
    headers = {"Content-Type": "application/json"}
    return server.client.post(f"/v1/{path}", content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("path", "body", "field", "allowed"),
    [
        ("scenarios", {"series": ["\ud800"]}, "series.0", "surrogates"),
        ("scenarios", {"levels": {"\ud800": [1]}}, "levels", "surrogates"),
        ("scenarios", {"series": []}, "series", "at least 1 of them"),
        ("scenarios", {"horizon": True}, "horizon", "a whole number"),
        ("scenarios", {"levels": {BASE: [True]}}, f"levels.{BASE}.0", "a number"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "probability": True}]}, "hypothetical.0.probability",
         "a number"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "on": 1}]}, "hypothetical.0.on", "a day in ISO form"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "on": "17000000"}]}, "hypothetical.0.on",
         "a day in ISO form"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "on": "2027-02-01T01:00:00"}]}, "hypothetical.0.on",
         "a day in ISO form"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "elements": {"Xx": "supply"}}]},
         "hypothetical.0.elements", "'Dy'"),
        ("scenarios", {"hypothetical": [{**HYPOTHESIS, "china": 3}]}, "hypothetical.0.china",
         "a JSON object"),
        ("baskets", item(quantity=-1), "items.0.quantity", "greater than or equal to 0 or a JSON list"),
        ("baskets", item(quantity="many"), "items.0.quantity", "a number or a JSON list"),
        ("baskets", [1], "body", "a JSON object"),
    ],
)  # fmt: skip
def test_values_are_refused_in_plain_words(
    shared: Server, path: str, body: Any, field: str, allowed: str
) -> None:
    answer = ask(shared, path, body)
    assert answer.status_code == 422, answer.text
    found = answer.json()
    assert found["field"] == field
    assert allowed in found["allowed"]


def test_half_a_character_is_named_and_not_sent_back(shared: Server) -> None:
    found = ask(shared, "scenarios", {"series": ["\ud800"]})
    assert found.json()["found"] == "\\ud800"


@pytest.mark.parametrize("body", [b'{"series": ["\xff"]}', b"[" * 15_000])
def test_bytes_that_cannot_be_read_are_refused_like_text_that_is_not_json(
    shared: Server, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shared.client.post("/v1/scenarios", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["field"], answer.json()["allowed"][:4]) == ("body", "JSON")
