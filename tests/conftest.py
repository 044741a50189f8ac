"""Databases for tests: the same tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.support import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """One server for the whole session, started when the first test needs it."""
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ytterby.db'}"
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url.render_as_string(hide_password=False)
