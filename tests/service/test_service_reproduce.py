"""A run made again: bit for bit here, and every planted change is found and named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, select, update

from data.store import runs
from data.store.runs import RunProgress
from data.store.tables import backtest_score, forecast, fx_path, run_fact
from data.store.tables import run as run_table
from service import reference
from service.cli import main
from service.context import Context
from service.refusals import NotKnown, Refusal
from service.reproduce import ELSEWHERE, Reproduced, reproduce
from tests.support.changes_world import DY, DY_EU, ND, copied


def again(context: Context, run_id: int = 2) -> Reproduced:
    seen: list[RunProgress] = []
    found = reproduce(context, run_id, seen.append)
    assert seen, "progress is told"
    return found


@pytest.fixture
def own(trained: Context, tmp_path: Path) -> Iterator[Context]:
    """A copy of three runs, to be changed."""
    found = copied(trained, f"sqlite:///{tmp_path}/copy.db")
    yield found
    found.engine.dispose()


def test_a_run_comes_out_bit_for_bit_whoever_fits_it(trained: Context) -> None:
    """A replay too: its inputs are read as they were on its day."""
    found = again(trained)
    assert found.same
    assert (found.exact, found.largest, found.changed) == (True, 0.0, ())
    assert found.numbers > 100_000
    two = replace(
        trained, settings=trained.settings.model_copy(update={"processes": 2, "horizon": 9, "seed": 5})
    )
    assert again(two) == found, "its own horizon and seed count, not those of today"


def planted(context: Context) -> set[str]:
    """Change one stored number of each kind a little; the parts that they are in."""
    mine = (forecast.c.run_id == 2) & (forecast.c.series_id == DY) & (forecast.c.recipe == "combination")
    figure = (backtest_score.c.run_id == 2) & (backtest_score.c.metric == "pinball")
    figure &= (backtest_score.c.series_id == DY_EU) & backtest_score.c.step.is_(None)
    with context.engine.begin() as conn:
        paths, header = conn.execute(select(forecast.c.paths, forecast.c.header).where(mine)).one()
        bent = np.array(paths)
        bent[7, 3] = np.nextafter(bent[7, 3], np.float32(np.inf))
        header = {**header, "last_price": header["last_price"] * (1 + 1e-15)}
        conn.execute(update(forecast).where(mine).values(paths=bent, header=header))
        conn.execute(update(backtest_score).where(figure).values(value=backtest_score.c.value * 1.01))
        conn.execute(delete(fx_path).where(fx_path.c.run_id == 2, fx_path.c.currency == "EUR"))
    return {
        f"{DY}/combination/paths",
        f"{DY}/combination/header",
        f"backtest/{DY_EU}/champion/pinball/all",
        "rates/EUR",
    }


def test_planted_changes_are_found_and_named(own: Context) -> None:
    names = planted(own)
    found = again(own)
    assert not found.same
    assert {part.name for part in found.differing} == names
    assert found.differing[0].name == found.where == "rates/EUR", "the farthest first: it is not there at all"


def test_under_other_versions_the_last_bits_may_differ_and_no_more(own: Context) -> None:
    with own.engine.begin() as conn:
        summary = dict(conn.execute(select(run_table.c.summary).where(run_table.c.run_id == 2)).scalar_one())
        summary["versions"] = {**summary["versions"], "numpy": "1.0"}
        conn.execute(update(run_table).where(run_table.c.run_id == 2).values(summary=summary))
        for name, factor in ((DY, 0.5), (ND, 2.0)):
            mine = (forecast.c.run_id == 2) & (forecast.c.series_id == name) & (forecast.c.recipe == "rw")
            values = conn.execute(select(forecast.c.quantile_values).where(mine)).scalar_one()
            off = values * (1 + factor * ELSEWHERE)
            conn.execute(update(forecast).where(mine).values(quantile_values=off))
    found = again(own)
    assert not found.exact
    assert [name for name, _, _ in found.changed] == ["numpy"]
    assert [part.name for part in found.differing] == [f"{ND}/rw/values"]
    assert found.largest == pytest.approx(2 * ELSEWHERE, rel=0.01)


def test_a_run_whose_inputs_are_gone_is_refused(own: Context) -> None:
    reference.remove(own)
    with pytest.raises(Refusal, match="demonstration data may have been removed"):
        again(own)


def test_what_cannot_be_made_again_is_refused_with_the_reason(own: Context) -> None:
    with pytest.raises(NotKnown):
        again(own, 9)
    with own.engine.begin() as conn:
        runs.request(conn, requested_at=own.clock.now(), reason="never done")
    with pytest.raises(Refusal, match="found 'queued'; allowed: a run that ended well"):
        again(own, 4)
    with own.engine.begin() as conn:
        summary = dict(conn.execute(select(run_table.c.summary).where(run_table.c.run_id == 2)).scalar_one())
        lost = {**summary, "lost": [[DY, "prophet", "2026-01-31", "took more than 60 s"]]}
        conn.execute(update(run_table).where(run_table.c.run_id == 2).values(summary=lost))
        conn.execute(delete(run_fact).where(run_fact.c.run_id == 3))
        conn.execute(delete(forecast).where(forecast.c.run_id == 3))
    with pytest.raises(Refusal, match="1 fits that were lost to limits"):
        again(own)
    with pytest.raises(Refusal, match="no stored forecast"):
        again(own, 3)


def test_the_command_says_what_came_out(
    own: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YTTERBY_DATABASE_URL", str(own.engine.url))
    monkeypatch.setenv("YTTERBY_PROCESSES", "1")
    planted(own)
    monkeypatch.setattr(sys, "argv", ["ytterby", "reproduce", "2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Run 2 (known at 2026-10-20) does not come out as it was stored" in said
    assert f"Differs: backtest/{DY_EU}/champion/pinball/all, by 9.9e-03" in said
