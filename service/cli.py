"""The command `ytterby`. Exit codes: 0 done, 1 failed, 2 asked in a way that cannot be done."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.commands import (
    admin,
    alerts,
    backup,
    changes,
    effects,
    endpoints,
    events,
    forecasts,
    jobs,
    premium,
    prices,
    questions,
    record,
    reproduce,
    runs,
    serve,
    sources,
)
from service.commands.output import FAILURE, USAGE, err

app = typer.Typer(
    name="ytterby",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "Price forecasts for dysprosium, terbium and neodymium, with export-control events in the models.\n\n"
        "Start: [bold]ytterby serve[/bold]. Then: [bold]ytterby forecast dy-oxide-eu --horizon 6[/bold].\n\n"
        "Settings are environment variables: YTTERBY_DATABASE_URL, YTTERBY_PORT and others (docs/cli.md)."
    ),
)


def _version(asked: bool) -> None:
    if asked:
        from service.version import VERSION

        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def root(
    _asked: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Options before a command."""


_RUN, _READ, _WRITE = "Run it", "Read", "Write"
app.command(rich_help_panel=_RUN)(serve.serve)
app.command(rich_help_panel=_RUN)(forecasts.train)
app.add_typer(runs.app, name="runs", rich_help_panel=_RUN)
app.command(rich_help_panel=_READ)(forecasts.forecast)
app.command(rich_help_panel=_READ)(questions.scenario)
app.command(rich_help_panel=_READ)(questions.basket)
app.command(rich_help_panel=_READ)(forecasts.backtest)
app.command(rich_help_panel=_READ)(changes.changes)
app.command(rich_help_panel=_READ)(premium.premium)
app.command(rich_help_panel=_READ)(effects.effects)
app.command(rich_help_panel=_READ)(prices.series)
app.command(rich_help_panel=_READ)(record.champion)
app.command(rich_help_panel=_READ)(record.track_record)
app.command(rich_help_panel=_READ)(reproduce.reproduce)
app.command(rich_help_panel=_WRITE)(record.rollback)
app.command("import", rich_help_panel=_WRITE)(prices.import_)
app.add_typer(events.app, name="events", rich_help_panel=_WRITE)
app.add_typer(jobs.app, name="jobs", rich_help_panel=_RUN)
app.add_typer(alerts.app, name="alerts", rich_help_panel=_WRITE)
app.add_typer(endpoints.app, name="endpoints", rich_help_panel=_WRITE)
app.add_typer(sources.app, name="sources", rich_help_panel=_WRITE)
app.add_typer(admin.data, name="data", rich_help_panel=_WRITE)
app.add_typer(admin.keys, name="keys", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(serve.worker)
app.command(rich_help_panel=_RUN)(serve.migrate)
app.command(rich_help_panel=_RUN)(backup.backup)
app.command(rich_help_panel=_RUN)(backup.restore)


def main() -> None:
    """Entry point: refusals become one clear line and an exit code, never a stack of calls."""
    from forecast.errors import ForecastError, InputError

    try:
        app()
    except InputError as error:
        sys.exit(_refused(error))
    except ForecastError as error:
        err.print(f"[red]{error}[/red]", markup=True)
        sys.exit(FAILURE)
    except Exception as error:
        if not type(error).__module__.startswith("sqlalchemy"):
            raise
        err.print(f"[red]The database does not answer as it should:[/red] {getattr(error, 'orig', error)}")
        sys.exit(FAILURE)


def _refused(error: Exception) -> int:
    from service.refusals import NotYet, RowsRefused

    err.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
    for row in error.rows if isinstance(error, RowsRefused) else ():
        err.print(f"  line {row['line']}, {row['column']}: {row['value']!r}: {row['reason']}", markup=False)
    return FAILURE if isinstance(error, NotYet | RowsRefused) else USAGE


if __name__ == "__main__":
    main()
