"""What a message looks like: as in the golden files, and valid and small whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.alerts.notify import Reason
from service.webhooks.formats import FORMATS, LIMIT_BYTES, Message, render
from service.webhooks.shorten import encode, fit

GOLDEN = Path(__file__).parent / "golden"
FIRING = Message(
    type="alert.firing",
    at=datetime(2026, 11, 24, 10, 30, 15, 123456, tzinfo=timezone(timedelta(hours=1))),
    title="Tb in Europe may pass 4,500 <USD> & more",
    text="The chance is 34 % (rule: 30 %).\nLast quote: 4,000 USD/kg, 292 days old. [More](https://a.example)",
    data={
        "rule": {"rule_id": 7, "kind": "p_cross_by", "labels": {"desk": "magnets"}},
        "value": 0.34,
        "missing": float("nan"),
        "on": date(2027, 5, 1),
        "reason": Reason.FIRED,
        "alerts": [1, 2, 3],
    },
)
SHORT = Message(type="test", at=datetime(2026, 11, 24, tzinfo=UTC), title="Test", text="", data={})


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "message"), [("firing", FIRING), ("short", SHORT)])
def test_a_message_is_as_the_golden_file_says(format: str, name: str, message: Message) -> None:
    golden = GOLDEN / f"{format}-{name}.json"
    assert json.loads(render(format, message)) == json.loads(golden.read_text(encoding="utf-8"))


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {
        f"{f}-{n}" for f in FORMATS for n in ("firing", "short")
    }


LEAF = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.datetimes()
    | st.dates() | st.decimals() | st.binary(max_size=20) | st.just("long " * 3_000)
)  # fmt: skip
ANYTHING = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=6,
)
HUGE = (
    ANYTHING
    | LEAF.map(lambda one: [one] * 900)
    | LEAF.map(lambda one: [[one, {"a": one}]] * 300)
    | st.text().map(lambda name: {f"{name}{i}": i for i in range(3_000)})
    | st.integers(1, 30_000).map(lambda n: {"k" * n: {"left_out": "a text", "b_left_out": [n] * n}})
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), HUGE, max_size=3), st.text(), st.text().map(lambda t: t * 900))
def test_a_body_is_valid_and_small_whatever_it_tells(data: Mapping[str, Any], title: str, text: str) -> None:
    message = Message(type="test", at=SHORT.at, title=title, text=text, data=data)
    for format in FORMATS:
        body = render(format, message)
        assert len(body) < LIMIT_BYTES
        found = json.loads(body)
        assert isinstance(found, dict)
    assert json.loads(render("standard", message)).keys() == {"type", "timestamp", "data"}


@settings(max_examples=50)
@given(st.dictionaries(st.text(), HUGE, max_size=3), st.integers(100, 30_000))
def test_data_fits_whatever_the_limit(data: Mapping[str, Any], limit: int) -> None:
    assert len(encode(fit(data, limit))) <= limit


def test_a_long_list_keeps_its_beginning_and_says_what_is_left_out() -> None:
    alerts = [{"alert_id": i, "note": "x" * 40} for i in range(5_000)]
    found = fit({"alerts": alerts, "of": {"more": list(range(9_000))}}, 10_000)
    kept, more = found["alerts"], found["of"]["more"]
    assert kept == alerts[: len(kept)]
    assert more == list(range(len(more)))
    assert len(kept) > 0
    assert len(more) > 0
    assert found["alerts_left_out"] == 5_000 - len(kept)
    assert found["of"]["more_left_out"] == 9_000 - len(more)


def test_what_fits_is_left_alone() -> None:
    data = {"a": [1, 2, {"b": "c" * 1_000}], "d": None}
    assert fit(data, 2_000) == data


def test_one_long_text_is_cut_and_its_neighbours_stay() -> None:
    found = fit({"alerts": [{"note": "y" * 50_000, "id": 1}, {"note": "short", "id": 2}]}, 10_000)
    first, second = found["alerts"]
    assert first["note"].endswith("…")
    assert len(first["note"]) > 2_000
    assert (first["id"], second) == (1, {"note": "short", "id": 2})


@given(st.text(max_size=8_000))
def test_slack_reads_none_of_our_text_as_its_own(text: str) -> None:
    message = Message(type="test", at=SHORT.at, title=text, text=text, data={})
    found = json.loads(render("slack", message))
    shown = [found["text"], *(block["text"]["text"] for block in found["blocks"][:1])]
    for one in shown:
        assert "<" not in one
        assert ">" not in one
        assert one.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0
        assert len(one) <= 3_000


def test_data_is_in_kinds_that_json_has() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    found = fit(
        {"a": float("inf"), "b": {1: date(2026, 1, 2)}, "c": (1, 2), "d": Odd(), "e": "\ud800"}, 1_000
    )
    assert found == {"a": None, "b": {"1": "2026-01-02"}, "c": [1, 2], "d": "odd", "e": "?"}
