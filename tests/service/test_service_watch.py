"""The watched folder: files are taken once and whole, and nothing outside it is read or moved."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.store import prices
from data.store.quarantine import QUARANTINED, TAKEN, Result
from data.types import Quote
from service.context import Context, open_context
from service.refusals import Refusal
from service.settings import Settings
from service.sources import folder, manage
from service.sources import quarantine as held
from service.sources.pull import pull_due
from service.sources.watch import take_folder
from tests.support.service_world import BASE, fill

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ROW = f"{BASE},2026-08-01,500\n"
GOOD = "unique_id,ds,y\n" + ROW


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A folder to be watched."""
    made = tmp_path / "watched"
    made.mkdir()
    return made


@pytest.fixture
def context(settings: Settings, watched: Path) -> Iterator[Context]:
    """The made-up world with that folder."""
    changes = {"watch_folder": watched, "watch_settle_seconds": 0.05}
    made = open_context(settings.model_copy(update=changes))
    fill(made, with_forecast=False)
    yield made
    made.engine.dispose()


def newest(context: Context) -> list[Quote]:
    with context.engine.connect() as conn:
        return prices.load(conn, [BASE])[-2:]


def names(place: Path) -> list[str]:
    """Names without the stamp before them."""
    return sorted(path.name.split("-", 2)[-1] for path in place.iterdir()) if place.exists() else []


def taken(context: Context) -> dict[str, Result]:
    return {one.origin: one for one in take_folder(context, now=NOW)}


def test_files_are_taken_and_moved(context: Context, watched: Path) -> None:
    (watched / "a.csv").write_text(GOOD)
    (watched / "b.json").write_text(f'[{{"unique_id": "{BASE}", "ds": "2026-09-01", "y": 510}}]')
    found = taken(context)
    assert {name: (one.outcome, one.added, one.source_id) for name, one in found.items()} == {
        "a.csv": (TAKEN, 1, None),
        "b.json": (TAKEN, 1, None),
    }
    assert [(quote.value, quote.source) for quote in newest(context)] == [
        (500.0, "file a.csv"),
        (510.0, "file b.json"),
    ]
    assert names(watched / "done") == ["a.csv", "b.json"]
    assert taken(context) == {}


def test_what_cannot_be_taken_is_moved_with_its_reason(context: Context, watched: Path) -> None:
    (watched / "page.csv").write_text("<html>")
    (watched / "review.pdf").write_text("%PDF")
    (watched / "large.csv").write_text(GOOD + ROW * 2000)
    (watched / "slip.csv").write_text(GOOD.replace("500", "500000"))
    before = newest(context)
    found = taken(context)
    assert {one.outcome for one in found.values()} == {QUARANTINED}
    assert newest(context) == before
    words = {
        "page.csv": "html: a page, not prices",
        "review.pdf": "allowed: .csv or .xlsx or .json",
        "large.csv": "allowed: at most 20000 bytes",
        "slip.csv": "1,000 times the weight",
    }
    for name, said in words.items():
        [reason] = (watched / "quarantined").glob(f"*-{name}.reason.txt")
        assert said in reason.read_text()
        assert reason.with_name(reason.name.removesuffix(".reason.txt")).exists()
    slip = found["slip.csv"]
    assert slip.quarantine_id is not None
    assert (
        f"ytterby sources quarantine {slip.quarantine_id} --accept"
        in next((watched / "quarantined").glob("*-slip.csv.reason.txt")).read_text()
    )
    with pytest.raises(Refusal, match="1 of 1 rows cannot be kept"):
        held.accept(context, slip.quarantine_id, by="test")


def test_a_held_file_of_no_source_can_be_accepted(context: Context, watched: Path) -> None:
    level = newest(context)[-1].value
    (watched / "calm.csv").write_text(f"unique_id,ds,y\n{BASE},2026-07-01,{level * 6.9}\n")
    found = taken(context)["calm.csv"]
    assert found.outcome == QUARANTINED
    assert found.quarantine_id is not None
    accepted = held.accept(context, found.quarantine_id, by="test")
    assert (accepted.outcome, accepted.corrected, accepted.origin) == (TAKEN, 1, "calm.csv")


