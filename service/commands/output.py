"""What commands print: tables for people, JSON or CSV for programs, refusals as one clear sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

FAILURE, USAGE = 1, 2

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of a table.", rich_help_panel="Output")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.", rich_help_panel="Output")]


def plain(value: object) -> Any:
    """Dataclasses and what they hold as JSON-ready values."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def print_json(value: object) -> None:
    """Indented JSON on standard output; days and instants as ISO text."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, default=_text)
    sys.stdout.write(text + "\n")


def _text(value: object) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else plain(value)


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """CSV on standard output, the same bytes as the API sends."""
    from service.tabular import csv_text

    sys.stdout.write(csv_text(columns, rows))


def table(title: str | None, *columns: str, right: Iterable[str] = ()) -> Table:
    """A table; the columns named in `right` hold numbers."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for name in columns:
        made.add_column(name, justify="right" if name in set(right) else "left", overflow="fold")
    return made


def price(value: float | None) -> str:
    """A price to four figures or so, thousands apart; a dash for none."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}"


def one_form(as_json: bool, as_csv: bool) -> None:
    """Refuse both at once."""
    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv, not both")


def say(text: str) -> None:
    """A remark for people, on standard error, so that output can be piped."""
    err.print(text, soft_wrap=True)
