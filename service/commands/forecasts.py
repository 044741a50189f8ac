"""`ytterby forecast`, `train` and `backtest`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import AsOf, Today, day, ready_here
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

if TYPE_CHECKING:
    from service.answers import ForecastAnswer


def forecast(
    series: Annotated[
        list[str] | None, typer.Argument(help="Series ids, such as dy-oxide-cn. Default: all.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Months from the issue date. Default: all stored.")
    ] = None,
    level: Annotated[str | None, typer.Option(help="Central ranges in per cent, by commas.")] = None,
    quantiles: Annotated[str | None, typer.Option(help="Quantiles from 0.025 to 0.975, by commas.")] = None,
    currency: Annotated[str | None, typer.Option(help="CNY, EUR or USD. Default: the series' own.")] = None,
    unit: Annotated[str | None, typer.Option(help="kg or tonne.")] = None,
    tax: Annotated[
        str | None, typer.Option(help="incl-vat or ex-vat (Chinese VAT at its rate of the date).")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show stored forecasts: the nowcast, the months ahead, their ranges, and what they stand on.

    Examples:  ytterby forecast dy-oxide-eu --horizon 6 --level 80
               ytterby forecast tb-oxide-cn --currency EUR --tax ex-vat --csv > tb.csv
    """
    from service import forecasting
    from service.query import make_query

    one_form(as_json, as_csv)
    shown = level if level or quantiles else "80"
    query = make_query(
        horizon=horizon,
        level=shown,
        quantiles=quantiles,
        currency=currency,
        unit=unit,
        tax=tax,
        as_of=day(as_of),
    )
    context = ready_here()
    if series:
        answers = [forecasting.answer(context, name, query) for name in series]
        left_out: list[tuple[str, str]] = []
    else:
        answers, left_out = forecasting.answer_all(context, query)
    if as_json:
        print_json(answers)
    elif as_csv:
        print_csv(forecasting.columns(query), forecasting.flat_rows(answers))
    else:
        for answer in answers:
            show(answer)
    for why in dict.fromkeys(why for _, why in left_out):
        names = ", ".join(name for name, reason in left_out if reason == why)
        say(f"[yellow]Left out: {names} ({why})[/yellow]")
    if not answers:
        raise typer.Exit(FAILURE)


def show(answer: ForecastAnswer) -> None:
    """One forecast as a table, with what a reader needs to judge it."""
    names = [name for name in answer.rows[0].quantiles if name != "q0.5"]  # the median has its own column
    out.print(f"[bold]{answer.title}[/bold] ({answer.series_id}), {answer.basis}", soft_wrap=True)
    shown = table(None, "month", "step", "median", *names, right=("step", "median", *names))
    for row in answer.rows:
        cells = [f"{row.ds:%Y-%m}", "nowcast" if row.nowcast else f"+{row.step}", price(row.median)]
        cells += [price(row.quantiles[name]) for name in names]
        shown.add_row(*cells, style="dim" if row.nowcast else None)
    print_table(shown)
    last = answer.last_quote
    if last is not None:
        said = f"{price(last.value)} {answer.own_basis} on {last.ds} ({last.kind}), {last.age_days} days old"
        out.print(
            f"Last quote: {said}. The range is that of {answer.lag} months of lag and the months ahead."
        )
    out.print(
        f"Issued {answer.issued_at:%Y-%m-%d %H:%M} UTC, data to {answer.origin:%Y-%m}, run {answer.run_id}."
    )
    out.print(f"Model: {answer.model.champion}. {answer.model.promotion_reason}")
    if answer.served_as.reason:
        out.print(f"Fallback: {answer.served_as.reason}.")
    kind = answer.calibration
    out.print(f"Range: {kind['kind']} calibration on {kind['n_errors']} errors. {kind['note']}")
    if answer.exchange_rate is not None:
        rate = answer.exchange_rate
        carried = "; later months are uncertain and in the range" if rate.carried_forward else ""
        out.print(f"Exchange rate: {rate.last_rate:g} {rate.pair}, mean of {rate.last_month:%Y-%m}{carried}.")
    live = [e for e in answer.events if e["state"] != "past"]
    for event in live:
        acts = f", acts on the {event['acts_on']}" if event.get("acts_on") else ""
        out.print(f"Event: {event['title']} ({event['state']}, probability {event['probability']:.0%}{acts})")
    out.print(f"Events included: {len(answer.events)}, of which open: {len(live)}.")
    for caveat in answer.caveats:
        out.print(f"[yellow]Caveat: {caveat}[/yellow]")
    if answer.notice:
        out.print(f"[yellow]{answer.notice}[/yellow]")
    out.print()


def train(
    today: Today = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Fit on a Dask cluster: dask://host:port. Default: processes here."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit all models on all series, score them out of sample, and store the new forecasts.

    With --today the run uses only what was known on that day: the forecast that would have been issued.

    Examples:  ytterby train
               ytterby train --executor dask://10.0.0.5:8786
    """
    from service import fitting
    from service.commands.progress import run_progress
    from service.commands.runs import tell

    context = ready_here(today=today, **({} if executor is None else {"executor": executor}))
    with run_progress() as watcher:
        run = fitting.run_here(context, "ytterby train", watcher)
    if as_json:
        print_json(run)
    tell(run)


def backtest(
    series: Annotated[str | None, typer.Argument(help="Series id. Default: all.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model, such as champion.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only this figure, such as pinball.")] = None,
    by_step: Annotated[bool, typer.Option(help="Also each number of months ahead.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how every model did out of sample, at the cutoffs of the newest training run.

    Example:  ytterby backtest dy-oxide-cn --metric pinball
    """
    from service import training

    one_form(as_json, as_csv)
    run_id, rows = training.scores(ready_here(), None, series_id=series, model=model, metric=metric)
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(training.SCORE_COLUMNS, rows)
    else:
        chosen = [r for r in rows if by_step or r["step"] is None]
        columns = ("series", "model", "months ahead", "figure", "value", "90 % interval", "n")
        made = table(f"Backtest of run {run_id}", *columns, right=("months ahead", "value", "n"))
        for row in chosen:
            made.add_row(*_cells(row))
        print_table(made)


def _cells(row: dict[str, object]) -> Sequence[str]:
    def number(name: str) -> str:
        value = row[name]
        return "-" if value is None else f"{value:.4g}"

    interval = "-" if row["low"] is None else f"{number('low')} to {number('high')}"
    step = "all" if row["step"] is None else str(row["step"])
    return (
        str(row["series_id"]),
        str(row["model"]),
        step,
        str(row["metric"]),
        number("value"),
        interval,
        str(row["n"]),
    )
