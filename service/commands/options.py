"""Options that several commands share, and the way they reach the database."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from service.context import Context

Body = TypeVar("Body", bound="BaseModel")
Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="Pretend it is this day: nothing that became known later is used.",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="As known at the end of this day."),
]


def day(moment: datetime | None) -> date | None:
    """The day of an option that takes one."""
    return None if moment is None else moment.replace(tzinfo=UTC).date()


def author() -> str:
    """Who changes something from here, for the record."""
    try:
        return f"command line, {getpass.getuser()}"
    except (OSError, KeyError):  # a container user without a name
        return "command line"


def open_here(*, today: datetime | None = None, **changes: Any) -> Context:
    """The context of this process: settings from the environment, changed by command-line options."""
    from service import logs
    from service.context import open_context
    from service.settings import read_settings

    chosen = changes | ({} if today is None else {"today": day(today)})
    settings = read_settings(**chosen)
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    return open_context(settings)


def ready_here(*, today: datetime | None = None, **changes: Any) -> Context:
    """The same, with the schema of this version and, in a database never used, the reference data."""
    from service.answers import NOTICE
    from service.commands.output import say
    from service.startup import prepare

    context = open_here(today=today, **changes)
    if prepare(context):
        say(f"Loaded the reference data. [yellow]{NOTICE}[/yellow]")
    return context


def checked(schema: type[Body], content: object) -> Body:
    """What a person wrote, under the rules of the HTTP body. Raises Refusal for the first bad field."""
    from pydantic import ValidationError

    from service.refusals import Refusal
    from service.wording import refused

    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise Refusal(*refused(error.errors()[0])) from None


def assigned(pairs: Sequence[str], file: Path | None = None) -> dict[str, Any]:
    """Fields of a body: those of a YAML or JSON file, then FIELD=VALUE, the value as JSON where it is some
    (900, null, [1, 2], {"team": "magnets"}), else as text. Raises Refusal for what is no FIELD=VALUE."""
    from service.events import read_mapping
    from service.refusals import Refusal

    found = {} if file is None else dict(read_mapping(file, "one mapping with the fields of the HTTP body"))
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not (name and sign):
            raise Refusal("fields", pair, "FIELD=VALUE, such as threshold=0.3")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
