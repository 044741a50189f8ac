"""Backtest figures of a run, long."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select

from data.store.tables import backtest_score
from forecast.errors import InputError

#: step: months ahead, none for all together; low, high: an interval of value; n: forecasts behind it.
COLUMNS = ("series_id", "model", "step", "metric", "value", "low", "high", "n")


def save(conn: Connection, run_id: int, rows: pd.DataFrame) -> None:
    """Store a long frame of COLUMNS. A figure that is no finite number is stored as none."""
    if missing := [name for name in COLUMNS if name not in rows.columns]:
        raise InputError("scores", f"no column {', '.join(missing)}", "the columns " + ", ".join(COLUMNS))
    records = [
        {
            "run_id": run_id,
            "series_id": row["series_id"],
            "model": row["model"],
            "step": None if pd.isna(row["step"]) else int(row["step"]),
            "metric": row["metric"],
            "value": _number(row["value"]),
            "low": _number(row["low"]),
            "high": _number(row["high"]),
            "n": int(row["n"]),
        }
        for row in rows[list(COLUMNS)].to_dict("records")
    ]
    if records:
        conn.execute(insert(backtest_score), records)


def load(conn: Connection, run_id: int) -> pd.DataFrame:
    """The figures of a run in the order they were stored; no rows for a run without any.

    step is Int64 (missing: all steps together), n int64, value, low and high float64.
    """
    columns = [backtest_score.c[name] for name in COLUMNS]
    found = conn.execute(
        select(*columns).where(backtest_score.c.run_id == run_id).order_by(backtest_score.c.backtest_score_id)
    ).all()
    frame = pd.DataFrame([tuple(row) for row in found], columns=list(COLUMNS))
    return frame.astype(
        {"step": "Int64", "value": "float64", "low": "float64", "high": "float64", "n": "int64"}
    )


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
