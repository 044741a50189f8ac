"""`ytterby backup` and `ytterby restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.commands.options import open_here
from service.commands.output import say


def backup(
    file: Annotated[
        Path, typer.Argument(dir_okay=False, help="File to write, such as ytterby-2026-11-25.zip.")
    ],
) -> None:
    """Write everything the database holds to one file, while the service runs.

    The file holds your prices, hashes of keys and encrypted secrets: only its owner can read it. Keep
    YTTERBY_SECRET_KEY elsewhere; without it the secrets in the file open nothing.

    Example:  ytterby backup /backups/ytterby-2026-11-25.zip
    """
    from service import backup as use

    made = use.backup(open_here(), file)
    size = file.stat().st_size / 1e6
    say(f"Wrote {file}: {sum(made.rows.values()):,} rows of {len(made.rows)} tables, {size:.1f} MB.")


def restore(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="File that ytterby backup wrote.")
    ],
) -> None:
    """Fill an empty database from such a file, all or nothing. Nothing is ever overwritten.

    The file may come from the other kind of database: this is also the way from SQLite to PostgreSQL.

    Example:  YTTERBY_DATABASE_URL=sqlite:///restored.db ytterby restore /backups/ytterby-2026-11-25.zip
    """
    from service import backup as use

    found = use.restore(open_here(), file)
    rows = sum(found.rows.values())
    say(f"Restored {rows:,} rows of {len(found.rows)} tables from schema {found.revision}.")