def test_the_folder_of_a_source_is_read_in_its_form(context: Context, watched: Path) -> None:
    desk: dict[str, Any] = {
        "source_id": "desk", "label": "Desk", "format": "csv", "series_id": BASE,
        "columns": {"ds": "Month", "y": "Price"}, "unit": "tonne",
    }  # fmt: skip
    manage.add_source(context, desk, author="test")
    (watched / "desk").mkdir()
    (watched / "other").mkdir()
    (watched / "desk" / "one.csv").write_text("Month,Price\n2026-08-01,500000\n")
    (watched / "other" / "two.csv").write_text(GOOD)
    found = taken(context)
    assert list(found) == ["desk/one.csv"]
    assert (found["desk/one.csv"].outcome, found["desk/one.csv"].source_id) == (TAKEN, "desk")
    assert (newest(context)[-1].value, newest(context)[-1].source) == (500.0, "Desk")
    assert names(watched / "done") == ["desk-one.csv"]
    (watched / "desk" / "one.csv").write_text("Month,Price USD\n2026-08-01,70000\n")
    again = taken(context)["desk/one.csv"]
    assert str(again.reason).startswith("columns: ")
    assert [one.outcome for one in manage.get_source(context, "desk").results] == [QUARANTINED, TAKEN]


def test_links_and_what_is_no_file_of_its_own_are_not_read(
    context: Context, watched: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD)
    (watched / "link.csv").symlink_to(secret)
    (watched / "hard.csv").hardlink_to(secret)
    os.mkfifo(watched / "pipe.csv")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "in.csv").write_text("Month,Price\n2026-08-01,500\n")
    desk = {"source_id": "desk", "label": "Desk", "format": "csv"}
    manage.add_source(context, desk, author="test")
    (watched / "desk").symlink_to(outside)
    found = taken(context)
    assert {name: one.outcome for name, one in found.items()} == dict.fromkeys(
        ("link.csv", "hard.csv", "pipe.csv", "desk"), QUARANTINED
    )
    assert "a link" in str(found["link.csv"].reason)
    assert "another name" in str(found["hard.csv"].reason)
    assert secret.read_text() == GOOD
    assert (outside / "in.csv").exists()
    assert newest(context)[-1].ds.month == 7
    assert not (watched / "link.csv").exists(), "the link itself is moved out of the way"


def test_a_done_folder_that_is_a_link_is_not_followed(
    context: Context, watched: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (watched / "done").symlink_to(outside)
    (watched / "a.csv").write_text(GOOD)
    with pytest.raises(Refusal, match="YTTERBY_WATCH_FOLDER"):
        take_folder(context, now=NOW)
    assert list(outside.iterdir()) == []


def test_a_file_that_is_being_written_waits(context: Context, watched: Path) -> None:
    (watched / ".a.csv").write_text(GOOD)
    (watched / "b.csv.part").write_text(GOOD)
    growing = watched / "c.csv"
    stop = threading.Event()

    def write() -> None:
        with growing.open("w") as file:
            file.write("unique_id,ds,y\n")
            while not stop.is_set():
                file.write(ROW)
                file.flush()

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write)
        while not growing.exists() or growing.stat().st_size < 1000:
            pass
        assert taken(context) == {}
        stop.set()
        writing.result()
    assert sorted(path.name for path in watched.iterdir()) == [".a.csv", "b.csv.part", "c.csv"]
    growing.write_text(GOOD)
    assert list(taken(context)) == ["c.csv"]


def test_what_changes_while_it_is_read_waits(context: Context, watched: Path) -> None:
    (watched / "a.csv").write_text(GOOD)
    with folder.alone(watched) as top:
        assert top is not None
        [found] = folder.standing(top, [], 0.01)
        (watched / "a.csv").write_text(GOOD + ROW)
        assert folder.read(top, found, 10_000) is None
        with folder.alone(watched) as second:
            assert second is None, "another process has the folder"


def test_odd_names_are_shown_as_text(context: Context, watched: Path) -> None:
    (watched / "a\nb\x1b[31m.csv").write_text(GOOD)
    Path(os.fsdecode(os.fsencode(watched) + b"/\xff\xfe.csv")).write_text(GOOD.replace("500", "501"))
    long = watched / ("x" * 240 + ".csv")
    long.write_text(GOOD.replace("500", "502"))
    found = taken(context)
    assert len(found) == 3
    assert all(one.outcome == TAKEN for one in found.values())
    assert all(name.isprintable() for name in found)
    assert len(list((watched / "done").iterdir())) == 3


def test_two_workers_take_each_file_once(context: Context, watched: Path) -> None:
    for number in range(12):
        (watched / f"{number}.csv").write_text(GOOD.replace("500", str(500 + number)))
    with ThreadPoolExecutor(3) as workers:
        runs = [*workers.map(lambda _: taken(context), range(3))]
    assert sorted(name for run in runs for name in run) == sorted(f"{number}.csv" for number in range(12))
    assert len(list((watched / "done").iterdir())) == 12


def test_a_folder_that_is_not_there_is_named(context: Context, watched: Path) -> None:
    gone = replace(context, settings=context.settings.model_copy(update={"watch_folder": watched / "gone"}))
    with pytest.raises(Refusal, match="No such file"):
        pull_due(gone, now=NOW)
    none = replace(context, settings=context.settings.model_copy(update={"watch_folder": None}))
    assert pull_due(none, now=NOW).results == ()
