"""A desk that can send: a migrated database with a key for secrets, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from data.store.tables import attempt, delivery, delivery_alert, endpoint
from service.context import Context
from tests.support import postgres
from tests.support.posting import desk


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A database for a whole module, on each in turn."""
    if request.param == "sqlite":
        made = desk(f"sqlite:///{tmp_path_factory.mktemp('webhooks')}/service.db")
        yield made
        made.engine.dispose()
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        made = desk(url.render_as_string(hide_password=False))
        yield made
        made.engine.dispose()


@pytest.fixture
def context(migrated: Context) -> Context:
    """The same with nothing in it."""
    with migrated.engine.begin() as conn:
        for table in (attempt, delivery_alert, delivery, endpoint):
            conn.execute(delete(table))
    return migrated
