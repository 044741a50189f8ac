"""The command line of alerts, endpoints and the key that encrypts secrets: said, done, refused by name."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data.store import deliveries, endpoints
from service.alerts.evaluate import evaluate
from service.cli import main
from service.context import Context, open_context
from service.settings import Settings
from tests.support.alerting import post
from tests.support.service_world import BASE, OUTSIDE, SECRET_KEY, fill

FLAGSHIP = (
    "kind=p_cross_by", f"series_id={OUTSIDE}", "level=90", "currency=USD", "unit=kg", "horizon=6",
    "threshold=0.30", "name=Nd in Europe may pass 90",
)  # fmt: skip
PRICE = ("kind=price", f"series_id={BASE}", "threshold=900", "name=Nd dear", "stale_after_days=999")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    found = open_context(settings)
    fill(found)
    for name in ("database_url", "today", "allowed_networks"):
        monkeypatch.setenv(f"YTTERBY_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("YTTERBY_SECRET_KEY", SECRET_KEY)
    yield found
    found.engine.dispose()


@pytest.fixture
def run(context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ytterby", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Ran(code=code if isinstance(code, int) else 0, out=captured.out, err=captured.err)

    return call


def test_a_rule_is_previewed_armed_shown_changed_and_removed(run: Run) -> None:
    seen = run("alerts", "preview", *FLAGSHIP)
    assert (seen.code, "uncalibrated: no backtest" in seen.out) == (0, True)
    made = run("alerts", "add", *FLAGSHIP)
    assert (made.code, made.out) == (0, "1\n")
    assert "uncalibrated" in made.err
    said = run("alerts", "rules").out
    assert "chance of more than 90 USD/kg within 6 months at least 30 %" in said
    assert "uncalibrated" in said
    assert run("alerts", "change", "1", "threshold=0.25", 'labels={"team": "magnets"}').code == 0
    shown = run("alerts", "show", "1", "--json").json["rule"]
    assert (shown["threshold"], shown["labels"], shown["version"]) == (0.25, {"team": "magnets"}, 2)
    assert run("alerts", "change", "1", "labels=null").code == 0
    assert run("alerts", "rules", "--json").json[0]["labels"] == {}
    assert "at least 25 %" in run("alerts", "show", "1").out
    assert run("alerts", "remove", "1").code == 0
    gone = run("alerts", "show", "1")
    assert (gone.code, "rule_id" in gone.err) == (2, True)


def test_a_rule_from_a_file_with_a_change(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text(
        f"name: Nd in February\nkind: p_beyond_at\nseries_id: {BASE}\n"
        "level: 600\non: 2027-02-10\nthreshold: 0.2\n"
    )
    assert run("alerts", "add", "--file", str(file), "threshold=0.1", "for=2").code == 0
    (rule,) = run("alerts", "rules", "--json").json
    assert (rule["on"], rule["threshold"], rule["for"]) == ("2027-02-10", 0.1, 2)
    assert "chance of more than 600 in 2027-02 at least 10 %, 2 times in a row" in run("alerts", "rules").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("threshold",), "fields: found 'threshold'"),
        (("threshold=dear",), "threshold: found 'dear'; allowed: a number"),
        (("recovery=950",), "recovery: found 950"),
        (("series_id=nothing",), "series_id: found 'nothing'"),
        (("colour=red",), "colour: found 'colour'"),
        (("for=0",), "for: found 0"),
    ],
)
def test_what_cannot_be_watched_ends_in_one_line(run: Run, words: tuple[str, ...], said: str) -> None:
    for command in ("add", "preview"):
        found = run("alerts", command, *PRICE, *words)
        assert found.code == 2
        assert found.err.startswith(f"error: {said}")
        assert found.err.count("\n") == 1
    assert run("alerts", "rules", "--json").json == []


def test_an_alert_is_listed_explained_acknowledged_and_silenced(run: Run, context: Context) -> None:
    run("alerts", "add", *PRICE)
    evaluate(context)
    post(context, BASE, (date(2026, 11, 20), 1000.0))
    evaluate(context)
    assert "firing" in run("alerts", "list").out
    (alert,) = run("alerts", "list", "--state", "firing", "--json").json
    assert (alert["rule"]["name"], alert["value"]) == ("Nd dear", 1000.0)
    assert run("alerts", "ack", "1", "--note", "on it").code == 0
    assert "seen by command line" in run("alerts", "list").out
    assert "on it" in run("alerts", "history", "1").out
    made = run(
        "alerts", "silence", f"series_id={BASE}", "severity=warning", "--hours", "48", "--comment", "fair"
    )
    assert (made.out, "matches: 1." in made.err) == ("1\n", True)
    assert "silenced" in run("alerts", "show", "1").out
    assert "series_id=nd-test-cn, severity=warning" in run("alerts", "silences").out
    assert run("alerts", "unsilence", "1").code == 0
    assert "not in force" in run("alerts", "silences").out
    assert run("alerts", "silences", "--json").json[0]["active"] is False
    refused = run("alerts", "list", "--state", "loud")
    assert (refused.code, "state: found 'loud'" in refused.err) == (2, True)


def test_an_endpoint_is_added_tried_rotated_and_removed(run: Run, context: Context) -> None:
    made = run("endpoints", "add", "Purchasing", "https://example.com/hook")
    secret = made.out.strip()
    assert secret.startswith("whsec_")
    assert secret not in made.err
    tried = run("endpoints", "test", "1")
    assert (tried.code, tried.out) == (0, "1\n")
    assert "queued" in run("endpoints", "deliveries", "--endpoint", "1").out
    assert '"type":"test"' in run("endpoints", "deliveries", "1").out
    assert run("endpoints", "deliveries", "1", "--json").json["delivery"]["state"] == "queued"
    rotated = run("endpoints", "rotate", "1").out.strip()
    assert rotated.startswith("whsec_")
    assert rotated != secret
    with context.engine.begin() as conn:
        endpoints.disable(conn, 1, reason="it answered 410: gone", now=context.clock.now())
        deliveries.give_up(conn, 1, reason="the endpoint is disabled", now=context.clock.now())
    assert "disabled: it answered 410: gone" in run("endpoints", "list").out
    assert "failed: the endpoint is disabled" in run("endpoints", "show", "1").out
    refused = run("endpoints", "test", "1")
    assert (refused.code, "enable it first" in refused.err) == (1, True)
    assert run("endpoints", "enable", "1").code == 0
    assert "Queued 1 again" in run("endpoints", "recover", "1", "--since", "2026-11-24").err
    assert run("endpoints", "retry", "1").code == 0
    assert run("endpoints", "remove", "1").code == 0
    assert run("endpoints", "list", "--json").json == []


def test_a_slack_address_is_read_from_standard_input_and_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://hooks.slack.com/services/T0/B0/verysecret\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(address))
    made = run("endpoints", "add", "Slack", "-", "--format", "slack")
    assert (made.code, made.out) == (0, "")
    said = made.err + run("endpoints", "list").out + run("endpoints", "show", "1").out
    assert "https://hooks.slack.com/…" in said
    assert "verysecret" not in said


def test_without_a_key_the_refusal_names_the_command_that_makes_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YTTERBY_SECRET_KEY")
    refused = run("endpoints", "add", "Purchasing", "https://example.com/hook")
    assert refused.code == 2
    assert "YTTERBY_SECRET_KEY" in refused.err
    assert "ytterby keys encryption-key" in refused.err
    monkeypatch.setenv("YTTERBY_SECRET_KEY", run("keys", "encryption-key").out.strip())
    assert run("endpoints", "add", "Purchasing", "https://example.com/hook").code == 0
