"""What a leader does with slots, on a clock of the test's own: catching up, nights on which clocks change,
pauses, failures, retraining after changes, and that a former leader does none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from data.errors import LeaseLost
from data.store import jobs as store
from data.store import leases, runs, tables
from data.store import slots as slot_store
from data.store.jobs import RETRAIN
from data.store.leases import Fence
from data.store.migrate import migrate
from data.store.slots import Slot
from forecast.errors import InputError
from service import jobs, training
from service.context import Context, open_context
from service.refusals import NotKnown, NotYet
from service.schedule import between, parse
from service.settings import Settings
from service.worker import slots
from service.worker.jobs import JOBS, Job, Result
from tests.support.service_world import fill

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LINE = "cron: 30 2 * * *"


@dataclass
class Desk:
    """A leader, and the clock it reads."""

    context: Context
    fence: Fence
    clock: time_machine.Coordinates
    plain: Context

    def lead(self, *found: Job, holder: str = "leader") -> None:
        """Take the lease and begin to lead with these jobs."""
        with self.plain.engine.begin() as conn:
            fence = leases.take(
                conn, leases.read(conn), holder=holder, seconds=15, now=self.plain.clock.now()
            )
        assert fence is not None
        self.fence = fence
        self.context = replace(self.plain, engine=leases.fenced(self.plain.engine, fence))
        slots.take_over(self.context, found)

    def turn(self, job: Job) -> list[Slot]:
        """What a job's thread does when it is woken."""
        slots.open_due(self.context, job.name)
        done = []
        while (slot := slots.run_due(self.context, self.fence, job)) is not None:
            done.append(slot)
        return done

    def history(self, name: str) -> list[Slot]:
        """Slots, oldest first."""
        with self.plain.engine.connect() as conn:
            return list(reversed(slot_store.history(conn, name)))


def job(act: Callable[[Context, Slot], Result] = lambda _c, _s: {}, **changes: Any) -> Job:
    """A job at half past two."""
    return Job(**{"name": "a", "about": "a test", "schedule": lambda _: LINE, "act": act, **changes})


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A migrated database at noon in Stockholm's zone, with nobody leading yet."""
    context = open_context(Settings(database_url=database_url, time_zone="Europe/Stockholm"))
    migrate(context.engine)
    with time_machine.travel(START, tick=False) as clock:
        yield Desk(context, Fence(holder="", number=0, seconds=0), clock, context)
    context.engine.dispose()


def test_a_new_job_has_missed_nothing(desk: Desk) -> None:
    desk.lead(job())
    assert desk.turn(job()) == []
    assert desk.history("a") == []


def test_a_slot_runs_once_when_its_time_comes(desk: Desk) -> None:
    ran: list[datetime] = []
    one = job(lambda _c, slot: ran.append(slot.scheduled_for) or {"n": len(ran)})
    desk.lead(one)
    desk.clock.shift(13 * HOUR + timedelta(minutes=29))
    assert desk.turn(one) == []
    desk.clock.shift(timedelta(minutes=1))
    assert len(desk.turn(one)) == 1
    assert desk.turn(one) == []
    (slot,) = desk.history("a")
    assert ran == [slot.scheduled_for] == [START + 13.5 * HOUR]
    assert (slot.state, slot.result, slot.worker, slot.fence) == ("done", {"n": 1}, "leader", 1)


