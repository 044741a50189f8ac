"""`ytterby data` and `ytterby keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.options import open_here, ready_here
from service.commands.output import AsJson, out, print_json, print_table, say, table

data = typer.Typer(no_args_is_help=True, help="What the database holds, and the demonstration data in it.")
keys = typer.Typer(no_args_is_help=True, help="Keys for writing over HTTP, and for secrets at rest.")


@data.command()
def status(as_json: AsJson = False) -> None:
    """Show database, schema, series, quotes, and whether demonstration data is among them."""
    from service import reference

    found = reference.status(open_here())
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        out.print(f"{name.replace('_', ' '):<22} {value}")


@data.command("load-reference")
def load_reference() -> None:
    """Load the demonstration data that comes with Ytterby. Loading it twice changes nothing."""
    from service import reference
    from service.answers import NOTICE

    reference.load(ready_here())
    say(f"Loaded. [yellow]{NOTICE}[/yellow]")


@data.command("remove-reference")
def remove_reference(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the demonstration prices and the forecasts made from them.

    What you imported yourself stays, and so do events, exchange rates and USGS figures.
    """
    from service import reference

    if not yes:
        typer.confirm("Remove the demonstration data and every forecast made from it?", abort=True)
    reference.remove(open_here())
    say("Removed.")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for; it stands beside what it writes.")],
    scope: Annotated[str, typer.Option(help="write (which includes reading) or read.")] = "write",
) -> None:
    """Make a key and print it: the only time it can be seen."""
    from service import auth

    sys_out = auth.make(ready_here(), name, (scope,))
    out.print(sys_out, soft_wrap=True)


@keys.command("list")
def list_(as_json: AsJson = False) -> None:
    """List keys: names, scopes and dates. The keys themselves are not kept."""
    from service import auth

    found = auth.list_keys(ready_here())
    if as_json:
        print_json(found)
        return
    made = table(None, "name", "scopes", "made", "revoked", words=("scopes",))
    for key in found:
        revoked = f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else "-"
        made.add_row(key.name, " ".join(key.scopes), f"{key.created_at:%Y-%m-%d}", revoked)
    print_table(made)


@keys.command()
def revoke(name: str) -> None:
    """Revoke all keys of that name. They stop working at once."""
    from service import auth

    auth.revoke(ready_here(), name)
    say(f"Revoked {name}.")


@keys.command("encryption-key")
def encryption_key() -> None:
    """Print a new key for YTTERBY_SECRET_KEY, which encrypts the secrets of webhook endpoints.

    It is kept nowhere here: put it where the environment of the service comes from. To change it, set the new
    key before the old one, with a comma between; the worker then encrypts anew, and the old one may go.
    """
    from service.webhooks.secrets import new_key

    out.print(new_key(), soft_wrap=True)
    say("Set it for every process of the service: YTTERBY_SECRET_KEY=<this key>. Keep it like a password.")
