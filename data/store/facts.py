"""What a run found beside its forecasts: one JSON document a kind and series, and an array where needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, insert, select

from data.store.tables import run_fact
from forecast.types import Array

WHOLE_RUN = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fact:
    """kind: what it is ("effects", "parameters" ...). series_id: "" for a whole run. content: JSON-ready."""

    kind: str
    content: Mapping[str, Any]
    series_id: str = WHOLE_RUN
    numbers: Array | NDArray[np.float32] | None = None


def save(conn: Connection, run_id: int, fact: Fact) -> None:
    """Store one. The database refuses a second one of its kind and series from the same run."""
    conn.execute(
        insert(run_fact).values(
            run_id=run_id,
            kind=fact.kind,
            series_id=fact.series_id,
            content=dict(fact.content),
            numbers=fact.numbers,
        )
    )


def load(conn: Connection, run_id: int, kind: str, series_id: str = WHOLE_RUN) -> Fact | None:
    """That fact of a run, or None."""
    row = conn.execute(
        select(run_fact).where(
            run_fact.c.run_id == run_id, run_fact.c.kind == kind, run_fact.c.series_id == series_id
        )
    ).first()
    return None if row is None else _fact(row)


def all_of_run(conn: Connection, run_id: int) -> tuple[Fact, ...]:
    """Every fact of a run, by kind and series."""
    chosen = select(run_fact).where(run_fact.c.run_id == run_id)
    return tuple(_fact(row) for row in conn.execute(chosen.order_by(run_fact.c.kind, run_fact.c.series_id)))


def _fact(row: Row[Any]) -> Fact:
    return Fact(kind=row.kind, content=row.content, series_id=row.series_id, numbers=row.numbers)
