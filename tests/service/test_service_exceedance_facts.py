"""What a run keeps of its backtest comes back as it was, on either database."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from data.store import facts, runs
from data.store.facts import Fact
from data.store.migrate import migrate
from forecast.evaluation.exceedance import SHARES, Exceedance
from service import exceedance_facts
from service.context import open_context
from service.settings import Settings
from tests.support.service_world import ISSUED


def made(name: str, cutoff: date, last_price: float) -> Exceedance:
    """One of three steps with numbers of its own."""
    grid = np.random.default_rng(cutoff.month).normal(size=(3, 3, len(SHARES))).astype(np.float32)
    return Exceedance(
        unique_id=name, cutoff=cutoff, origin=pd.Period(cutoff, "M") - 1, last_price=last_price, grid=grid
    )


def test_cutoffs_come_back_by_series_oldest_first(database_url: str) -> None:
    context = open_context(Settings(database_url=database_url))
    migrate(context.engine)
    kept = [
        made("a", date(2024, 6, 30), 3.5),
        made("b", date(2024, 3, 31), 70.0),
        made("a", date(2024, 3, 31), 3.0),
    ]
    with context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="test")
        for fact in exceedance_facts.facts_of(kept):
            facts.save(conn, run_id, fact)
        found = exceedance_facts.load(conn, run_id, "a")
        assert [e.cutoff for e in found] == [date(2024, 3, 31), date(2024, 6, 30)]
        for one, before in zip(found, (kept[2], kept[0]), strict=True):
            for name in ("unique_id", "cutoff", "origin", "last_price"):
                assert getattr(one, name) == getattr(before, name)
            assert one.grid.dtype == np.float32
            assert np.array_equal(one.grid, before.grid)
        assert exceedance_facts.load(conn, run_id, "c") == ()
        odd = {"cutoffs": [], "origins": [], "last_prices": [], "shares": [0.5]}
        facts.save(
            conn, run_id, Fact(kind=exceedance_facts.KIND, series_id="d", content=odd, numbers=np.ones(1))
        )
        assert exceedance_facts.load(conn, run_id, "d") == (), "kept by a version with other shares"
    context.engine.dispose()