def test_after_downtime_only_the_newest_missed_slot_runs(desk: Desk) -> None:
    desk.lead(job())
    desk.clock.shift(5 * DAY)
    desk.lead(job())
    assert len(desk.turn(job())) == 1
    found = desk.history("a")
    assert [slot.state for slot in found] == ["skipped"] * 4 + ["done"]
    assert all(
        f"overtaken by the slot of {found[-1].scheduled_for:%Y-%m-%d}" in (s.error or "") for s in found[:4]
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.booleans()), min_size=1, max_size=8),
    st.sampled_from(["every: 1h", "cron: 5,50 * * * *", "cron: 0 */5 * * *"]),
)
def test_every_slot_is_kept_and_what_runs_is_the_newest_at_its_turn(
    desk: Desk, steps: list[tuple[int, bool, bool]], line: str
) -> None:
    with desk.plain.engine.begin() as conn:
        conn.execute(delete(tables.job_slot))
        conn.execute(delete(tables.job))
    desk.clock.move_to(START)
    one = job(schedule=lambda _: line)
    desk.lead(one)
    expected = []
    for minutes, crash, turn in steps:
        desk.clock.shift(timedelta(minutes=minutes))
        if crash:
            desk.lead(one)
        if turn or crash:
            now = desk.plain.clock.now()
            passed = list(between(parse(line, "Europe/Stockholm"), START, now))
            ran = desk.turn(one)
            assert [slot.scheduled_for for slot in ran] in ([], passed[-1:])
            expected = passed
    found = desk.history("a")
    assert [slot.scheduled_for for slot in found] == expected
    assert all(slot.state in ("done", "skipped") for slot in found)


@pytest.mark.parametrize(
    "night", [datetime(2026, 3, 28, 21, tzinfo=UTC), datetime(2026, 10, 24, 21, tzinfo=UTC)]
)
def test_a_slot_in_an_hour_left_out_or_shown_twice_runs_exactly_once(desk: Desk, night: datetime) -> None:
    desk.clock.move_to(night)
    desk.lead(job())
    for _ in range(4 * 8):
        desk.clock.shift(HOUR / 4)
        desk.turn(job())
    assert [slot.state for slot in desk.history("a")] == ["done"]


def test_a_changed_schedule_first_catches_up_by_the_old_one(desk: Desk) -> None:
    desk.lead(job())
    desk.clock.shift(DAY)
    other = job(schedule=lambda _: "every: 1h")
    desk.lead(other)
    assert [slot.scheduled_for for slot in desk.turn(other)] == [START + 13.5 * HOUR]
    desk.clock.shift(HOUR)
    assert [slot.scheduled_for for slot in desk.turn(other)] == [START + DAY + HOUR]


def test_a_stored_schedule_that_cannot_be_read_stops_nobody(desk: Desk) -> None:
    with desk.plain.engine.begin() as conn:
        store.register(conn, "a", about="", schedule="lunar: 3", zone="UTC", reckoned_at=START)
    desk.lead(job())
    assert jobs.list_jobs(desk.plain).jobs[0].schedule == LINE


def test_a_job_that_is_gone_is_no_longer_shown(desk: Desk) -> None:
    desk.lead(job(), job(name="b"))
    desk.lead(job())
    assert [found.name for found in jobs.list_jobs(desk.plain).jobs] == ["a"]


def fails(error: Exception) -> Callable[[Context, Slot], Result]:
    def act(_context: Context, _slot: Slot) -> Result:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("prices", "none", "some"), "prices: found 'none'; allowed: some"),
        (ZeroDivisionError("secret"), "ZeroDivisionError: the worker's log says more"),
    ],
)
def test_a_failure_is_recorded_and_the_next_slot_comes(desk: Desk, error: Exception, said: str) -> None:
    one = job(fails(error))
    desk.lead(one)
    for _ in range(2):
        desk.clock.shift(DAY)
        desk.turn(one)
    assert [(slot.state, slot.error) for slot in desk.history("a")] == [("failed", said)] * 2


