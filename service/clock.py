"""The only reader of the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Wall clock, shifted by whole days when an audit asks what would have been said on another day."""

    shift: timedelta = timedelta(0)

    @classmethod
    def starting(cls, day: date | None) -> Clock:
        """A clock that reads `day` now and runs on from there; the real one for None."""
        return cls() if day is None else cls(shift=day - datetime.now(UTC).date())

    @property
    def shifted(self) -> bool:
        """Does it stand on another day than the wall clock? What is issued by it is a replay."""
        return self.shift != timedelta(0)

    def now(self) -> datetime:
        """This instant, aware, UTC, in whole microseconds."""
        return datetime.now(UTC) + self.shift

    def wall(self) -> datetime:
        """This instant on everybody else's clock, whatever day is pretended here: what others compare."""
        return datetime.now(UTC)

    def today(self) -> date:
        """This day in UTC."""
        return self.now().date()
