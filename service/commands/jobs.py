"""`ytterby jobs list | history | run | pause | resume`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import author, ready_here
from service.commands.output import AsJson, out, print_json, print_table, say, table

if TYPE_CHECKING:
    from data.store.slots import Slot

app = typer.Typer(no_args_is_help=True, help="What the worker does on a schedule: retraining and others.")
Name = Annotated[str, typer.Argument(metavar="JOB", help="Name of the job, such as retrain.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List jobs: schedule, next run, last result, and who runs them.

    Example:  ytterby jobs list --json
    """
    from service import jobs

    board = jobs.list_jobs(ready_here())
    if as_json:
        print_json(board)
        return
    made = table(
        None, "job", "schedule", "next run (UTC)", "last run (UTC)", "result", words=("schedule", "result")
    )
    for job in board.jobs:
        following = "paused" if job.paused else _minute(next(iter(job.next_runs), None))
        if job.wanted is not None:
            following += f" ({job.wanted.reason}: {_minute(job.wanted.at)})"
        last = job.last
        ended = _minute(None if last is None else last.finished_at)
        made.add_row(
            job.name,
            f"{job.schedule} {job.time_zone}",
            following,
            ended,
            "-" if last is None else _ending(last),
        )
    print_table(made)
    leader = board.leader
    out.print(
        f"Led by {leader.holder} since {_minute(leader.taken_at)} UTC."
        if leader.holder
        else "No worker leads."
    )


@app.command()
def history(
    name: Name,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what became of each slot of a job, the latest time first."""
    from service import jobs

    found = jobs.history(ready_here(), name, limit)
    if as_json:
        print_json(found)
        return
    made = table(None, "slot (UTC)", "state", "why", "worker", "result", words=("why", "result"))
    for slot in found:
        made.add_row(_minute(slot.scheduled_for), slot.state, slot.reason, slot.worker or "-", _ending(slot))
    print_table(made)


@app.command()
def run(name: Name) -> None:
    """Ask for a run now. The leading worker takes it up within seconds."""
    from service import jobs

    slot = jobs.run(ready_here(), name, by=author())
    say(f"Asked for. ytterby jobs history {slot.job} shows what comes of it.")


@app.command()
def pause(name: Name) -> None:
    """Skip the slots of the schedule until the job is resumed."""
    from service import jobs

    jobs.pause(ready_here(), name, by=author())
    say(f"Paused. ytterby jobs resume {name} ends it; ytterby jobs run {name} still works.")


@app.command()
def resume(name: Name) -> None:
    """Run on schedule again, from the next slot on."""
    from service import jobs

    jobs.resume(ready_here(), name)
    say("Resumed.")


def _minute(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _ending(slot: Slot) -> str:
    if slot.error is not None:
        return slot.error
    found = ", ".join(f"{name} {value}" for name, value in (slot.result or {}).items() if value is not None)
    return found or slot.state
