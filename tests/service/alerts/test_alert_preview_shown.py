"""What the command line prints of a preview: the mark, what it would do now, and each firing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.commands.alert_preview import show_preview
from service.context import Context
from tests.support import preview_world as world
from tests.support.preview_world import MADE, WEEKLY, comes

CROSSING = {"name": "may rise", "kind": "p_cross_by", "series_id": MADE, "level": 120, "horizon": 2,
            "threshold": 0.5}  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """The made-up backtest, which misled, and a few weeks of prices."""
    made = world.open_world(f"sqlite:///{tmp_path}/shown.db")
    world.with_backtest(made, lambda k: not comes(k))
    world.keep(made, world.weekly([100] * 5 + [125, 126, 127, 128] + [100] * 90))
    yield made
    made.engine.dispose()


def test_a_rule_on_chances(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    show_preview(context, CROSSING, as_json=False)
    shown, said = capsys.readouterr()
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0] == f"{MADE}: Made-up {MADE}"
    assert lines[1].startswith("uncalibrated: no skill (-")
    assert lines[2].startswith("Now not beyond the threshold: 8.8%. Chance of a monthly mean above 120")
    assert "24 cutoffs: fired 12 times, 2.1 a year." in shown
    assert "Came true 0% of 12." in shown
    assert lines[-1].split() == ["2026-03-31", "2026-03-31", "94.6%", "2026-06-30", "no"]
    assert "Replayed at 24 backtest cutoffs" in said


def test_a_rule_on_prices(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    show_preview(
        context, {"name": "rose", "kind": "price", "series_id": WEEKLY, "threshold": 110}, as_json=False
    )
    shown, said = capsys.readouterr()
    assert "Now not beyond the threshold: 100.0 CNY/kg incl-vat. point of " in shown
    assert "99 observations: fired once, 0.5 a year." in shown
    assert "Fired 1 day after the first price beyond the threshold (median)." in shown
    assert "Still beyond it at the next observation 100% of 1, at the third 100% of 1." in shown
    cells = ["2025-02-08", "2025-02-07", "125.0", "CNY/kg", "incl-vat", "2025-03-08", "yes"]
    assert shown.splitlines()[-1].split() == cells
    assert "uncalibrated" not in shown
    assert "corrections" in said


def test_as_json_it_is_the_answer_itself(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    show_preview(context, CROSSING, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["firings"], found["rows"][0]["on"], found["cutoffs"]) == (12, "2020-09-30", 24)
