"""`ytterby serve`, `worker` and `migrate`: the processes."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands.options import Today, open_here
from service.commands.output import FAILURE, err, say

if TYPE_CHECKING:
    from service.context import Context
    from service.startup import Prepared


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on. [default: 8000]", min=0, max=65535)
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Start the process that fits beside it.")
    ] = True,
    reference: Annotated[
        bool,
        typer.Option(
            "--reference/--no-reference", help="Fill an empty database with the demonstration data."
        ),
    ] = True,
    today: Today = None,
) -> None:
    """Start the service: database, demonstration data, first training, HTTP.

    The first start makes the database, loads the demonstration data, prints a key for writing (once) and
    trains, about a minute. Later starts take seconds.

    Example:  ytterby serve --port 9000
    """
    from service import startup
    from service.worker.process import WorkerProcess

    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    context = open_here(today=today, **changes)
    settings = context.settings
    listener = _bind(settings.host, settings.port)  # before anything that takes time or shows a key
    prepared = startup.prepare_to_serve(context, reference=reference)
    tell(prepared, context)
    # Ask nicely on TERM as on Ctrl-C: uvicorn passes the signal on when it has closed its connections.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    child = WorkerProcess(settings) if worker else None
    if child is not None:
        child.start()
    try:
        if prepared.needs_training and child is not None:
            first_training(context)
        _listen(context, listener)
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        if child is not None:
            child.stop()
        listener.close()


def tell(prepared: Prepared, context: Context) -> None:
    """Say what preparation did, and show a new key: the only time."""
    from service.answers import NOTICE

    if prepared.loaded_reference:
        say(f"Loaded the reference data. [yellow]{NOTICE}[/yellow]")
    if prepared.key is not None:
        say("Key for writing (shown once, stored hashed; ytterby keys create makes another):")
        say(f"  [bold]{prepared.key}[/bold]")
    if not context.settings.is_embedded:
        say("Every call needs a key: this service listens beyond this machine, or was told so.")


def first_training(context: Context) -> None:
    """Queue the first run and show its progress until the worker has finished it."""
    from service import startup, training
    from service.commands.progress import run_progress

    run = training.request(context, "first start")
    with run_progress() as watcher:
        ended = startup.watch(context, run.run_id, watcher)
    if ended.state != "done":
        why = ended.error or "it was cancelled"
        say(f"[red]Training failed:[/red] {why}. Serving without forecasts; try: ytterby train")


def _bind(host: str, port: int) -> socket.socket:
    """A socket that holds the address. Ends the command when it cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _taken(host, port, error) from None
    return listener


def _taken(host: str, port: int, error: OSError) -> typer.Exit:
    said = f"error: cannot listen on {host} port {port}: {error.strerror}; try another: ytterby serve --port"
    err.print(said, style="red", markup=False, soft_wrap=True)
    return typer.Exit(FAILURE)


def _listen(context: Context, listener: socket.socket) -> None:
    import uvicorn

    from service.app import create_app

    settings = context.settings
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(context=context),
            log_level="warning",
            server_header=False,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
    port = listener.getsockname()[1]
    try:
        # Two starts at once may both bind; only one of them can listen.
        listener.listen(server.config.backlog)
    except OSError as error:
        raise _taken(settings.host, port, error) from None
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    where = f"http://{name}:{port}"
    say(f"[bold green]Serving.[/bold green] Open {where}/ (stop with Ctrl-C)")
    say(f"API: {where}/v1/forecasts   its description: {where}/openapi.json")
    server.run(sockets=[listener])


def worker(today: Today = None) -> None:
    """Run only the process that fits (several may run; each takes one training run at a time).

    `ytterby serve` starts one by itself. Use this beside `ytterby serve --no-worker`.
    """
    if today is not None:
        os.environ["YTTERBY_TODAY"] = today.date().isoformat()
    from service.worker.__main__ import main

    raise typer.Exit(main())


def migrate() -> None:
    """Bring the database to the schema of this version. Safe to repeat."""
    from data.store.migrate import migrate as upgrade
    from data.store.migrate import schema_state

    context = open_here()
    before = schema_state(context.engine)
    upgrade(context.engine)
    after = schema_state(context.engine)
    if not after.current:
        say(f"[red]The schema is still at {after.revision}, this version needs {after.head}.[/red]")
        raise typer.Exit(FAILURE)
    say(f"Schema {before.revision or 'none'} -> {after.revision}.")
