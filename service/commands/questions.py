"""`ytterby scenario` and `ytterby basket`: questions to the newest stored forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.options import checked, ready_here
from service.commands.output import AsJson, out, price, print_json, print_table, say, table

if TYPE_CHECKING:
    from service.deadlines import ReadyScenario
    from service.scenarios import OutcomeAnswer, SeriesScenario

_MOST_COLUMNS = 4


def scenario(
    series: Annotated[
        list[str] | None, typer.Argument(help="Series ids, such as dy-oxide-eu. Default: all.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A YAML or JSON body, as for POST /v1/scenarios."),
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(metavar="ID[=P]", help="Branch on an open event, with probability P.")
    ] = None,
    cancel: Annotated[list[str] | None, typer.Option(metavar="ID", help="An open event is off.")] = None,
    postpone: Annotated[
        list[str] | None, typer.Option(metavar="ID=DAY", help="An open event starts on that day instead.")
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="A price whose crossing is asked about; for one series.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="Months from the issue date.")] = None,
    show_ready: Annotated[
        bool, typer.Option("--list", help="Show deadlines and open events that can be asked about.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What would prices do if: each branch, and the mixture of them, against the stored forecast.

    Examples:  ytterby scenario --list
               ytterby scenario dy-oxide-eu --event CN-2027-01-10-EXPIRY=0.4 --level 1500 --horizon 6
    """
    from service import deadlines, scenarios
    from service.api.schemas.scenarios import ScenarioIn
    from service.refusals import Refusal

    context = ready_here()
    if show_ready:
        found = deadlines.ready_scenarios(context)
        print_json(found) if as_json else _show_ready(found)
        return
    body = _read(file)
    body["changes"] = [*(body.get("changes") or ()), *_changes(event, cancel, postpone)]
    if series:
        body["series"] = series
    if horizon is not None:
        body["horizon"] = horizon
    if level is not None:
        if not series or len(series) != 1:
            raise Refusal("level", level, "one series beside it, or levels in a file")
        body["levels"] = {series[0]: [level]}
    answer = scenarios.answer(context, checked(ScenarioIn, body).model_dump())
    if as_json:
        print_json(answer)
        return
    for switch in answer.switches:
        out.print(f"{switch.title} ({switch.event_id}): {switch.on_means}, {switch.probability:.0%}")
    for one in answer.series:
        _show(one)
    for note in answer.notes:
        out.print(note)
    if answer.notice:
        out.print(f"[yellow]{answer.notice}[/yellow]")


def basket(
    items: Annotated[
        list[str],
        typer.Argument(metavar="SERIES=KG ...", help="Kg a month of each, such as nd-oxide-eu=2000."),
    ],
    currency: Annotated[
        str | None, typer.Option(help="CNY, EUR or USD. Needed when the items are in several.")
    ] = None,
    tax: Annotated[str | None, typer.Option(help="incl-vat or ex-vat. Default: as each is quoted.")] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="Months from the issue date.")] = None,
    budget: Annotated[float | None, typer.Option(help="For all months: how likely is it exceeded?")] = None,
    as_json: AsJson = False,
) -> None:
    """What a basket costs each month and in all, with its range, from joint paths.

    Example:  ytterby basket dy-oxide-eu=100 nd-oxide-eu=2000 --currency EUR --horizon 12 --budget 7000000
    """
    from service import baskets
    from service.api.schemas.baskets import BasketIn

    pairs = [_pair("items", item, "SERIES=KG") for item in items]
    body = {
        "items": [{"series_id": name, "quantity": _number(amount)} for name, amount in pairs],
        "currency": currency and currency.upper(),
        "tax": tax,
        "horizon": horizon,
        "budget": budget,
    }
    answer = baskets.cost(ready_here(), checked(BasketIn, body).model_dump())
    if as_json:
        print_json(answer)
        return
    names = list(answer.total_quantiles)
    made = table(None, "month", "step", "mean", *names, right=("step", "mean", *names))
    for row in answer.rows:
        cells = [price(row.quantiles[name]) for name in names]
        made.add_row(f"{row.ds:%Y-%m}", f"+{row.step}", price(row.mean), *cells)
    made.add_section()
    totals = [price(answer.total_quantiles[name]) for name in names]
    made.add_row("in all", "", price(answer.total_mean), *totals, style="bold")
    out.print(
        f"[bold]One kg of the basket, {answer.currency}[/bold]; in all: the cost of {answer.horizon} months"
    )
    print_table(made)
    if answer.over_budget is not None:
        error = answer.over_budget_error or 0.0
        out.print(f"Over {price(answer.budget)}: {answer.over_budget:.1%} (standard error {error:.1%}).")
    if answer.spread_ratio is not None:
        out.print(f"The total spreads {answer.spread_ratio:.2f} times as far as independent items would.")
    for note in answer.notes:
        out.print(note)
    if answer.notice:
        out.print(f"[yellow]{answer.notice}[/yellow]")


