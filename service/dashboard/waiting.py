"""What a page says about training while there is nothing to show yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.store.runs import Run

REFRESH_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """state: "none", "queued", "running", "done" or "failed", of the newest run. total: 0 when unknown."""

    state: str
    done: int = 0
    total: int = 0
    note: str = ""
    error: str = ""

    @property
    def active(self) -> bool:
        """Will there be something new before long?"""
        return self.state in ("queued", "running")


def training_now(newest_first: Sequence[Run]) -> Training:
    """The state of training as the newest run tells it."""
    if not newest_first:
        return Training(state="none")
    run = newest_first[0]
    return Training(
        state=run.state, done=run.done, total=run.total, note=run.note or "", error=run.error or ""
    )
