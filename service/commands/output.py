"""What commands print: tables for people, JSON or CSV for programs, refusals as one clear sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any, Literal

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

FAILURE, USAGE = 1, 2
_ANY_WIDTH = 10_000
_LEAST_TEXT = 12  # characters of a line in a column of text

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


def table(title: str | None, *columns: str, right: Iterable[str] = (), words: Iterable[str] = ()) -> Table:
    """A table; columns named in `right` hold numbers, those in `words` text that may take several lines."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for name in columns:
        side: Literal["right", "left"] = "right" if name in set(right) else "left"
        made.add_column(name, justify=side, overflow="fold", no_wrap=name not in set(words))
    return made


def print_table(made: Table) -> None:
    """Print a table. Where it is wider than the screen, texts and headings wrap, but never a number or an id:
    the lines are then longer than the screen."""
    wide = out.options.update(max_width=_ANY_WIDTH)
    if Measurement.get(out, wide, made).maximum <= out.width:
        out.print(made)
        return
    made.padding = (0, 1, 0, 0)
    needed = len(made.columns)  # one space after each
    for column in made.columns:
        cells = [cell_len(str(cell)) for cell in column.cells]
        heading = max(map(cell_len, str(column.header).split()), default=0)
        if column.no_wrap:
            column.width, column.no_wrap = max(heading, *cells, 0), False
        needed += column.width or max(heading, min(max(cells, default=0), _LEAST_TEXT))
    Console(file=out.file, width=max(needed, out.width), highlight=False).print(made)


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
