"""The command line: tables, JSON, CSV, exit codes, and a real `serve` that fits, answers and stops."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from service.cli import main
from service.context import Context, open_context
from service.settings import Settings
from service.version import VERSION
from tests.support.service_world import BASE, HORIZON, LAG, MONTHS, OUTSIDE, SECRET_KEY, fill

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    found = open_context(settings)
    fill(found)
    for name, value in settings.model_dump(mode="json", exclude_none=True, exclude={"secret_key"}).items():
        if not isinstance(value, list):
            monkeypatch.setenv(f"YTTERBY_{name.upper()}", str(value))
    monkeypatch.setenv("YTTERBY_SECRET_KEY", SECRET_KEY)  # the dump shows stars
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


def test_help_teaches(run: Run) -> None:
    found = run("--help")
    assert found.code == 0
    assert "ytterby serve" in found.out
    for command in (
        "serve",
        "train",
        "forecast",
        "backtest",
        "changes",
        "premium",
        "effects",
        "import",
        "series",
        "events",
        "data",
        "migrate",
        "keys",
    ):
        assert command in found.out
        assert run(command, "--help").code == 0


def test_version_is_printed(run: Run) -> None:
    found = run("--version")
    assert (found.code, found.out.strip()) == (0, VERSION)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "abc"), ("HORIZON", "99"), ("TODAY", "soon"), ("ALLOWED_HOSTS", "a.example")],
)
def test_a_wrong_setting_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"YTTERBY_{name}", value)
    found = run("series")
    assert found.code == 2
    assert found.err.count("\n") == 1
    assert found.err.startswith("error: ")
    assert name.lower() in found.err.lower()
    if name != "ALLOWED_HOSTS":
        assert found.err.startswith(f"error: YTTERBY_{name}: found {value!r}; allowed: ")


def test_serve_refuses_a_taken_port_before_it_does_anything(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused = tmp_path / "unused.db"
    monkeypatch.setenv("YTTERBY_DATABASE_URL", f"sqlite:///{unused}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = run("serve", "--port", str(port))
    assert found.code == 1
    assert f"127.0.0.1 port {port}" in found.err
    assert "Key" not in found.err
    assert not unused.exists()


def test_a_file_whose_changes_are_no_list_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "event.yaml"
    file.write_text("event_id: CN-TEST-NEW\nchanges: 5\n")
    found = run("events", "add", str(file))
    assert found.code == 2
    assert found.err.startswith("error: changes: found 5")


def test_the_documented_event_can_be_added(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("## Adding an event")[1]
    lines = text[text.index("    event_id") : text.index("    $ curl")].splitlines()
    file = tmp_path / "event.yaml"
    file.write_text("\n".join(line.removeprefix("    ") for line in lines), encoding="utf-8")
    assert run("events", "add", str(file)).code == 0


def test_refused_days_are_said_in_iso_form(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "event.yaml"
    file.write_text("event_id: CN-TEST-NEW\nchanges:\n- {stage: announced, known_on: 2026-11-20}\n")
    assert "datetime.date" not in run("events", "add", str(file)).err
    words = ("--stage", "lifted", "--on", "2026-11-20", "--known-on", "2027-01-01")
    assert "found '2027-01-01'" in run("events", "change", "CN-TEST-LICENCE", *words).err


def test_series_as_table_json_and_csv(run: Run) -> None:
    assert BASE in run("series").out
    assert [s["series_id"] for s in json.loads(run("series", "--json").out)] == [BASE, OUTSIDE]
    rows = list(csv.DictReader(io.StringIO(run("series", "--csv").out)))
    assert rows[0]["last_on"] == "2026-07-01"
    quotes = json.loads(run("series", BASE, "--as-of", "2026-06-30", "--json").out)
    assert len(quotes["observations"]) == MONTHS - 2


def test_forecast_as_table_json_and_csv(run: Run) -> None:
    shown = run("forecast", BASE, "--horizon", "2", "--level", "80")
    assert shown.code == 0
    assert "nowcast" in shown.out
    assert "days old" in shown.out
    assert "A made-up caveat." in shown.out
    found = json.loads(run("forecast", BASE, "--currency", "usd", "--json").out)
    assert len(found[0]["rows"]) == LAG + HORIZON
    rows = list(csv.DictReader(io.StringIO(run("forecast", "--csv").out)))
    assert {row["unique_id"] for row in rows} == {BASE, OUTSIDE}


def test_backtest_shows_figures(run: Run) -> None:
    assert "champion" in run("backtest", BASE).out
    assert run("backtest", "--model", "oracle").code == 2


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("forecast", "nope"), 2, "series_id"),
        (("forecast", BASE, "--horizon", "99"), 2, "1 to 6"),
        (("forecast", BASE, "--currency", "GBP"), 2, "CNY, EUR, USD"),
        (("forecast", BASE, "--as-of", "2001-01-01"), 1, "ytterby train"),
        (("forecast", "--json", "--csv"), 2, "not both"),
        (("forecast", "--horizn", "3"), 2, "horizn"),
        (("events", "show", "nope"), 2, "event_id"),
        (("import", "no-such-file.csv"), 2, "does not exist"),
        (
            ("train", "--executor", "tcp://host:8786"),
            2,
            "YTTERBY_EXECUTOR: found 'tcp://host:",
        ),
        (("keys", "revoke", "nobody"), 2, "name"),
        (("keys", "create", "x", "--scope", "root"), 2, "scope"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    run: Run, words: tuple[str, ...], code: int, says: str
) -> None:
    found = run(*words)
    assert found.code == code
    assert says in re.sub(r"\s+", " ", found.err)
    assert "Traceback" not in found.err


def test_a_database_that_is_away_is_said_in_a_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("neither a folder nor a database")
    for url, code in (
        (f"sqlite:///{tmp_path}/file/y.db", 2),
        (f"sqlite:///{tmp_path}/file", 1),
        (f"postgresql://nobody@/none?host={tmp_path}", 1),
        ("mysql://host/name", 2),
    ):
        monkeypatch.setenv("YTTERBY_DATABASE_URL", url)
        found = run("series")
        assert found.code == code
        assert "database" in found.err


def test_import_preview_keep_and_refuse(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(f"unique_id,ds,y\n{BASE},2026-08-01,510\n{BASE},2026-09-01,0\n")
    seen = run("import", str(file), "--preview")
    assert seen.code == 1
    assert "1 would be added" in seen.out
    refused = run("import", str(file), "--all-or-nothing")
    assert refused.code == 1
    assert "line 3" in refused.err
    kept = json.loads(run("import", str(file), "--json").out)
    assert (kept["added"], len(kept["refused"])) == (1, 1)
    file.write_text(f"unique_id,ds,y\n{BASE},2026-08-01,510\n")
    again = run("import", str(file))
    assert again.code == 0
    assert "1 unchanged" in again.out
    (tmp_path / "prices.xls").write_text("x")
    assert run("import", str(tmp_path / "prices.xls")).code == 2


def test_events_list_add_change_show(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "event.yaml"
    file.write_text(
        "event_id: CN-TEST-NEW\ntitle: A new made-up event\ninstrument: quota\ndirection: tighten\n"
        "jurisdiction: CN\nelements: {Dy: covered}\nmarket_side: both\n"
        "changes:\n- {stage: announced, on: 2026-11-20, known_on: 2026-11-20}\n"
    )
    assert run("events", "add", str(file)).code == 0
    assert run("events", "add", str(file)).code == 2
    words = ("--stage", "effective", "--on", "2027-01-01", "--known-on", "2026-11-22", "--probability", "0.4")
    assert run("events", "change", "CN-TEST-NEW", *words).code == 0
    shown = run("events", "show", "CN-TEST-NEW")
    assert "40%" in shown.out
    assert "command line" in shown.out
    dysprosium = json.loads(run("events", "list", "--element", "Dy", "--json").out)
    assert [e["event_id"] for e in dysprosium] == ["CN-TEST-NEW"]
    assert "CN-TEST-LICENCE" in run("events", "list", "--csv").out
    early = ("--stage", "effective", "--on", "2026-01-01", "--known-on", "2026-11-22")
    dated_back = run("events", "change", "CN-TEST-NEW", *early)
    assert dated_back.code == 2
    assert "2026-11-20 (the announcement) or later" in dated_back.err
    text = file.read_text()
    file.write_text(text.replace("CN-TEST-NEW", "CN-TEST-2").replace("tighten", "sideways"))
    refused = run("events", "add", str(file))
    assert refused.code == 2
    assert "direction" in refused.err
    file.write_text("- a list\n")
    assert run("events", "add", str(file)).code == 2


def test_keys_are_shown_once(run: Run) -> None:
    made = run("keys", "create", "desk").out.strip()
    listed = run("keys", "list")
    assert "desk" in listed.out
    assert made not in listed.out
    assert run("keys", "revoke", "desk").code == 0
    assert json.loads(run("keys", "list", "--json").out)[0]["revoked_at"]


def test_migrate_and_status(run: Run) -> None:
    assert run("migrate").code == 0
    status = json.loads(run("data", "status", "--json").out)
    assert status["series"] == 2
    assert status["series_with_forecast"] == 2
    assert status["demonstration_data"] == "none"


def test_serve_prints_where_and_a_key_fits_and_stops(settings: Settings) -> None:
    context = open_context(settings)
    fill(context)
    own = {"host", "port", "allowed_hosts", "secret_key"}
    shared = settings.model_dump(mode="json", exclude_none=True, exclude=own)
    env = os.environ | {f"YTTERBY_{name.upper()}": str(value) for name, value in shared.items()}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--no-reference"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT) as process:
        try:
            assert process.stderr is not None
            said = ""
            while "API:" not in said:
                line = process.stderr.readline()
                assert line, f"serve ended: {said}"
                said += line
            key = re.findall(r"ytt_\S+", said)[0]
            url = re.findall(r"http://127\.0\.0\.1:\d+", said)[0]
            with httpx2.Client(
                base_url=url, timeout=30, headers={"Authorization": f"Bearer {key}"}
            ) as client:
                assert client.get("/readyz").json()["series_with_forecast"] == 2
                assert client.get("/").status_code == 200
                where = client.post("/v1/training-runs", json={}).headers["location"]
                deadline = time.monotonic() + 120
                while client.get(where).json()["state"] not in ("done", "failed"):
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                assert client.get(where).json()["state"] == "done"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            if process.poll() is None:
                process.kill()
    context.engine.dispose()


def test_premium_as_a_table_json_and_csv(run: Run) -> None:
    shown = run("premium", OUTSIDE)
    assert shown.code == 0
    assert "times the Chinese price incl. VAT" in shown.out
    assert "CN-TEST-LICENCE:lifting" in shown.out
    assert "offset_sd" in shown.out
    found = json.loads(run("premium", OUTSIDE, "--json").out)
    assert found["base_series"] == BASE
    rows = list(csv.DictReader(io.StringIO(run("premium", OUTSIDE, "--csv").out)))
    assert {r["label"] for r in rows if r["part"] == "base"} == {"", found["labels"]["base"]}
    refused = run("premium", BASE)
    assert refused.code == 2
    assert OUTSIDE in refused.err
