"""When a job is due: `cron: 30 5 * * mon-fri`, `every: 6h` or `off`. Pure: instants in, instants out.

A cron line speaks of the clock on the wall of a named time zone. Its slot is the first instant at which that
clock shows the time, or a later one: a time that is shown twice in autumn counts once, the first time, and
one that is left out in spring counts at the moment of the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from service.refusals import Refusal

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

FORMS = "cron: MINUTE HOUR DAY MONTH WEEKDAY, every: NUMBER and s, m, h or d, or off"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _INSTANT = timedelta(minutes=1), timedelta(microseconds=1)
_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST = timedelta(days=366)
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_DAYS = re.compile(rf"\*|{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*")


class Schedule(Protocol):
    """An unending, rising row of instants, the slots; or none at all."""

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot later than `instant`, in UTC; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """Slots at whole multiples of a length since 1970 in UTC, so that any process reckons the same ones."""

    length: timedelta

    def next_after(self, instant: datetime) -> datetime:
        """The first slot later than `instant`."""
        return _EPOCH + ((instant - _EPOCH) // self.length + 1) * self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Slots by the clock on a wall. trigger: reads that clock as if it never changed."""

    trigger: CronTrigger
    zone: ZoneInfo

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot later than `instant`; None when the line names no day there is."""
        wall = instant.astimezone(self.zone).replace(tzinfo=UTC)
        while (found := self.trigger.get_next_fire_time(None, wall + _INSTANT)) is not None:
            wall = found
            slot = _first_shown(wall.replace(tzinfo=None), self.zone)
            if slot > instant:
                return slot
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """No slots: the job runs when it is asked for."""

    def next_after(self, instant: datetime) -> None:
        """There is none."""


def parse(text: str, zone: str) -> Schedule:
    """The schedule that a setting means, in the time zone of that name.

    Raises Refusal for another form, for weekdays in numbers and for a line that never comes true.
    """
    kind, _, rest = (part.strip() for part in text.strip().lower().partition(":"))
    match kind:
        case "off" if not rest:
            return Off()
        case "every":
            return Every(length=parse_length(rest))
        case "cron":
            return _cron(text, rest, parse_zone(zone))
        case _:
            raise Refusal("schedule", text, FORMS)


def parse_length(text: str) -> timedelta:
    """A duration such as 15m or 6h, from 1 s to 366 days. Raises Refusal for any other text."""
    found = _LENGTH.fullmatch(text.strip().lower())
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta(0)
    if not timedelta(0) < length <= _LONGEST:
        raise Refusal("duration", text, "a number and s, m, h or d, such as 15m; at most 366d")
    return length


def parse_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises Refusal for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # a path, a folder, no such zone
        raise Refusal("time zone", name, "a name such as Europe/Stockholm or UTC") from None


def between(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Slots later than `after` and not later than `until`, oldest first."""
    return takewhile(lambda slot: slot <= until, _from(schedule, after))


def upcoming(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` slots after an instant, fewer if there are no more."""
    return tuple(islice(_from(schedule, after), count))


def _from(schedule: Schedule, instant: datetime) -> Iterator[datetime]:
    at: datetime | None = instant
    while at is not None and (at := schedule.next_after(at)) is not None:
        yield at


def _cron(text: str, line: str, zone: ZoneInfo) -> Cron:
    from apscheduler.triggers.cron import CronTrigger  # 0.1 s that most commands need not wait for

    fields = line.split()
    if len(fields) != 5:
        raise Refusal("schedule", text, FORMS)
    if not _DAYS.fullmatch(fields[4]):
        allowed = "weekdays by name, mon to sun: day 1 is Monday to cron and Tuesday to the scheduler"
        raise Refusal("schedule", text, allowed)
    try:
        trigger = CronTrigger.from_crontab(line, timezone=UTC)
    except ValueError as error:
        raise Refusal("schedule", text, f"a line of cron ({error})") from None
    if trigger.get_next_fire_time(None, _EPOCH) is None:
        raise Refusal("schedule", text, "a time that comes: this line names no day there is")
    return Cron(trigger=trigger, zone=zone)


def _first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock in `zone` shows `wall` (naive) or later."""
    shown = wall.replace(tzinfo=zone).astimezone(UTC)  # of two instants the first
    if shown.astimezone(zone).replace(tzinfo=None) == wall:
        return shown
    minute = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # left out: this lies before the change
    while minute.astimezone(zone).replace(tzinfo=None) < wall:
        minute += _MINUTE
    return minute