def test_a_leader_that_lost_the_lease_leaves_no_trace(desk: Desk) -> None:
    """It is paused in the middle of a job, and wakes up when another leads."""
    woken: list[str] = []

    def act(context: Context, _slot: Slot) -> Result:
        with desk.plain.engine.begin() as conn:
            leases.take(conn, leases.read(conn), holder="other", seconds=15, now=START)
        for attempt in (
            lambda: training.request(context, "stale"),
            lambda: jobs.pause(context, "a", by="me"),
        ):
            with pytest.raises(LeaseLost):
                attempt()
            woken.append("refused")
        return {"wrong": True}

    one = job(act)
    desk.lead(one)
    desk.clock.shift(DAY)
    with pytest.raises(LeaseLost):
        desk.turn(one)
    assert woken == ["refused", "refused"]
    assert [slot.state for slot in desk.history("a")] == ["running"]
    desk.clock.shift(DAY)
    with pytest.raises(LeaseLost):
        slots.open_due(desk.context, "a")
    with desk.plain.engine.connect() as conn:
        assert not runs.list_runs(conn)
        assert store.get_job(conn, "a").paused_at is None  # type: ignore[union-attr]


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_slot_whose_worker_died_is_repeated_where_that_is_safe(desk: Desk, repeatable: bool) -> None:
    one = job(fails(SystemExit()), repeatable=repeatable)  # type: ignore[arg-type]
    desk.lead(one)
    desk.clock.shift(DAY)
    with pytest.raises(SystemExit):
        desk.turn(one)
    again = job(repeatable=repeatable)
    desk.lead(again, holder="another")
    assert len(desk.turn(again)) == repeatable
    (slot,) = desk.history("a")
    if repeatable:
        assert (slot.state, slot.attempts, slot.worker, slot.fence) == ("done", 2, "another", 2)
    else:
        assert (slot.state, slot.error) == ("failed", "its worker leader did not record an end, attempt 1")


def test_by_hand_now_paused_and_resumed(desk: Desk) -> None:
    with pytest.raises(NotYet, match="ytterby worker"):
        jobs.run(desk.plain, "a", by="desk")
    one = job()
    desk.lead(one)
    with pytest.raises(NotKnown, match="one of a"):
        jobs.pause(desk.plain, "b", by="desk")
    asked = jobs.run(desk.plain, "a", by="desk")
    assert jobs.run(desk.plain, "a", by="another") == asked
    assert [slot.reason for slot in desk.turn(one)] == ["asked by desk"]
    state = jobs.pause(desk.plain, "a", by="desk")
    assert (state.paused, state.paused_by, state.next_runs) == (True, "desk", ())
    assert jobs.pause(desk.plain, "a", by="late").paused_by == "desk"
    desk.clock.shift(DAY)
    assert desk.turn(one) == []
    state = jobs.resume(desk.plain, "a")
    assert [f"{at:%d %H:%M}" for at in state.next_runs] == [
        "26 01:30",
        "27 01:30",
        "28 01:30",
        "29 01:30",
        "30 01:30",
    ]
    desk.clock.shift(DAY)
    assert len(desk.turn(one)) == 1
    assert [slot.state for slot in desk.history("a")] == ["done", "skipped", "done"]


RETRAINING = next(found for found in JOBS if found.name == RETRAIN)


def change(desk: Desk, reason: str = "new prices") -> None:
    with desk.plain.engine.begin() as conn:
        store.want(conn, RETRAIN, reason, desk.plain.clock.now())


def noted(desk: Desk) -> jobs.WantedRun | None:
    """The change that waits for its run."""
    return next(job.wanted for job in jobs.list_jobs(desk.plain).jobs if job.name == RETRAIN)


def retrain(desk: Desk) -> list[str]:
    """Reasons of the retraining slots that run now."""
    slots.open_wanted(desk.context)
    return [slot.reason for slot in desk.turn(RETRAINING)]


def test_a_change_leads_to_one_run_after_a_quiet_time(desk: Desk) -> None:
    fill(desk.plain, with_forecast=False)
    desk.lead(*JOBS)
    assert retrain(desk) == []
    for _ in range(3):
        change(desk)
        desk.clock.shift(timedelta(minutes=14))
        assert retrain(desk) == []
    wanted = noted(desk)
    assert wanted is not None
    assert (wanted.changes, wanted.at) == (3, START + timedelta(minutes=43))
    desk.clock.shift(timedelta(minutes=1))
    assert retrain(desk) == ["new prices (and 2 more changes)"]
    assert retrain(desk) == []
    with desk.plain.engine.connect() as conn:
        (run,) = runs.list_runs(conn)
    assert (run.state, run.reason) == ("queued", "new prices (and 2 more changes)")


