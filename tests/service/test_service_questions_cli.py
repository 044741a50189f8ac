"""`ytterby scenario` and `ytterby basket`: what people see, what programs read, and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.cli import main
from service.context import open_context
from service.settings import Settings
from tests.support.service_world import BASE, HORIZON, OUTSIDE, fill

EXPIRY = "CN-TEST-EXPIRY"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    context = open_context(settings)
    fill(context)
    for name, value in settings.model_dump(mode="json", exclude_none=True, exclude={"secret_key"}).items():
        if not isinstance(value, list):
            monkeypatch.setenv(f"YTTERBY_{name.upper()}", str(value))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ytterby", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr()
        return int(ended.value.code or 0), found.out, found.err

    yield call
    context.engine.dispose()


def test_a_scenario_shows_branches_and_chances(run: Run) -> None:
    code, text, _ = run("scenario", BASE, "--event", f"{EXPIRY}=0.4", "--level", "600", "--horizon", "3")
    assert code == 0
    assert "it happens, 40%" in text
    for words in (
        "headline",
        "mixture",
        f"branch 1: {EXPIRY} on (40%)",
        f"branch 2: {EXPIRY} off (60%)",
        "above 600",
    ):
        assert words in text
    assert "2027-02" in text
    assert "2027-03" not in text


def test_a_scenario_from_a_file_and_as_json(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "question.yaml"
    file.write_text(
        "hypothetical:\n"
        "  - event_id: closure\n"
        "    probability: 0.2\n"
        "    on: 2027-02-01\n"
        "    elements: {Nd: supply}\n"
        "    instrument: mine-closure\n"
        "    direction: tighten\n"
    )
    words = ("scenario", "--file", str(file), "--cancel", EXPIRY, "--json")
    code, text, _ = run(*words)
    assert code == 0
    found = json.loads(text)
    assert [s["event_id"] for s in found["switches"]] == [EXPIRY, "closure"]
    assert [s["series_id"] for s in found["series"]] == [BASE, OUTSIDE]
    assert len(found["series"][0]["branches"]) == 4
    assert len(found["series"][0]["mixture"]["rows"]) == HORIZON


def test_what_can_be_asked_is_listed(run: Run) -> None:
    code, text, _ = run("scenario", "--list")
    assert code == 0
    assert EXPIRY in text
    assert "2027-01-10" in text


def test_a_basket_shows_months_and_the_total(run: Run) -> None:
    items = (f"{BASE}=10", f"{OUTSIDE}=5")
    code, text, _ = run("basket", *items, "--currency", "usd", "--budget", "5000", "--horizon", "2")
    assert code == 0
    assert "in all" in text
    assert "Over 5,000" in text
    assert "2027-01" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scenario", BASE, "--event", f"{EXPIRY}=2"), "probability"),
        (("scenario", BASE, "--event", "CN-NONE"), "an open event"),
        (("scenario", "--level", "5"), "one series beside it"),
        (("scenario", BASE, "--postpone", EXPIRY), "ID=2027-07-10"),
        (("scenario", BASE, "--cancel", EXPIRY, "--postpone", f"{EXPIRY}=2027-04-01"), "each event once"),
        (("basket", BASE), "SERIES=KG"),
        (("basket", f"{BASE}=1", f"{OUTSIDE}=1"), "one for the basket"),
        (("basket", f"{BASE}=-1"), "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_asked_ends_with_2_and_one_line(run: Run, words: tuple[str, ...], said: str) -> None:
    code, text, error = run(*words)
    assert (code, text) == (2, "")
    assert said in error
