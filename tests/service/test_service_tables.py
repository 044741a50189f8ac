"""Tables on a screen of eighty columns: texts wrap, numbers and ids do not."""

from __future__ import annotations

import pytest
from rich.console import Console

from service.commands import output

IDS = ("CN-2026-11-10-EXPIRY", "CN-2027-01-10-EXPIRY")
PRICES = ("12,975,556", "10,785,556", "7,815,111", "4,462,300", "5,855,404", "14,883,717")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "out", Console(width=80, highlight=False))


@pytest.mark.usefixtures("narrow")
def test_texts_wrap_and_ids_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    made = output.table(
        None, "date", "event", "probability", "title", right=("probability",), words=("title",)
    )
    for name in IDS:
        made.add_row("2027-01-10", name, "15%", "End of the prolonged suspension of the October controls")
    output.print_table(made)
    text = capsys.readouterr().out
    assert all(name in text for name in IDS)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) == 1 + 2 * 2


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("repeated", [1, 2])
def test_numbers_do_not_wrap_even_where_nothing_else_can(
    capsys: pytest.CaptureFixture[str], repeated: int
) -> None:
    """One set of six fits when it is put closer; two sets make lines longer than the screen."""
    names = [f"a long heading {k}" for k in range(6 * repeated)]
    made = output.table(None, "month", *names, right=names)
    made.add_row("in all", *PRICES * repeated)
    output.print_table(made)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["in", "all", *PRICES * repeated]
    assert (max(map(len, lines)) <= 80) == (repeated == 1)