def test_newer_changes_put_a_run_off_for_two_hours_at_most(desk: Desk) -> None:
    fill(desk.plain, with_forecast=False)
    desk.lead(*JOBS)
    waited = timedelta()
    while True:
        change(desk)
        if retrain(desk):
            break
        desk.clock.shift(timedelta(minutes=10))
        waited += timedelta(minutes=10)
    assert waited == 2 * HOUR


def test_no_run_is_asked_for_while_one_is_queued_or_running(desk: Desk) -> None:
    fill(desk.plain, with_forecast=False)
    desk.lead(*JOBS)
    first = training.request(desk.plain, "by hand").run_id
    change(desk)
    desk.clock.shift(HOUR)
    assert retrain(desk) == [], "a queued run will see the change"
    with desk.plain.engine.begin() as conn:
        mine = runs.claim(conn, now=desk.plain.clock.now(), worker="w")
    assert mine is not None
    assert mine.run_id == first
    change(desk, "during the run")
    desk.clock.shift(HOUR)
    assert retrain(desk) == []
    with desk.plain.engine.begin() as conn:
        runs.finish(conn, mine, finished_at=desk.plain.clock.now(), summary={})
    assert retrain(desk) == ["during the run"]


def test_no_change_leads_to_a_run_while_retraining_is_paused(desk: Desk) -> None:
    fill(desk.plain, with_forecast=False)
    desk.lead(*JOBS)
    jobs.pause(desk.plain, RETRAIN, by="desk")
    change(desk)
    desk.clock.shift(HOUR)
    assert retrain(desk) == []
    jobs.resume(desk.plain, RETRAIN)
    assert retrain(desk) == ["new prices"]


def test_without_prices_nothing_is_queued(desk: Desk) -> None:
    desk.lead(*JOBS)
    jobs.run(desk.plain, RETRAIN, by="desk")
    desk.turn(RETRAINING)
    (slot,) = desk.history(RETRAIN)
    assert (slot.state, slot.result) == ("done", {"run_id": None, "note": "there are no prices yet"})


def test_a_change_is_answered_by_one_slot_even_if_it_leads_to_no_run(desk: Desk) -> None:
    desk.lead(*JOBS)
    change(desk)
    desk.clock.shift(HOUR)
    assert retrain(desk) == ["new prices"]
    assert noted(desk) is None


def test_a_slot_whose_end_could_not_be_recorded_is_run_again(desk: Desk) -> None:
    one = job()
    desk.lead(one)
    jobs.run(desk.plain, "a", by="desk")
    with desk.plain.engine.begin() as conn:  # as if the database went away before the end
        slot_store.claim(conn, "a", worker="leader", fence=desk.fence.number, now=START)
    assert [slot.attempts for slot in desk.turn(one)] == [2]
    assert [slot.state for slot in desk.history("a")] == ["done"]


def test_cleaning_up_keeps_a_hundred_days_of_slots(desk: Desk) -> None:
    cleaning = next(found for found in JOBS if found.name == "clean-up")
    desk.lead(*JOBS)
    with desk.plain.engine.begin() as conn:
        for days in (99, 101):
            slot_store.add_skipped(conn, RETRAIN, START - days * DAY, why="long ago", now=START)
    jobs.run(desk.plain, "clean-up", by="desk")
    desk.turn(cleaning)
    assert [slot.scheduled_for for slot in desk.history(RETRAIN)] == [START - 99 * DAY]
    assert desk.history("clean-up")[0].result == {"slots_removed": 1}


@pytest.mark.parametrize(("name", "did"), [("ingest", {}), ("score", {"scores": 0, "revised": 0})])
def test_a_job_over_little_says_what_it_did(desk: Desk, name: str, did: dict[str, int]) -> None:
    fill(desk.plain)
    desk.lead(*JOBS)
    jobs.run(desk.plain, name, by="desk")
    desk.turn(next(found for found in JOBS if found.name == name))
    (slot,) = desk.history(name)
    assert slot.error is None
    assert did.items() <= (slot.result or {}).items()
