"""Why a forecast changed, over real runs: the parts, the choice of runs, and what cannot be told any more."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from data.store.tables import event_change, event_version, forecast, fx_rate, quote, run_fact
from forecast.revision import PARTS, Basis, Change, explain
from service import changes, reference
from service.cli import main
from service.context import Context
from service.parameter_facts import PARAMETERS
from service.refusals import NotYet, Refusal
from tests.support.changes_world import (
    BAN,
    BARE,
    CORRECTED,
    DEARER,
    DY,
    DY_EU,
    LATER,
    ND,
    NEW,
    OLD,
    TB,
    TB_EU,
    copied,
)
from tests.support.service_world import BASE, Server

FIRST_TWO = {"from": 1, "to": 2}


def path(series_id: str) -> str:
    return f"/v1/series/{series_id}/forecast/changes"


def ask(server: Server, series_id: str, **runs: int) -> dict[str, Any]:
    found = server.client.get(path(series_id), params=runs)
    assert found.status_code == 200, found.text
    return dict(found.json())


def parts(row: dict[str, Any], unit: str = "log") -> dict[str, float]:
    return {part["name"]: part[unit] for part in row["parts"]}


@pytest.mark.parametrize(
    ("series_id", "cause", "expected"),
    [
        (DY, "new data", math.log(DEARER)),
        (DY_EU, "new data", math.log(DEARER * 1.2)),
        (ND, "revised data", math.log(CORRECTED)),
        (TB_EU, "events", math.log(1.5)),  # from one chance in ten to nine, of an effect that is uncertain
    ],
)
def test_parts_sum_to_the_change_of_what_was_served_and_each_cause_is_where_it_acted(
    changing: Server, series_id: str, cause: str, expected: float
) -> None:
    found = ask(changing, series_id, **FIRST_TWO)
    assert (found["older"]["run_id"], found["older"]["known_at"]) == (1, OLD.isoformat())
    assert (found["newer"]["run_id"], found["newer"]["known_at"]) == (2, NEW.isoformat())
    assert "Demonstration data" in found["notice"]
    served = [
        changing.client.get(f"/v1/series/{series_id}/forecast", params=asked).raise_for_status().json()
        for asked in ({"as_of": OLD.isoformat()}, {})  # the newest says what the second said: nothing changed
    ]
    old, new = ({row["ds"]: row["median"] for row in answer["rows"]} for answer in served)
    assert [row["ds"] for row in found["rows"]] == sorted(old.keys() & new.keys())
    for row in found["rows"]:
        logs = parts(row)
        assert tuple(logs) == PARTS
        assert row["old_median"] == pytest.approx(old[row["ds"]], rel=1e-9)
        assert row["new_median"] == pytest.approx(new[row["ds"]], rel=1e-9)
        assert math.log(row["new_median"] / row["old_median"]) == pytest.approx(row["change_log"], abs=1e-9)
        assert sum(logs.values()) == pytest.approx(row["change_log"], abs=1e-9)
        factors = math.prod(1 + percent / 100 for percent in parts(row, "percent").values())
        assert 100 * (factors - 1) == pytest.approx(row["change_percent"], abs=1e-6)
        if cause != "events" or row["ds"] >= "2026-12-01":  # the ban would come in December
            assert logs[cause] == pytest.approx(expected, abs=0.4 * abs(expected))
            others = {"new data", "revised data", "events"} - {cause}
            assert max(abs(logs[name]) for name in others) < 0.2 * abs(expected)


def test_an_event_says_whether_it_acts_on_the_price_or_on_the_premium(changing: Server) -> None:
    def acts_on(series_id: str) -> dict[str, str]:
        found = changing.client.get(f"/v1/series/{series_id}/forecast").raise_for_status().json()
        return {event["event_id"]: event["acts_on"] for event in found["events"]}

    assert acts_on(TB)[BAN] == "price"
    assert acts_on(TB_EU)[BAN] == "premium over the Chinese price"


def test_a_change_is_worked_out_once(own: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(old: Basis, new: Basis, series: str, **rest: Any) -> Change:
        asked.append(series)
        return explain(old, new, series, **rest)

    monkeypatch.setattr(changes, "explain", counted)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: changes.answer(own, DY, 1, 2), range(4)))
    assert found == [found[0]] * 4
    assert changes.answer(own, ND, 1, 2) != changes.answer(own, ND, 2, 3)
    assert asked == [DY, ND, ND]


def test_the_newest_two_runs_are_compared_and_nothing_happened_between_them(changing: Server) -> None:
    found = ask(changing, DY)
    assert (found["older"]["run_id"], found["newer"]["run_id"]) == (2, 3)
    assert all(log == 0.0 for row in found["rows"] for log in parts(row).values())
    before = ask(changing, DY, to=2)
    assert (before["older"]["run_id"], before["newer"]["run_id"]) == (1, 2)


@pytest.mark.parametrize(
    ("series_id", "runs", "status", "field", "says"),
    [
        (DY, {"from": 3, "to": 2}, 422, "from", "a run before run 2: 1"),
        (DY, {"from": 2, "to": 2}, 422, "from", "a run before run 2: 1"),
        (DY, {"from": 1, "to": 1}, 422, "from", "there is none"),
        (DY, {"to": 1}, 422, "to", "an earlier one before it: 2, 3"),
        (DY, {"from": 7}, 404, "from", "a run that issued this forecast: 1, 2, 3"),
        (DY, {"to": 7}, 404, "to", "a run that issued this forecast: 1, 2, 3"),
        (DY, {"from": 0}, 422, "from", ""),
        (DY, {"form": 1}, 422, "form", "from"),
        (LATER, {}, 409, "forecast", "two runs to compare"),
        (LATER, {"from": 2}, 404, "from", "this forecast: 3"),
        (BARE, {}, 409, "forecast", "ytterby train"),
        ("nope", {}, 404, "series_id", DY),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(
    changing: Server, series_id: str, runs: dict[str, int], status: int, field: str, says: str
) -> None:
    answer = changing.client.get(path(series_id), params=runs)
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (answer.status_code, found["field"]) == (status, field)
    assert says in found["allowed"]


def test_one_run_is_not_enough(shared: Server) -> None:
    answer = shared.client.get(path(BASE))
    assert answer.status_code == 409
    assert answer.json()["found"] == "1 issued"


def test_csv_holds_the_same(changing: Server) -> None:
    answer = changing.client.get(path(DY_EU), params={**FIRST_TWO, "format": "csv"}).raise_for_status()
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    for row, one in zip(ask(changing, DY_EU, **FIRST_TWO)["rows"], rows, strict=True):
        assert (one["ds"], one["from_run"], one["to_run"]) == (row["ds"], "1", "2")
        assert float(one["change_log"]) == row["change_log"]
        assert [float(one[f"{name.replace(' ', '_')}_log"]) for name in PARTS] == list(parts(row).values())


@pytest.fixture
def own(trained: Context, tmp_path: Path) -> Iterator[Context]:
    """A copy that a test may spoil."""
    found = copied(trained, f"sqlite:///{tmp_path}/copy.db")
    yield found
    found.engine.dispose()


def test_runs_of_a_day_before_the_quotes_were_recorded_are_read_back(trained: Context, own: Context) -> None:
    """A replay (--today) stands on what the store got later, but was public by then."""
    with own.engine.begin() as conn:
        for table in (quote, fx_rate, event_version, event_change):
            key = next(iter(table.primary_key.columns))
            for row in conn.execute(select(key, table.c.recorded_at)).all():
                later = row.recorded_at + timedelta(days=400)
                conn.execute(update(table).where(key == row[0]).values(recorded_at=later))
    assert changes.answer(own, TB_EU, 1, 3) == changes.answer(trained, TB_EU, 1, 3)
    with pytest.raises(Refusal, match=r"run 2: .* not those it was given"):  # Nd in Europe came after it
        changes.answer(own, ND, 1, 2)


def test_without_the_demonstration_data_a_forecast_beside_it_cannot_be_issued_again(own: Context) -> None:
    assert changes.answer(own, DY).rows, "and is then kept in the process"
    reference.remove(own)
    with pytest.raises(Refusal, match="demonstration data may have been removed"):
        changes.answer(own, DY)
    with pytest.raises(NotYet, match="0 issued"):
        changes.answer(own, TB)


def test_a_run_that_kept_no_parameters_is_refused(own: Context) -> None:
    with own.engine.begin() as conn:
        conn.execute(delete(run_fact).where(run_fact.c.kind == PARAMETERS, run_fact.c.run_id == 1))
    with pytest.raises(Refusal, match="run 1: found 'no stored parameters'"):
        changes.answer(own, DY, 1, 2)
    assert changes.answer(own, DY).older.run_id == 2


def test_a_forecast_that_does_not_come_out_as_it_was_issued_is_refused(own: Context) -> None:
    with own.engine.begin() as conn:
        issued = (forecast.c.run_id == 2) & (forecast.c.series_id == DY) & forecast.c.served
        values = conn.execute(select(forecast.c.quantile_values).where(issued)).scalar_one()
        conn.execute(update(forecast).where(issued).values(quantile_values=values * 1.001))
    with pytest.raises(Refusal, match=r"run 2: .* 1\.0e-03 off"):
        changes.answer(own, DY, 1, 2)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(trained: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`ytterby` over the three runs."""
    monkeypatch.setenv("YTTERBY_DATABASE_URL", trained.settings.database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ytterby", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr()
        return int(ended.value.code or 0), found.out, found.err

    return call


def test_the_command_shows_a_table_json_or_csv(run: Run, trained: Context) -> None:
    code, text, _ = run("changes", ND, "--from", "1", "--to", "2")
    assert code == 0
    assert "run 1 (known at 2026-09-20) and of run 2 (at 2026-10-20)" in " ".join(text.split())
    headings = next(line for line in text.splitlines() if line.startswith("month"))
    assert headings.split("  ")[0] == "month"
    assert [headings.index(name) for name in PARTS] == sorted(headings.index(name) for name in PARTS)
    found = changes.answer(trained, ND, 1, 2)
    september = next(line for line in text.splitlines() if line.startswith("2026-09"))
    assert f"{found.rows[0].change_percent:+.1f} %" in september
    shown = json.loads(run("changes", ND, "--from", "1", "--to", "2", "--json")[1])
    assert [row["change_log"] for row in shown["rows"]] == [row.change_log for row in found.rows]
    rows = list(csv.DictReader(io.StringIO(run("changes", ND, "--to", "2", "--csv")[1])))
    assert tuple(rows[0]) == changes.COLUMNS
    assert [float(row["change_log"]) for row in rows] == [row.change_log for row in found.rows]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((DY, "--from", "7"), 2, "1, 2, 3"),
        ((DY, "--from", "3", "--to", "2"), 2, "a run before run 2"),
        ((BARE,), 1, "a stored one"),
        ((DY, "--json", "--csv"), 2, "not both"),
    ],
)
def test_the_command_says_what_it_cannot_do(run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    found = run("changes", *words)
    assert found[0] == code
    assert says in " ".join(found[2].split())
