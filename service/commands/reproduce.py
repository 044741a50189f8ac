"""`ytterby reproduce`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.options import ready_here
from service.commands.output import FAILURE, AsJson, out, print_json

if TYPE_CHECKING:
    from service.reproduce import Reproduced

_SHOWN = 10


def reproduce(
    run: Annotated[int, typer.Argument(min=1, help="Number of a finished run.")],
    executor: Annotated[
        str | None, typer.Option(help="Fit on a Dask cluster, dask://host:port; the numbers are the same.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a run again from what it was given, and compare every number that it stored. Nothing is written.

    Example:  ytterby reproduce 3
    """
    changes: dict[str, Any] = {} if executor is None else {"executor": executor}
    from service import reproduce as use_case
    from service.commands.progress import run_progress

    with run_progress() as watcher:
        found = use_case.reproduce(ready_here(**changes), run, watcher)
    if as_json:
        print_json(found)
    else:
        show(found)
    if not found.same:
        raise typer.Exit(FAILURE)


def show(found: Reproduced) -> None:
    """Sentences, and the parts that differ."""
    rule = "bit for bit" if found.exact else "1e-8, single precision 1.2e-7"
    said = "comes out as it was stored" if found.same else "does not come out as it was stored"
    lines = [
        f"Run {found.run_id} (known at {found.known_at}) {said}: {found.numbers:,} numbers in {found.parts:,}"
        f" parts, allowed: {rule}.",
        f"Largest relative difference: {found.largest:.1e}"
        + (f" in {found.where}." if found.largest else "."),
    ]
    lines += [f"Other here: {name} {here}, of the run {before}" for name, before, here in found.changed]
    lines += [f"Differs: {part.name}, by {part.off:.1e}" for part in found.differing[:_SHOWN]]
    if (more := len(found.differing) - _SHOWN) > 0:
        lines.append(f"and {more} more")
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
