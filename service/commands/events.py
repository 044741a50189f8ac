"""`ytterby events list | show | add | change`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from service.commands.options import AsOf, author, checked, day, ready_here
from service.commands.output import (
    AsCsv,
    AsJson,
    one_form,
    out,
    print_csv,
    print_json,
    print_table,
    say,
    table,
)

app = typer.Typer(no_args_is_help=True, help="Export-control and supply events: what the models are told.")


@app.command("list")
def list_(
    element: Annotated[
        str | None, typer.Option(help="Only events that touch this element, such as Dy.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List events, oldest first, as the public knew them on a day.

    Example:  ytterby events list --element Dy --as-of 2025-04-30
    """
    from service import events

    one_form(as_json, as_csv)
    found = [
        e
        for e in events.list_events(ready_here(), known_by=day(as_of))
        if not element or e.event.covers(element)
    ]
    if as_json:
        print_json([e.plain() for e in found])
    elif as_csv:
        print_csv(events.COLUMNS, events.flat_changes(found))
    else:
        made = table(
            None, "event", "public", "stage", "type", "elements", "title", words=("stage", "type", "title")
        )
        for answer in found:
            event, newest = answer.event, answer.event.changes[-1]
            chance = "" if newest.probability == 1 else f" ({newest.probability:.0%})"
            touched = " ".join(event.elements)
            stage = newest.stage.value + chance
            made.add_row(
                event.event_id, str(event.known_on), stage, answer.rule.event_type, touched, event.title
            )
        print_table(made)


@app.command()
def show(event_id: str, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show one event: its life-cycle, how it enters the models, its sources, and who recorded what."""
    from service import events

    context = ready_here()
    answer = events.get_event(context, event_id, known_by=day(as_of))
    if as_json:
        print_json(answer.plain())
        return
    event, rule = answer.event, answer.rule
    out.print(f"[bold]{event.title}[/bold] ({event.event_id})")
    out.print(f"{event.instrument}, {event.direction}, {event.jurisdiction}, {event.market_side.value}: "
              + ", ".join(f"{e} {c.value}" for e, c in event.elements.items()))  # fmt: skip
    out.print(f"In the models: {rule.event_type}, {rule.shape}, channel {rule.channel}")
    steps = table(
        None, "stage", "from", "public", "probability", "note", right=("probability",), words=("note",)
    )
    for step in event.changes:
        steps.add_row(
            step.stage.value, str(step.on), str(step.known_on), f"{step.probability:.0%}", step.note
        )
    print_table(steps)
    for source in event.sources:
        out.print(" - " + ", ".join(str(v) for v in source.values() if v))
    made = table("Recorded here", "when", "by", "what", words=("by", "what"))
    for edit in events.history(context, event_id):
        made.add_row(f"{edit.recorded_at:%Y-%m-%d %H:%M}", edit.author, edit.what)
    print_table(made)


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A YAML or JSON file with one event.")
    ],
) -> None:
    """Add an event from a file. The fields are those of POST /v1/events (docs/api.md has an example)."""
    from service import events
    from service.api.schemas.events import EventIn

    made = events.add_event(
        ready_here(), checked(EventIn, events.read_file(file)).model_dump(), author=author()
    )
    say(f"Added {made.event.event_id}. It enters forecasts with the next training run: ytterby train")


@app.command()
def change(
    event_id: str,
    stage: Annotated[
        str, typer.Option(help="announced, effective, suspended, extended, lifted or superseded.")
    ],
    on: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day it holds from.")
    ],
    known_on: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day it became public.")
    ],
    probability: Annotated[
        float, typer.Option(min=0, max=1, help="Chance that it happens; 1 for a fact.")
    ] = 1.0,
    note: Annotated[str, typer.Option(help="Why, in words.")] = "",
) -> None:
    """Add a step to an event's life-cycle. Nothing is overwritten: earlier days still see what they knew.

    Example:  ytterby events change CN-2026-11-10-EXPIRY --stage effective --on 2026-11-10
              --known-on 2026-11-24 --probability 0.2 --note "no word of reinstatement"
    """
    from service import events

    content = {
        "stage": stage,
        "on": day(on),
        "known_on": day(known_on),
        "probability": probability,
        "note": note,
    }
    events.add_change(ready_here(), event_id, content, author=author())
    say("Recorded. It enters forecasts with the next training run: ytterby train")
