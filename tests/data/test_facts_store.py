"""What a run found comes back as it was, once, and goes with the demonstration prices it stands on."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from data.reference.load import load_reference, remove_reference
from data.store import facts, runs
from data.store.facts import Fact


@pytest.fixture
def run_id(engine: Engine, now: datetime) -> int:
    with engine.begin() as conn:
        return runs.request(conn, requested_at=now, reason="test")


def test_a_fact_comes_back_as_it_was(engine: Engine, run_id: int) -> None:
    kept = Fact(
        kind="effects", series_id="dy", content={"a": [1.5, None]}, numbers=np.arange(6.0).reshape(2, 3)
    )
    with engine.begin() as conn:
        facts.save(conn, run_id, kept)
        facts.save(conn, run_id, Fact(kind="effects", content={"whole": True}))
    with engine.connect() as conn:
        found = facts.load(conn, run_id, "effects", "dy")
        whole = facts.load(conn, run_id, "effects")
        assert facts.load(conn, run_id, "parameters", "dy") is None
    assert found is not None
    assert whole is not None
    assert found.content == kept.content
    assert found.numbers is not None
    assert np.array_equal(found.numbers, np.arange(6.0).reshape(2, 3))
    assert (whole.content, whole.numbers) == ({"whole": True}, None)


def test_a_second_fact_of_the_same_kind_is_refused(engine: Engine, run_id: int) -> None:
    with engine.begin() as conn:
        facts.save(conn, run_id, Fact(kind="effects", series_id="dy", content={}))
    with pytest.raises(IntegrityError), engine.begin() as conn:
        facts.save(conn, run_id, Fact(kind="effects", series_id="dy", content={}))


def test_facts_go_with_the_demonstration_prices(engine: Engine, run_id: int, now: datetime) -> None:
    with engine.begin() as conn:
        load_reference(conn, now)
        for name in ("dy-oxide-cn", "own", ""):
            facts.save(conn, run_id, Fact(kind="effects", series_id=name, content={}))
        remove_reference(conn, now)
    with engine.connect() as conn:
        left = [n for n in ("dy-oxide-cn", "own", "") if facts.load(conn, run_id, "effects", n) is not None]
    assert left == ["own"]
