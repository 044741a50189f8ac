"""`ytterby sources add | list | show | pull | remove | quarantine`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import author, checked, ready_here
from service.commands.output import FAILURE, AsJson, out, print_json, print_table, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data.store.quarantine import Result

app = typer.Typer(no_args_is_help=True, help="Prices and rates that come by themselves.")

SourceId = Annotated[str, typer.Argument(help="Id of the source.")]


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A YAML or JSON file that describes one source."),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one of that id.")
    ] = False,
) -> None:
    """Add a source. The fields are those of POST /v1/sources (docs/sources.md has examples).

    Example:  ytterby sources add desk.yaml
    """
    from service.api.schemas.sources import SourceIn
    from service.events import read_mapping
    from service.sources import manage

    context = ready_here()
    found = read_mapping(file, "one mapping with the fields of POST /v1/sources")
    content = checked(SourceIn, found).model_dump()
    name = content["source_id"]
    if replace:
        version = manage.get_source(context, name).stored.version
        manage.replace_source(context, name, content, version=version, author=author())
    else:
        manage.add_source(context, content, author=author())
    say(f"{'Replaced' if replace else 'Added'} {name}. Pull it now: ytterby sources pull {name}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the sources and what their last pulls came to."""
    from service.sources import manage

    found = manage.list_sources(ready_here())
    if as_json:
        print_json([one.plain() for one in found])
        return
    made = table(None, "source", "format", "next pull", "last", "outcome", "reason", words=("reason",))
    for one in found:
        last = one.results[0] if one.results else None
        due_at = one.stored.due_at
        made.add_row(
            one.stored.source.source_id,
            one.stored.source.format,
            f"{due_at:%Y-%m-%d %H:%M}" if due_at else "by hand",
            f"{last.at:%Y-%m-%d %H:%M}" if last else "never",
            last.outcome if last else "-",
            (last.reason or "") if last else "",
        )
    print_table(made)


@app.command()
def show(source_id: SourceId, as_json: AsJson = False) -> None:
    """Show one source and what its last pulls came to."""
    from service.sources import manage

    found = manage.get_source(ready_here(), source_id)
    if as_json:
        print_json(found.plain())
        return
    for name, value in found.plain().items():
        if name != "results" and value not in (None, "", {}):
            out.print(f"{name:<14} {value}", markup=False, soft_wrap=True)
    _print_results(found.results)


@app.command()
def pull(
    source_id: Annotated[
        str | None, typer.Argument(help="Id of the source; without it, all that are due.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pull one source now, or every source that is due and what lies in the watched folder.

    Exit code 1 when one of them failed or was kept apart.
    """
    from data.store.quarantine import FAILED, QUARANTINED
    from service.sources import pull as use

    context = ready_here()
    now = context.clock.now()
    results = (
        use.pull_due(context, now=now).results
        if source_id is None
        else (use.pull_now(context, source_id, now=now),)
    )
    if as_json:
        print_json(results)
    else:
        _print_results(results)
    if any(one.outcome in (FAILED, QUARANTINED) for one in results):
        raise typer.Exit(FAILURE)


@app.command()
def remove(source_id: SourceId) -> None:
    """Pull a source no more. Its quotes stay."""
    from service.sources import manage

    context = ready_here()
    version = manage.get_source(context, source_id).stored.version
    manage.remove_source(context, source_id, version=version, author=author())
    say(f"Removed {source_id}. Its quotes stay.")


@app.command()
def quarantine(
    number: Annotated[
        int | None, typer.Argument(help="Number of a file; without it, all that are held.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Take it in after all.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Let it go.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the files that are kept apart, show one with its beginning, or decide about it.

    Example:  ytterby sources quarantine 3 --accept
    """
    from service.sources import quarantine as use

    if accept and dismiss:
        raise typer.BadParameter("choose --accept or --dismiss, not both")
    if number is None:
        if accept or dismiss:
            raise typer.BadParameter("say which file: its number")
        _list_held(as_json)
        return
    context = ready_here()
    if accept:
        _print_results((use.accept(context, number, by=author()),))
    elif dismiss:
        use.dismiss(context, number, by=author())
        say(f"Dismissed {number}.")
    else:
        found = use.show(context, number)
        if as_json:
            print_json(found)
            return
        held = found.held
        out.print(f"{held.quarantine_id}: {held.origin}, {held.size} bytes, {held.state}", markup=False)
        out.print(f"{held.kind}: {held.reason}", markup=False, soft_wrap=True)
        out.print(found.excerpt or "(no text)", markup=False, soft_wrap=True)


def _list_held(as_json: bool) -> None:
    from service.sources import quarantine as use

    found = use.list_held(ready_here(), state="held")
    if as_json:
        print_json(found)
        return
    made = table(None, "number", "source", "file", "since", "seen", "kind", "reason",
                 right=("number", "seen"), words=("file", "reason"))  # fmt: skip
    for held in found:
        made.add_row(str(held.quarantine_id), held.source_id or "-", held.origin, f"{held.at:%Y-%m-%d %H:%M}",
                     str(held.seen), held.kind, held.reason)  # fmt: skip
    print_table(made)


def _print_results(results: Iterable[Result]) -> None:
    made = table(None, "source", "at", "outcome", "rows", "added", "corrected", "refused", "reason",
                 right=("rows", "added", "corrected", "refused"), words=("reason",))  # fmt: skip
    for one in results:
        made.add_row(one.source_id or one.origin, f"{one.at:%Y-%m-%d %H:%M}", one.outcome, str(one.rows),
                     str(one.added), str(one.corrected), str(one.refused), one.reason or "")  # fmt: skip
    print_table(made)
