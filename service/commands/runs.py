"""`ytterby runs`: what training runs there are, what one is doing, and its end before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import ready_here
from service.commands.output import FAILURE, AsJson, print_json, print_table, say, table

if TYPE_CHECKING:
    from data.store.runs import Run

app = typer.Typer(no_args_is_help=True, help="Training runs: list them, watch one, cancel one.")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List training runs, newest first."""
    from service import training
    from service.pace import in_words, time_left

    found = training.list_runs(ready_here(), limit)
    if as_json:
        print_json(found)
        return
    made = table(
        None, "run", "state", "asked for", "ended", "reason", "", right=("run",), words=("reason", "")
    )
    for run in found:
        told = run.progress
        doing = "" if told is None else ", ".join(filter(None, (in_words(told), time_left(told))))
        ended = "-" if run.finished_at is None else f"{run.finished_at:%Y-%m-%d %H:%M}"
        asked = f"{run.requested_at:%Y-%m-%d %H:%M}"
        made.add_row(str(run.run_id), run.state, asked, ended, run.reason, run.error or doing)
    print_table(made)


@app.command()
def watch(
    run_id: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="Its number. Default: the newest.", min=1)
    ] = None,
) -> None:
    """Show what a training run is doing until it ends. Ctrl-C ends the watching, not the run.

    Example:  ytterby runs watch
    """
    from service import startup, training
    from service.commands.progress import run_progress

    context = ready_here()
    if run_id is None:
        run_id = training.newest(context).run_id
    with run_progress() as watcher:
        ended = startup.watch(context, run_id, watcher)
    tell(ended)


@app.command()
def cancel(run_id: Annotated[int, typer.Argument(metavar="RUN", help="Its number.", min=1)]) -> None:
    """Cancel a training run that is queued or running. Nothing of it is stored.

    Example:  ytterby runs cancel 12
    """
    from service import training

    training.cancel(ready_here(), run_id)
    say(f"Run {run_id} is cancelled.")


def tell(run: Run) -> None:
    """Say how a run ended, and what it had to do without. Ends the command with 1 unless it is done."""
    if run.state != "done":
        why = f": {run.error}" if run.error else ""
        say(f"[red]Run {run.run_id} {'failed' if run.state == 'failed' else 'was cancelled'}{why}[/red]")
        raise typer.Exit(FAILURE)
    summary = run.summary or {}
    say(f"Run {run.run_id} is done: {summary.get('forecasts')} forecasts in {summary.get('seconds'):.0f} s.")
    for name, why in summary.get("failures", []):
        say(f"[yellow]{name} got no forecast: {why}[/yellow]")
    lost: dict[tuple[str, str, str], list[str]] = {}
    for series, model, day, why in summary.get("lost", []):
        lost.setdefault((model, series or "all series", why), []).append(day)
    for (model, series, why), days in lost.items():
        fits = f"its fit of {days[0]}" if len(days) == 1 else f"{len(days)} fits to {max(days)}"
        say(f"[yellow]{model} on {series} lost {fits}: {why}[/yellow]")
