"""How much of a decomposition of a premium is its stated priors: each is halved and doubled in turn.

A part is "from quotes" where both hold, else it is "prior-led":
    max over the halved and doubled priors of |its mean there - its mean|  <  (high - low) / 2 / 3
    the quotes removed at least half of its prior variance
The second keeps a part that nothing speaks of from passing because no prior moves it off zero. A part that is
exactly nothing is "none".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from forecast.models.premium import PremiumFit, PremiumPriors, walk_model
from forecast.models.premium_parts import (
    PARTS,
    SOURCE,
    TOLD_APART,
    Part,
    PartsState,
    SourceChange,
    decompose,
    reference_day,
    source_changes,
)

FACTORS = (0.5, 2.0)
MOVES = 1 / 3  # of the half width of the interval: more than that is the prior's doing
FROM_QUOTES, PRIOR_LED, NO_PART = "from quotes", "prior-led", "none"
_ALWAYS = ("level_sd", "sd_free", "offset_sd")
_CONTROL = ("step_mean", "step_sd", "sd_controlled")
_EASING = ("easing_mean", "easing_sd")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorChange:
    """The decomposition on the last day with one prior at `value`, `factor` times the stated one.

    parts: of that day, in the order of the decomposition. log_evidence: of the quotes, less that under the
    stated priors: above 0 they would rather have this one.
    """

    prior: str
    stated: float
    factor: float
    value: float
    parts: tuple[Part, ...]
    log_evidence: float


def sensitivity(fit: PremiumFit) -> tuple[PriorChange, ...]:
    """Each prior that this premium stands on, halved and doubled."""
    names = (*_ALWAYS, *(_CONTROL if fit.steps else ()), *(_EASING if _eased(fit) else ()))
    return tuple(_changed(fit, name, factor) for name in names for factor in FACTORS)


def labels(parts: Sequence[Part], changes: Sequence[PriorChange]) -> dict[str, str]:
    """Part -> "from quotes", "prior-led" or "none", as the head of this module defines them."""
    found = {}
    for at, part in enumerate(parts):
        if part.learned is None:
            found[part.name] = NO_PART
            continue
        moved = max(abs(change.parts[at].mean - part.mean) for change in changes)
        steady = moved < MOVES * (part.high - part.low) / 2
        found[part.name] = FROM_QUOTES if steady and part.learned >= TOLD_APART else PRIOR_LED
    return found


def premium_parts(fit: PremiumFit) -> dict[str, Any]:
    """All there is to say of a premium, in plain values: dates as they are, everything else JSON-ready.

    reference_day, day; path: PartsAt of the reference day and each quote after it, the last one being the
    answer; labels; sources: each SourceChange; sensitivity: each PriorChange, mean, low and high of a part;
    notes: sentences.
    """
    path, changes, sources = decompose(fit), sensitivity(fit), source_changes(fit)
    found = labels(path[-1].parts, changes)
    # from one source back to the same one, whatever spoke between them leaves no trace
    doubtful = [c for c in sources if c.jump and not c.told_apart] if found[SOURCE] != NO_PART else []
    return {
        "reference_day": reference_day(fit),
        "day": fit.last_day,
        "path": [asdict(at) for at in path],
        "labels": found,
        "sources": [asdict(change) for change in sources],
        "sensitivity": [_short(change) for change in changes],
        "notes": [_untold(change, fit.priors) for change in doubtful],
    }


def _eased(fit: PremiumFit) -> bool:
    return any(not step.tightens for step in fit.steps)


def _changed(fit: PremiumFit, name: str, factor: float) -> PriorChange:
    stated = float(getattr(fit.priors, name))
    values: Mapping[str, Any] = {name: factor * stated}
    model = walk_model(fit.steps, float(fit.data.day[0]), replace(fit.priors, **values))
    state = PartsState(fit, [fit.last_day], model)
    forms = state.forms(fit.last_day)
    return PriorChange(
        prior=name,
        stated=stated,
        factor=factor,
        value=factor * stated,
        parts=tuple(state.parts([(part, forms[part]) for part in PARTS])),
        log_evidence=state.posterior.log_evidence - fit.components["log_evidence"],
    )


def _short(change: PriorChange) -> dict[str, Any]:
    parts = {p.name: {"mean": p.mean, "low": p.low, "high": p.high} for p in change.parts}
    return {
        "prior": change.prior,
        "stated": change.stated,
        "factor": change.factor,
        "value": change.value,
        "log_evidence": change.log_evidence,
        "parts": parts,
    }


def _untold(change: SourceChange, priors: PremiumPriors) -> str:
    """A jump at a change of source, in words."""
    part = change.part
    mean, low, high = (f"{round(x, 2) + 0.0:+.2f}" for x in (part.mean, part.low, part.high))
    return (
        f"The source changed from {change.was} ({change.last_on}) to {change.now} ({change.first_on}) while"
        f" the premium moved by {change.move:+.2f} in logs. The quotes cannot tell how much of that is a"
        f" difference between the two sources: with a stated spread of {priors.offset_sd:g} a source,"
        f" {mean} ({low} to {high}) is booked as the source, the rest as drift"
        " or controls."
    )
