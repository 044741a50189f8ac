"""Settings, clock, host names and the words around them."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, date, datetime

import pytest

from service import logs
from service.clock import Clock
from service.guard import host_name
from service.settings import Settings, is_loopback
from service.tabular import csv_text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_only_loopback_opens_reading(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    assert Settings(host=host).is_embedded is loopback


def test_hosts_are_checked_when_embedded_and_free_when_every_call_needs_a_key() -> None:
    assert "127.0.0.1" in Settings().host_headers
    assert Settings(host="0.0.0.0").host_headers == ("*",)
    assert Settings(allowed_hosts=("desk.example",)).host_headers == ("desk.example",)


def test_environment_is_read_under_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YTTERBY_PORT", "9001")
    monkeypatch.setenv("YTTERBY_ALLOWED_HOSTS", '["a.example"]')
    monkeypatch.setenv("YTTERBY_TODAY", "2026-01-31")
    found = Settings()
    assert (found.port, found.host_headers, found.today) == (9001, ("a.example",), date(2026, 1, 31))


@pytest.mark.parametrize(
    ("header", "name"),
    [("localhost:8000", "localhost"), ("LOCALHOST", "localhost"), ("[::1]:8000", "[::1]"), ("", ""),
     ("evil.example:80", "evil.example"), ("127.0.0.1", "127.0.0.1")],
)  # fmt: skip
def test_host_header_loses_its_port(header: str, name: str) -> None:
    assert host_name(header) == name


def test_clock_can_start_on_another_day_and_runs_on() -> None:
    clock = Clock.starting(date(2025, 4, 4))
    assert clock.today() == date(2025, 4, 4)
    assert clock.now() <= clock.now()
    assert clock.now().tzinfo is UTC
    assert abs((Clock().now() - datetime.now(UTC)).total_seconds()) < 5


def test_csv_defuses_formulas_and_leaves_numbers() -> None:
    text = csv_text(("a", "b"), [{"a": "=1+1", "b": -2.5}, {"a": "x,y", "b": None}])
    assert text == 'a,b\r\n\'=1+1,-2.5\r\n"x,y",\r\n'


def test_logs_are_json_and_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.StringIO()
    monkeypatch.setattr("sys.stderr", sink)
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        logs.configure(fmt="json", level="info")
        logs.get("test").info("made", key="plain", name="desk")
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logs.configure()
        logging.root.handlers[:] = handlers
    line = json.loads(sink.getvalue())
    assert line["key"] == "(hidden)"
    assert (line["name"], line["part"]) == ("desk", "test")
