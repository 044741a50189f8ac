"""How far a run is, and how long it may take still: an estimate that says what it is.

A run goes through stages that cost differently, so steps of one are not counted as steps of another. Each
stage is taken to be the share of the whole that it was in the newest finished run of this database. The time
left follows from the rate so far; the start, when processes and libraries are loaded, is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from data.store.runs import RunProgress
from forecast.types import Step

#: Shares of the first run, as measured on the demonstration data with two processes; in order.
USUAL: Mapping[str, float] = {"models": 0.45, "paths": 0.03, "ranges": 0.06, "backtest": 0.4, "scores": 0.06}
#: What the steps of a stage are.
_STEPS: Mapping[str, str] = {
    "models": "fits",
    "paths": "paths of series",
    "ranges": "ranges of series",
    "backtest": "cutoffs",
}
_MINUTE = 60
#: The rate is measured from this share of the whole on, and over at least as much.
LEAST = 0.03


class Pace:
    """Told each step with the seconds on any clock; what it says depends on nothing else."""

    def __init__(self, spent: Mapping[str, float] | None = None) -> None:
        """spent: seconds by stage of a run to go by, as `seconds` gave them."""
        known = spent if spent is not None and set(spent) == set(USUAL) and sum(spent.values()) > 0 else USUAL
        self._shares = {stage: known[stage] / sum(known.values()) for stage in USUAL}
        self._began: dict[str, float] = {}
        self._under_way: tuple[float, float] | None = None  # share and time, once the start is over

    def progress(self, step: Step, now: float) -> RunProgress:
        """How far the run is with this step."""
        self._began.setdefault(step.stage, now)
        share = self._share(step)
        if self._under_way is None and share >= LEAST:
            self._under_way = share, now
        left: float | None = None
        if self._under_way is not None:
            first, since = self._under_way
            if share - first >= LEAST:
                left = round((now - since) * (1 - share) / (share - first), 1)
        return RunProgress(
            stage=step.stage,
            done=step.done,
            total=step.total,
            series=step.series or None,
            model=step.model or None,
            share=round(share, 4),
            seconds_left=left,
        )

    def _share(self, step: Step) -> float:
        stages = list(self._shares)
        before = stages[: stages.index(step.stage)]
        within = self._shares[step.stage] * step.done / max(step.total, 1)
        return min(sum(self._shares[stage] for stage in before) + within, 1.0)

    def seconds(self, now: float) -> dict[str, float]:
        """Seconds that each stage took, from its first step to that of the next; 0 for one that there was
        not."""
        starts = sorted(self._began.items(), key=lambda item: item[1])
        ends = [began for _, began in starts[1:]] + [now]
        took = {stage: end - began for (stage, began), end in zip(starts, ends, strict=True)}
        return {stage: round(took.get(stage, 0.0), 3) for stage in USUAL}


def in_words(told: RunProgress) -> str:
    """What is being done, such as "fits, 120 of 665 done: prophet on dy-oxide-cn"."""
    if told.stage not in _STEPS:
        return told.stage
    said = f"{_STEPS[told.stage]}, {told.done:,} of {told.total:,} done"
    if told.model is not None:
        return f"{said}: {told.model} on {told.series or 'all series'}"
    return said if told.series is None else f"{said}: {told.series}"


def time_left(told: RunProgress) -> str:
    """The estimate in words, empty where there is none."""
    if told.seconds_left is None:
        return ""
    minutes = told.seconds_left / _MINUTE
    return f"about {told.seconds_left:.0f} s left" if minutes < 2 else f"about {minutes:.0f} min left"
