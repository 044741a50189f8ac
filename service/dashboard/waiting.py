"""What a page says about training while there is nothing to show yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.store.runs import Run
from service.pace import in_words, time_left

REFRESH_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """state: "none", or that of the newest run. doing: in words; share: of the run, 0 to 1, None when
    unknown."""

    state: str
    doing: str = ""
    share: float | None = None
    error: str = ""

    @property
    def active(self) -> bool:
        """Will there be something new before long?"""
        return self.state in ("queued", "running")


def training_now(newest_first: Sequence[Run]) -> Training:
    """The state of training as the newest run tells it."""
    if not newest_first:
        return Training(state="none")
    run, told = newest_first[0], newest_first[0].progress
    return Training(
        state=run.state,
        doing="" if told is None else ", ".join(filter(None, (in_words(told), time_left(told)))),
        share=None if told is None else told.share,
        error=run.error or "",
    )
