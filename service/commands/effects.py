"""`ytterby effects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    from service.effects import CounterfactualAnswer, EffectsAnswer, EventAnswer, Size

_SETTLED = 0.01  # share of an effect below which its course is run


def effects(
    series: Annotated[str, typer.Argument(help="A series id, such as dy-oxide-cn.")],
    without: Annotated[
        str | None,
        typer.Option(help="The past price without this event: an id, or all."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also events that are over or not in the price.")
    ] = False,
    currency: Annotated[str | None, typer.Option(help="CNY, EUR or USD. Default: the series' own.")] = None,
    unit: Annotated[str | None, typer.Option(help="kg or tonne.")] = None,
    tax: Annotated[str | None, typer.Option(help="incl-vat or ex-vat (Chinese VAT).")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what events did to a price, what they may still do, and how many events stand behind each figure.

    Example:  ytterby effects dy-oxide-eu
    """
    from service import effects as use_case
    from service.query import make_query

    one_form(as_json, as_csv)
    query = make_query(currency=currency, unit=unit, tax=tax, as_of=day(as_of))
    context = ready_here()
    if without is not None:
        path = use_case.counterfactual(context, series, query, without)
        if as_json:
            print_json(path)
        elif as_csv:
            print_csv(use_case.PATH_COLUMNS, use_case.flat_path(path))
        else:
            _show_path(path)
        return
    found = use_case.answer(context, series, query)
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(use_case.COLUMNS, use_case.flat_rows(found))
    else:
        _show(found, every)


def _show(found: EffectsAnswer, every: bool) -> None:
    chosen = [e for e in found.events if every or e.state != "past" or _in_force(e)]
    out.print(f"[bold]{found.title}[/bold] ({found.series_id}), {found.basis}", soft_wrap=True)
    made = table(
        None, "event", "since", "state", "effect, %", "90 %", "in price", "n", "stands on",
        right=("effect, %", "90 %", "in price", "n"), words=("state", "stands on"),
    )  # fmt: skip
    for event in chosen:
        made.add_row(*_cells(event))
    print_table(made)
    left = len(found.events) - len(chosen)
    if left:
        out.print(f"{left} more events have run their course or are older than the prices: --all shows them.")
    for joint in found.joint:
        if every or any(e.event_id in joint.event_ids for e in chosen):
            out.print(f"Together: {' + '.join(joint.event_ids)}: {_percent(joint.full)} %", soft_wrap=True)
    if found.price is not None:
        out.print(f"Newest price: {price(found.price)} {found.basis}, {found.origin:%Y-%m}.")
    out.print(f"All that prices speak of, in that price: {_percent(found.in_price)} %.")
    for note in found.notes:
        out.print(note, soft_wrap=True)
    if found.notice:
        out.print(f"[yellow]{found.notice}[/yellow]")


def _in_force(event: EventAnswer) -> bool:
    return event.share_now > _SETTLED and event.in_price is not None


def _percent(size: Size) -> str:
    found = size.percent
    return f"{found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f})"


def _cells(event: EventAnswer) -> tuple[str, ...]:
    share = event.full.percent
    inside = event.in_price.per_unit.mean if event.in_price and event.in_price.per_unit else None
    state = event.state if event.state == "past" else f"{event.state} {event.probability:.0%}"
    return (
        event.event_id,
        f"{event.on:%Y-%m}",
        state,
        f"{share.mean:+.1f}",
        f"{share.low:+.1f} to {share.high:+.1f}",
        "-" if inside is None else f"{inside:+,.1f}",
        str(event.events_behind),
        f"{event.source}, prior-led" if event.prior_led else event.source,
    )


def _show_path(found: CounterfactualAnswer) -> None:
    what = "without any event" if found.event == "all" else f"without {found.event}"
    out.print(f"[bold]{found.title}[/bold] ({found.series_id}), {found.basis}, {what}", soft_wrap=True)
    columns = ("on", "actual", "without", "90 %", "effect, %")
    made = table(None, *columns, right=columns[1:])
    for row in found.rows:
        rest = row.counterfactual
        made.add_row(
            row.ds.isoformat(),
            price(row.price),
            price(None if rest is None else rest.mean),
            "-" if rest is None else f"{price(rest.low)} to {price(rest.high)}",
            f"{row.percent.mean:+.1f}",
        )
    print_table(made)
    if found.notice:
        out.print(f"[yellow]{found.notice}[/yellow]")
