"""`ytterby series` and `ytterby import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.commands.options import AsOf, day, ready_here
from service.commands.output import (
    FAILURE,
    AsCsv,
    AsJson,
    one_form,
    out,
    price,
    print_csv,
    print_json,
    print_table,
    say,
    table,
)


def series(
    series_id: Annotated[str | None, typer.Argument(help="Show the quotes of this series.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the series, or show the quotes of one as they were known on a day.

    Examples:  ytterby series
               ytterby series dy-oxide-cn --as-of 2025-06-30 --csv
    """
    one_form(as_json, as_csv)
    if series_id is None:
        _catalogue(as_json, as_csv)
    else:
        _quotes(series_id, as_of, as_json, as_csv)


def _catalogue(as_json: bool, as_csv: bool) -> None:
    from service import catalogue

    context = ready_here()
    found = catalogue.list_series(context)
    if as_json:
        print_json(found)
        return
    if as_csv:
        print_csv(catalogue.SERIES_COLUMNS, catalogue.flat_series(found))
        return
    made = table(None, "series", "basis", "quotes", "last", "on", "age, days", "forecast issued",
                 right=("quotes", "last", "age, days"), words=("basis",))  # fmt: skip
    for item in found:
        last = item.last_quote
        made.add_row(
            item.series_id,
            f"{item.currency}/{item.unit} {item.tax_basis}",
            str(item.n_quotes),
            price(last.value if last else None),
            str(last.ds) if last else "-",
            str(last.age_days) if last else "-",
            f"{item.forecast_issued_at:%Y-%m-%d}" if item.forecast_issued_at else "none",
        )
    print_table(made)
    said = catalogue.notice(context)
    if said:
        say(f"[yellow]{said}[/yellow]")


def _quotes(series_id: str, as_of: object, as_json: bool, as_csv: bool) -> None:
    from service import catalogue

    answer = catalogue.observations(ready_here(), series_id, as_of=day(as_of))  # type: ignore[arg-type]
    if as_json:
        print_json(answer)
    elif as_csv:
        print_csv(catalogue.QUOTE_COLUMNS, catalogue.flat_quotes(answer))
    else:
        names = ("on", "price", "low", "high", "kind", "available", "source")
        out.print(f"[bold]{series_id}[/bold], {answer.basis}")
        made = table(None, *names, right=("price", "low", "high"), words=("source",))
        for quote in answer.observations:
            made.add_row(str(quote.ds), price(quote.value), price(quote.low), price(quote.high), quote.kind,
                         str(quote.available_on), quote.source)  # fmt: skip
        print_table(made)
        if answer.notice:
            say(f"[yellow]{answer.notice}[/yellow]")


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .csv, .xlsx or .json file.")],
    series_id: Annotated[
        str | None,
        typer.Option("--series", help="Series of rows without unique_id; other ids are then refused."),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Check and count, write nothing.")] = False,
    all_or_nothing: Annotated[
        bool,
        typer.Option("--all-or-nothing", help="One bad row refuses the file; otherwise good rows are kept."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add prices from a file: columns unique_id, ds, y, or the fuller form of docs/cli.md.

    The same file twice changes nothing; a changed price is kept as a correction beside the old one.

    Example:  ytterby import prices.csv --preview
    """
    from service import ingest

    context = ready_here()
    content = ingest.read_file(file, context.settings.max_body_bytes)
    result = ingest.ingest(
        context, content, series_id=series_id, preview=preview, all_or_nothing=all_or_nothing
    )
    if as_json:
        print_json(result)
    else:
        word = "would be " if preview else ""
        out.print(
            f"{result.added} {word}added, {result.corrected} {word}corrected, {result.unchanged} unchanged."
        )
        if result.refused:
            made = table(
                f"{len(result.refused)} refused",
                "line",
                "column",
                "value",
                "reason",
                right=("line",),
                words=("value", "reason"),
            )
            for bad in result.refused:
                made.add_row(str(bad.line), bad.column, str(bad.value), bad.reason)
            print_table(made)
    if result.refused:
        raise typer.Exit(FAILURE)
