"""The record on a database of an earlier version, and what is refused there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import JSON, Column, Engine, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError

from data.store import champions, facts, forecasts
from data.store.columns import Instant, Numbers
from data.store.engine import make_engine
from data.store.migrate import downgrade, migrate, upgrade
from data.store.tables import forecast, forecast_score, run_fact
from data.store.tables import run as run_table

DAYS = [datetime(2026, month, 1, 9, tzinfo=UTC) for month in (3, 4, 5)]
CHOSEN = ("rw", "combination", "combination")


@pytest.fixture
def earlier(database_url: str) -> Iterator[Engine]:
    """Three runs as version 0.2 stored them, of a Chinese series and of one over it: one forecast each."""
    engine = make_engine(database_url)
    with engine.begin() as conn:
        upgrade(conn, "0007")
        old = MetaData()
        tables = {
            name: Table(name, old, autoload_with=conn) for name in ("series", "run", "forecast", "run_fact")
        }
        text = {"form": "", "purity": "", "unit": "kg", "title": "", "provenance": "", "licence_note": ""}
        for name, base in (("cn", None), ("eu", "cn")):
            row = {"series_id": name, "element": "Nd", "market": name, "currency": "CNY", "base_series": base}
            basis = {"tax_basis": "incl-vat", "frequency": "monthly-mean"}
            conn.execute(insert(tables["series"]).values(**row, **basis, **text))
        for k, (day, champion) in enumerate(zip(DAYS, CHOSEN, strict=True), start=1):
            run = {"run_id": k, "state": "done", "reason": "", "requested_at": day, "done": 1, "total": 1}
            conn.execute(insert(tables["run"]).values(**run, beats=0, seen_beats=0))
            for name in ("cn", "eu"):
                _old_forecast(conn, name, k, day, champion if name == "cn" else "premium")
                for kind in ("base-paths", "open-events", "effects"):
                    conn.execute(
                        insert(tables["run_fact"]).values(run_id=k, kind=kind, series_id=name, content="{}")
                    )
    yield engine
    engine.dispose()


def _old_forecast(conn, series_id, run_id, day, champion):  # type: ignore[no-untyped-def]
    """A row of the table as it was, through our own column types."""
    plain = MetaData()
    table = Table(
        "forecast", plain,
        Column("quantile_values", Numbers), Column("mean", Numbers), Column("paths", Numbers),
        Column("issued_at", Instant), Column("header", JSON),
        *(Column(name, JSON) for name in ("periods", "quantiles")),
        *(Column(n, forecast.c[n].type) for n in ("series_id", "run_id", "known_at", "origin", "lag")),
    )  # fmt: skip
    conn.execute(
        insert(table).values(
            series_id=series_id, run_id=run_id, issued_at=day, known_at=day.date(), origin=day.date(), lag=0,
            periods=["2026-06-01"], quantiles=[0.5], quantile_values=np.array([[1.0]]), mean=np.array([1.0]),
            paths=np.array([[1.0]]), header={"champion": champion, "promotion_reason": f"why {champion}"},
        )
    )  # fmt: skip


def test_earlier_forecasts_are_who_was_served_and_no_record(earlier: Engine) -> None:
    migrate(earlier)
    with earlier.connect() as conn:
        for name in ("cn", "eu"):
            for run_id, recipe in enumerate(CHOSEN, start=1):
                found = forecasts.of_run(conn, run_id, name, recipe)
                assert found is not None
                assert (found.served, found.replay) == (True, True)
                for kind in ("base-paths", "open-events"):
                    assert facts.load(conn, run_id, f"{kind}:{recipe}", name) is not None
                assert facts.load(conn, run_id, "effects", name) is not None
            newest = forecasts.latest(conn, name)
            assert newest is not None
            assert (newest.run_id, newest.recipe) == (3, "combination")
        told = champions.history(conn, series_id="cn")
        assert [(p.outcome, p.champion, p.previous) for p in told] == [
            ("kept", "combination", "rw"), ("promoted", "combination", "rw"), ("kept", "rw", None),
        ]  # fmt: skip
        assert told[0].reason == "why combination"
        assert champions.history(conn, series_id="eu") == (), "it goes by its base"
        served = champions.served(conn, "eu", DAYS[0])
        assert served is not None
        assert (served.recipe, served.decided_for) == ("rw", "cn")


def test_going_back_keeps_what_was_served(earlier: Engine) -> None:
    with earlier.begin() as conn:
        upgrade(conn, "0008")
        kept = conn.execute(
            select(forecast).where(forecast.c.run_id == 3, forecast.c.series_id == "cn")
        ).one()
        other = {**kept._mapping, "forecast_id": 100, "recipe": "rw", "served": False}
        conn.execute(insert(forecast).values(other))
        conn.execute(insert(run_fact).values(run_id=3, kind="base-paths:rw", series_id="cn", content={}))
        downgrade(conn, "0007")
    migrate(earlier)
    with earlier.connect() as conn:
        rows = conn.execute(select(forecast.c.run_id, forecast.c.recipe).where(forecast.c.series_id == "cn"))
        assert sorted(map(tuple, rows)) == [(1, "rw"), (2, "combination"), (3, "combination")]
        assert facts.load(conn, 3, "base-paths:combination", "cn") is not None
        assert facts.load(conn, 3, "base-paths:rw", "cn") is None


def test_a_month_is_scored_once_a_vintage(earlier: Engine) -> None:
    migrate(earlier)
    score = {
        "forecast_id": 1, "step": 1, "vintage": 1, "ds": DAYS[0].date(), "actual": 1.0,
        "published_on": DAYS[1].date(), "scale": 1.0, "pinball": 0.1, "walk_pinball": None, "inside_80": True,
        "inside_95": True, "direction": None, "regime": "quiet", "scored_at": DAYS[2],
    }  # fmt: skip
    with earlier.begin() as conn:
        conn.execute(insert(forecast_score).values(score))
        conn.execute(insert(forecast_score).values({**score, "vintage": 2}))
    with pytest.raises(IntegrityError), earlier.begin() as conn:
        conn.execute(insert(forecast_score).values({**score, "actual": 2.0}))
    with earlier.connect() as conn:
        assert conn.execute(select(run_table.c.state).where(run_table.c.run_id == 1)).scalar_one() == "done"
