"""What every use case is given: the database, the settings, the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from data.store.engine import make_engine
from service.cache import Cache
from service.clock import Clock
from service.refusals import Refusal
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Passed in, never looked up."""

    engine: Engine
    settings: Settings
    clock: Clock
    cache: Cache = field(default_factory=Cache)


def open_context(settings: Settings) -> Context:
    """Open the database of `settings` (its folder is made if need be) and start the clock."""
    path = settings.sqlite_path
    if path is not None and str(path) not in ("", ":memory:"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refusal(
                "database_url", str(path), f"a folder that can be made ({error.strerror})"
            ) from None
    return Context(
        engine=make_engine(settings.database_url), settings=settings, clock=Clock.starting(settings.today)
    )
