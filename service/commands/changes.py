"""`ytterby changes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import ready_here
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
    from service.changes import ChangesAnswer


def changes(
    series: Annotated[str, typer.Argument(help="A series id, such as dy-oxide-eu.")],
    from_run: Annotated[
        int | None, typer.Option("--from", min=1, help="The older run. Default: the one before.")
    ] = None,
    to_run: Annotated[
        int | None, typer.Option("--to", min=1, help="The newer run. Default: the newest.")
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show why a forecast changed between two runs: data, corrections, events, parameters, model choice.

    Example:  ytterby changes dy-oxide-eu --from 3 --to 7
    """
    from service import changes as use_case

    one_form(as_json, as_csv)
    found = use_case.answer(ready_here(), series, from_run, to_run)
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(use_case.COLUMNS, use_case.flat_rows(found))
    else:
        show(found)


def show(found: ChangesAnswer) -> None:
    """One line a month, causes in per cent."""
    names = [part.name for part in found.rows[0].parts]
    columns = ("old", "new", "change", *names)
    made = table(f"{found.title} ({found.series_id}), {found.basis}", "month", *columns, right=columns)
    for row in found.rows:
        causes = [f"{part.percent:+.1f} %" for part in row.parts]
        ends = (price(row.old_median), price(row.new_median), f"{row.change_percent:+.1f} %")
        made.add_row(f"{row.ds:%Y-%m}", *ends, *causes)
    print_table(made)
    out.print(
        f"Medians of run {found.older.run_id} (known at {found.older.known_at}) and of run"
        f" {found.newer.run_id} (at {found.newer.known_at}). Each cause is the difference of two forecasts;"
        " per cents multiply."
    )
    if found.notice:
        out.print(found.notice)
