"""`ytterby alerts`: rules, what became of them, and silences."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.options import assigned, author, checked, ready_here
from service.commands.output import AsJson, out, print_json, print_table, say, table

if TYPE_CHECKING:
    from service.alerts.board import ShownAlert
    from service.alerts.silences import ShownSilence

app = typer.Typer(
    no_args_is_help=True, help="Rules on prices, forecasts and events, and what became of them."
)

Fields = Annotated[
    list[str] | None, typer.Argument(metavar="[FIELD=VALUE ...]", help="Fields of POST /v1/alert-rules.")
]
File = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="A YAML or JSON file with such fields.")
]
RuleId = Annotated[int, typer.Argument(min=1, metavar="RULE", help="Number that alerts rules shows.")]
AlertId = Annotated[int, typer.Argument(min=1, metavar="ALERT", help="Number that alerts list shows.")]
SilenceId = Annotated[
    int, typer.Argument(min=1, metavar="SILENCE", help="Number that alerts silences shows.")
]


@app.command("rules")
def rules(as_json: AsJson = False) -> None:
    """List rules: when each fires, and what is said of it."""
    from service.alerts import board, desk
    from service.alerts.reading import rule_of
    from service.alerts.words import condition

    found = desk.list_rules(ready_here())
    if as_json:
        print_json([board.plain_rule(rule) for rule in found])
        return
    made = table(
        None, "rule", "name", "on", "fires at", "marks", right=("rule",), words=("name", "fires at", "marks")
    )
    for stored in found:
        rule = rule_of(stored)
        marks = "; ".join((*rule.marks, *([] if rule.enabled else ["disabled"])))
        made.add_row(str(rule.rule_id), rule.name, rule.subject, condition(rule), marks or "-")
    print_table(made)


@app.command()
def add(fields: Fields = None, file: File = None) -> None:
    """Arm a rule. It is judged at once, on the newest observation, by the worker.

    Example:  ytterby alerts add kind=p_cross_by series_id=tb-oxide-eu level=4500 currency=USD unit=kg
              horizon=6 threshold=0.30 name="Tb in Europe may pass 4,500"
    """
    from service.alerts import desk

    rule = desk.create_rule(ready_here(), _content(assigned(fields or (), file)), author())
    out.print(str(rule.rule_id))
    _say_marks(rule.marks)
    say(f"Armed as rule {rule.rule_id}. Once a worker has judged it: ytterby alerts show {rule.rule_id}")


@app.command()
def preview(fields: Fields = None, file: File = None, as_json: AsJson = False) -> None:
    """What a rule would have done, on prices and forecasts as they were known then. Nothing is kept.

    Example:  ytterby alerts preview kind=price series_id=dy-oxide-cn threshold=1500 name="Dy above 1,500"
    """
    from service.commands.alert_preview import show_preview

    show_preview(ready_here(), _content(assigned(fields or (), file)), as_json)


@app.command()
def show(rule_id: RuleId, as_json: AsJson = False) -> None:
    """Show one rule with every field, and where its alerts stand."""
    from service.alerts import board, desk
    from service.alerts.reading import rule_of
    from service.alerts.words import condition

    context = ready_here()
    stored = desk.get_rule(context, rule_id)
    found = board.list_alerts(context, rule_id=rule_id)
    if as_json:
        print_json({"rule": board.plain_rule(stored), "alerts": [a.plain() for a in found]})
        return
    out.print(f"{stored.content['name']} (rule {rule_id})", style="bold", markup=False, soft_wrap=True)
    out.print(f"Fires at: {condition(rule_of(stored))}.", markup=False, soft_wrap=True)
    _say_marks(stored.marks)
    for name, value in stored.content.items():
        out.print(f"  {name:<17} {value}", markup=False, soft_wrap=True)
    out.print(
        f"  version {stored.version}, {stored.updated_at:%Y-%m-%d %H:%M} UTC, by {stored.author}",
        markup=False,
    )
    _print_alerts(found)


@app.command()
def change(rule_id: RuleId, fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE ...")]) -> None:
    """Change fields of a rule; null takes one back to its default. Its alert goes on, judged again.

    Example:  ytterby alerts change 3 threshold=0.25 enabled=true recovery=null
    """
    from service.alerts import desk

    context = ready_here()
    stored = desk.get_rule(context, rule_id)
    content = _content({**stored.content, **assigned(fields)})
    rule = desk.replace_rule(context, rule_id, content, stored.version, author())
    _say_marks(rule.marks)
    say(f"Changed; rule {rule_id} is at version {rule.version}.")


@app.command()
def remove(rule_id: RuleId) -> None:
    """Disarm a rule for good. What became of its alerts can still be read."""
    from service.alerts import desk

    context = ready_here()
    desk.delete_rule(context, rule_id, desk.get_rule(context, rule_id).version, author())
    say(f"Disarmed rule {rule_id}.")


@app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(help="inactive, pending, firing, recovering or resolved.")
    ] = None,
    rule: Annotated[int | None, typer.Option(min=1, help="Only those of this rule.")] = None,
    as_json: AsJson = False,
) -> None:
    """List alerts, firing ones first."""
    from service.alerts import board

    found = board.list_alerts(ready_here(), state=state, rule_id=rule)
    if as_json:
        print_json([alert.plain() for alert in found])
        return
    _print_alerts(found)


@app.command()
def history(alert_id: AlertId, as_json: AsJson = False) -> None:
    """What became of an alert, newest first: every change, and who was told or why nobody was."""
    from service.alerts import desk

    found = desk.history(ready_here(), alert_id)
    if as_json:
        print_json(found)
        return
    made = table(None, "at (UTC)", "from", "to", "because", "told", "note", words=("because", "note"))
    for line in found:
        made.add_row(
            f"{line.at:%Y-%m-%d %H:%M}", line.before, line.after, line.reason, line.notified, line.note
        )
    print_table(made)


@app.command()
def ack(alert_id: AlertId, note: Annotated[str, typer.Option(help="Why, in words.")] = "") -> None:
    """Say that somebody has seen a firing alert: it is not repeated until it is resolved."""
    from service.alerts import desk

    desk.acknowledge(ready_here(), alert_id, author(), note)
    say(f"Alert {alert_id} is acknowledged.")


@app.command()
def silences(as_json: AsJson = False) -> None:
    """List silences, newest first, and the rules that each matches now."""
    from service.alerts import silences as use

    found = use.list_silences(ready_here())
    if as_json:
        print_json(found)
        return
    made = table(None, "silence", "matches", "from (UTC)", "until (UTC)", "rules", "by", "comment",
                 right=("silence",), words=("matches", "rules", "by", "comment"))  # fmt: skip
    for one in found:
        made.add_row(*_cells(one))
    print_table(made)


@app.command()
def silence(
    matches: Annotated[
        list[str],
        typer.Argument(metavar="FIELD=VALUE ...", help="rule_id, series_id, element, severity, or a label."),
    ],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 366, help="For so long from now.")],
    comment: Annotated[str, typer.Option(help="Why, in words.")],
) -> None:
    """Do not tell alerts that match, for a while. What is kept back is told when it ends, if it is still so.

    Example:  ytterby alerts silence series_id=tb-oxide-eu severity=warning --hours 48 --comment "trade fair"
    """
    from service.alerts import silences as use
    from service.api.schemas.silences import SilenceIn

    context = ready_here()
    ends_at = context.clock.now() + timedelta(hours=hours)
    body = {"matches": assigned(matches), "ends_at": ends_at, "comment": comment}
    made = use.create_silence(context, checked(SilenceIn, body).model_dump(), author())
    named = ", ".join(map(str, made.rules)) or "none yet"
    out.print(str(made.silence.silence_id))
    say(f"Silenced until {ends_at:%Y-%m-%d %H:%M} UTC. Rules that it matches: {named}.")


@app.command()
def unsilence(silence_id: SilenceId) -> None:
    """End a silence now. What it kept back is told, if it is still so."""
    from service.alerts import silences as use

    context = ready_here()
    use.end_silence(context, silence_id, use.get_silence(context, silence_id).silence.version, author())
    say(f"Silence {silence_id} has ended.")


def _content(fields: dict[str, Any]) -> dict[str, Any]:
    from service.api.schemas.alerts import RuleIn

    kept = {name: value for name, value in fields.items() if value is not None}
    return checked(RuleIn, kept).model_dump(by_alias=True, exclude_none=True)


def _say_marks(marks: Any) -> None:
    for mark in marks:
        say(f"[yellow]{mark}[/yellow]")


def _print_alerts(found: list[ShownAlert]) -> None:
    from service.alerts.reading import rule_of
    from service.alerts.words import value

    made = table(None, "alert", "state", "rule", "about", "value", "as of (UTC)", "told (UTC)", "remarks",
                 right=("alert", "value"), words=("rule", "remarks"))  # fmt: skip
    for one in found:
        alert, rule = one.alert, rule_of(one.rule)
        times = [f"{at:%Y-%m-%d %H:%M}" if at else "-" for at in (alert.observed_at, alert.told_at)]
        name = f"{rule.rule_id}: {rule.name}"
        made.add_row(str(alert.alert_id), alert.state, name, alert.subject, value(rule, alert.value), *times,
                     one.remarks or "-")  # fmt: skip
    print_table(made)


def _cells(one: ShownSilence) -> list[str]:
    kept = one.silence
    said = ", ".join(f"{name}={value}" for name, value in kept.matches.items())
    until = f"{kept.ends_at:%Y-%m-%d %H:%M}" + ("" if one.active else " (not in force)")
    named = ", ".join(map(str, one.rules)) or "-"
    return [
        str(kept.silence_id),
        said,
        f"{kept.starts_at:%Y-%m-%d %H:%M}",
        until,
        named,
        kept.author,
        kept.comment,
    ]
