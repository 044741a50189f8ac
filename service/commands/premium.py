"""`ytterby premium`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.options import AsOf, day, ready_here
from service.commands.output import (
    AsCsv,
    AsJson,
    one_form,
    out,
    price,
    print_csv,
    print_json,
    print_table,
    table,
)

if TYPE_CHECKING:
    from service.premium import PremiumAnswer

#: Parts in words.
WORDS: Mapping[str, str] = {
    "base": "base level",
    "source_change": "change of source",
    "premium": "all: the premium",
}


def premium(
    series: Annotated[str, typer.Argument(help="A series outside China, such as dy-oxide-eu.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what the premium over the Chinese price is made of, and how far stated assumptions carry it.

    Example:  ytterby premium dy-oxide-eu
    """
    from service import premium as use_case

    one_form(as_json, as_csv)
    found = use_case.answer(ready_here(), series, day(as_of))
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(use_case.COLUMNS, use_case.flat_rows(found))
    else:
        show(found)


def show(found: PremiumAnswer) -> None:
    """The last day's parts, the same with each prior halved and doubled, and what to beware of."""
    from service.premium import rows

    last, unit = found.path[-1], f"{found.basis.currency}/{found.basis.unit}"
    out.print(f"[bold]{found.title}[/bold] ({found.series_id}) over {found.base_series}", soft_wrap=True)
    numbers = ("log", "90 % interval", "%", unit, f"{unit}, 90 %", "learned")
    made = table(None, "part", *numbers, "stands on", right=numbers, words=("part", "stands on"))
    for part in rows(last):
        made.add_row(*_cells(part, found.labels))
    print_table(made)
    times = last["multiple_incl_vat"]
    out.print(
        f"On {found.day}, as {last['assessor']} quotes it: {times['mean']:.2f} times the Chinese price"
        f" incl. VAT ({times['low']:.2f} to {times['high']:.2f}). Moves count from {found.reference_day}."
    )
    out.print()
    # a part that is nothing stays nothing under every prior
    names = [part["name"] for part in last["parts"] if found.labels[part["name"]] != "none"]
    columns = [WORDS.get(name, name) for name in names]
    priors = table(
        "With one prior changed",
        "prior",
        "from, to",
        *columns,
        right=("from, to", *columns),
        words=("prior",),
    )
    for change in found.sensitivity:
        cells = [_span(change["parts"][name]) for name in names]
        priors.add_row(change["prior"], f"{change['stated']:g}, {change['value']:g}", *cells)
    print_table(priors)
    for note in (*found.notes, found.notice):
        if note:
            out.print(f"[yellow]{note}[/yellow]")


def _cells(part: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[str, ...]:
    word = WORDS.get(part["name"], part["name"])
    if part["learned"] is None:
        return word, "-", "-", "-", "-", "-", "-", labels.get(part["name"], "")
    money = part["per_unit"]
    return (
        word,
        signed(part["mean"]),
        f"{signed(part['low'])} to {signed(part['high'])}",
        f"{part['percent']['mean']:+.0f}",
        "-" if money is None else price(money["mean"]),
        "-" if money is None else f"{price(money['low'])} to {price(money['high'])}",
        f"{part['learned']:.0%}",
        labels.get(part["name"], ""),
    )


def _span(found: Mapping[str, float]) -> str:
    return f"{signed(found['mean'])} ({signed(found['low'])} to {signed(found['high'])})"


def signed(log: float) -> str:
    """Two decimals and a sign; what rounds to nothing is +0.00."""
    return f"{round(log, 2) + 0.0:+.2f}"
