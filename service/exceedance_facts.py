"""What a run keeps of its backtest for questions about levels: to stored form and back.

One fact a series, so that a rule on one price reads no other's: the grids of all its cutoffs, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import facts
from data.store.facts import Fact
from forecast.evaluation.exceedance import SHARES, Exceedance

KIND = "backtest-exceedance"


def facts_of(made: Sequence[Exceedance]) -> list[Fact]:
    """Of every series that was forecast at a cutoff."""
    by_series: dict[str, list[Exceedance]] = {}
    for one in sorted(made, key=lambda e: (e.unique_id, e.cutoff)):
        by_series.setdefault(one.unique_id, []).append(one)
    return [
        Fact(
            kind=KIND,
            series_id=name,
            content={
                "cutoffs": [one.cutoff.isoformat() for one in own],
                "origins": [str(one.origin) for one in own],
                "last_prices": [one.last_price for one in own],
                "shares": list(SHARES),
            },
            numbers=np.stack([one.grid for one in own]),
        )
        for name, own in by_series.items()
    ]


def load(conn: Connection, run_id: int, series_id: str) -> tuple[Exceedance, ...]:
    """The cutoffs of a series in the backtest of a run, oldest first; none where it was at no cutoff, or the
    run kept none or others shares of an older version."""
    found = facts.load(conn, run_id, KIND, series_id)
    if found is None or found.numbers is None or found.content["shares"] != list(SHARES):
        return ()
    rows = zip(
        found.content["cutoffs"], found.content["origins"], found.content["last_prices"], found.numbers,
        strict=True,
    )  # fmt: skip
    return tuple(
        Exceedance(
            unique_id=series_id,
            cutoff=date.fromisoformat(cutoff),
            origin=pd.Period(origin, "M"),
            last_price=last_price,
            grid=np.asarray(grid, dtype=np.float32),
        )
        for cutoff, origin, last_price, grid in rows
    )
