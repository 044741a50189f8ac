"""A progress bar for a training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from service.commands.output import err
from service.startup import Watcher


@contextmanager
def run_progress() -> Iterator[Watcher]:
    """A live bar on standard error; call what is yielded with each step."""
    shape = (
        SpinnerColumn(),
        TextColumn("Training {task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*shape, console=err) as bar:
        task = bar.add_task("queued", total=None)

        def show(note: str, done: int, total: int) -> None:
            bar.update(task, description=note, completed=done, total=total or None)

        yield show
