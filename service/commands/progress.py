"""A progress bar for a training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from data.store.runs import RunProgress
from service.commands.output import err
from service.pace import in_words, time_left
from service.startup import Watcher


@contextmanager
def run_progress() -> Iterator[Watcher]:
    """A live bar on standard error; call what is yielded with each step."""
    shape = (
        SpinnerColumn(),
        TextColumn("Training"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*shape, console=err) as bar:
        task = bar.add_task("", total=1.0)

        def show(told: RunProgress) -> None:
            words = ", ".join(filter(None, (time_left(told), in_words(told))))
            bar.update(task, description=words, completed=told.share)

        yield show
