"""Column types that SQLite and PostgreSQL keep alike."""

from __future__ import annotations

import io
import zlib
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import DateTime, Dialect, LargeBinary, TypeDecorator

from data.errors import BadStoredValue
from data.types import utc


class Instant(TypeDecorator[datetime]):
    """An aware instant, always UTC. SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant: nobody could say later what it meant."""
        return None if value is None else utc("instant", value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Numbers(TypeDecorator[NDArray[np.float64 | np.float32]]):
    """A float array of any shape: the bytes of np.save without pickles, deflated."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self, value: NDArray[np.float64 | np.float32] | None, dialect: Dialect
    ) -> bytes | None:
        """Array to bytes."""
        if value is None:
            return None
        out = io.BytesIO()
        np.save(out, np.ascontiguousarray(value), allow_pickle=False)
        # Level 1: sample paths are noise, higher levels only cost time.
        return zlib.compress(out.getvalue(), 1)

    def process_result_value(
        self, value: bytes | None, dialect: Dialect
    ) -> NDArray[np.float64 | np.float32] | None:
        """Bytes to array."""
        if value is None:
            return None
        try:
            found: NDArray[np.float64 | np.float32] = np.load(
                io.BytesIO(zlib.decompress(value)), allow_pickle=False
            )
        except (zlib.error, ValueError, EOFError) as error:
            raise BadStoredValue("an array", str(error)) from error
        return found