def _read(file: Path | None) -> dict[str, Any]:
    from service.events import read_mapping

    return {} if file is None else dict(read_mapping(file, "one mapping, as for POST /v1/scenarios"))


def _changes(
    event: Sequence[str] | None, cancel: Sequence[str] | None, postpone: Sequence[str] | None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for text in event or ():
        name, _, chance = text.partition("=")
        found.append(
            {"event_id": name, "what": "probability", "probability": _number(chance) if chance else None}
        )
    found += [{"event_id": name, "what": "cancelled"} for name in cancel or ()]
    for text in postpone or ():
        name, day = _pair("postpone", text, "ID=2027-07-10")
        found.append({"event_id": name, "what": "postponed", "to": day})
    return found


def _number(text: str) -> float | str:
    """A number; anything else as it was typed, to be refused by name."""
    try:
        return float(text)
    except ValueError:
        return text


def _pair(field: str, text: str, form: str) -> tuple[str, str]:
    from service.refusals import Refusal

    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise Refusal(field, text, form)
    return name, value


def _show_ready(found: Sequence[ReadyScenario]) -> None:
    made = table(
        None,
        "date",
        "event",
        "probability",
        "state",
        "title",
        right=("probability",),
        words=("state", "title"),
    )
    for one in found:
        chance = "-" if one.probability is None else f"{one.probability:.0%}"
        made.add_row(str(one.on), one.event_id, chance, one.state, one.title)
    print_table(made)
    say("Edit a probability: ytterby events change EVENT --stage effective ... --probability P")


def _show(found: SeriesScenario) -> None:
    """One series: medians of headline, mixture and branches, and the chances about a level."""
    basis = found.basis
    out.print(f"[bold]{found.title}[/bold] ({found.series_id}), {basis}, medians", soft_wrap=True)
    branches = found.branches if len(found.branches) <= _MOST_COLUMNS else ()
    heads = [f"branch {k}" for k in range(1, len(branches) + 1)]
    names = ["headline", "mixture", "change", *heads]
    levels = [row.level for row in found.mixture.rows[0].levels] if found.mixture.rows else []
    for level in levels:
        names += [f"above {level:g}", "risen by then"]
    made = table(None, "month", *names, right=names)
    for k, row in enumerate(found.mixture.rows):
        cells = [price(found.headline.rows[k].median), price(row.median), f"{row.change_percent:+.1f} %"]
        cells += [price(branch.rows[k].median) for branch in branches]
        for at in row.levels:
            cells += [f"{at.above:.1%}", f"{at.risen_by:.1%} ± {at.risen_by_error:.1%}"]
        made.add_row(f"{row.ds:%Y-%m}", *cells)
    print_table(made)
    for head, branch in zip(heads, branches, strict=True):
        out.print(f"{head}: {_setting(branch)}")
    if len(found.branches) > _MOST_COLUMNS:
        out.print(f"{len(found.branches)} branches: --json shows them all.")


def _setting(branch: OutcomeAnswer) -> str:
    words = [f"{name} {'on' if on else 'off'}" for name, on in branch.on.items()]
    return f"{', '.join(words)} ({branch.probability:.0%})"
