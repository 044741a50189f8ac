"""Structured logs on standard error. Values of secrets never reach them."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog

_HIDDEN = frozenset({"key", "secret", "password", "token", "authorization", "database_url"})


def hide_secrets(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name says that it is a secret."""
    for name in fields:
        if name.lower() in _HIDDEN:
            fields[name] = "(hidden)"
    return fields


def configure(*, fmt: str = "console", level: str = "info") -> None:
    """Set up logging for this process. Called once by each entry point, never by a library module."""
    numeric = getattr(logging, level.upper())
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is when a line is written
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr, force=True)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that says which part of the service speaks."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(part=name))
