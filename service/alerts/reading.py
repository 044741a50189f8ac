"""From what an owner gave to a checked rule, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from data.store.rules import StoredRule
from service.alerts.rules import (
    ABOVE,
    BELOW,
    BY_NAME,
    FORECAST,
    P_BEYOND_AT,
    P_CROSS_BY,
    PARTICULAR,
    SEVERITIES,
    Rule,
    beyond,
)
from service.refusals import Refusal

WORDS: Mapping[str, tuple[str, ...]] = {
    "direction": (ABOVE, BELOW),
    "severity": SEVERITIES,
    "change": ("percent", "absolute"),
    "measure": ("published", "spot"),
}
RANGES: Mapping[str, tuple[float, float]] = {
    "for_count": (1, 100),
    "keep_firing": (1, 100),
    "horizon": (1, 36),
    "window_days": (1, 3660),
    "stale_after_days": (1, 3660),
    "repeat_hours": (1, 24 * 365),
    "quantile": (0.025, 0.975),
}
#: The names that a rule has at the doors: those of its fields, but for one that Python keeps for itself.
FIELDS = tuple("for" if f.name == "for_count" else f.name for f in fields(Rule))
GIVEN = tuple(name for name in FIELDS if name not in ("rule_id", "version", "marks"))


def read(
    content: Mapping[str, Any], *, rule_id: int = 0, version: int = 0, marks: tuple[str, ...] = ()
) -> Rule:
    """A checked rule from the fields its owner gave, `for` among them; days as dates or ISO text.

    Raises Refusal for a field that does not belong, is missing, or cannot be.
    """
    values = {name: value for name, value in content.items() if value is not None}
    for name in values:
        if name not in GIVEN:
            raise Refusal(name, values[name], "one of " + ", ".join(GIVEN))
    for name in ("name", "kind"):
        if name not in values:
            raise Refusal(name, None, "a value; it is required")
    rule = _rule(values, rule_id=rule_id, version=version, marks=marks)
    _check(rule)
    return rule


def rule_of(stored: StoredRule) -> Rule:
    """The rule that is kept. It was checked when it was armed: a check that became stricter since must not
    keep it, and all that are judged with it, from being judged."""
    return _rule(stored.content, rule_id=stored.rule_id, version=stored.version, marks=tuple(stored.marks))


def _rule(content: Mapping[str, Any], *, rule_id: int, version: int, marks: tuple[str, ...]) -> Rule:
    values = dict(content)
    if "for" in values:
        values["for_count"] = values.pop("for")
    if isinstance(values.get("on"), str):
        values["on"] = date.fromisoformat(values["on"])
    values["labels"] = dict(values.get("labels", {}))
    values["endpoints"] = tuple(values.get("endpoints", ()))
    return Rule(rule_id=rule_id, version=version, marks=marks, **values)


def given(rule: Rule) -> dict[str, Any]:
    """The fields that its owner gave, JSON-ready: what `read` takes."""
    found: dict[str, Any] = {}
    for name in GIVEN:
        value = getattr(rule, "for_count" if name == "for" else name)
        if value is None:
            continue
        match value:
            case date():
                found[name] = value.isoformat()
            case tuple():
                found[name] = list(value)
            case Mapping():
                found[name] = dict(value)
            case _:
                found[name] = value
    return found


def _check(rule: Rule) -> None:
    kind = BY_NAME.get(rule.kind)
    if kind is None:
        raise Refusal("kind", rule.kind, "one of " + ", ".join(BY_NAME))
    for name in sorted(PARTICULAR):
        value = getattr(rule, name)
        if value is None and name in kind.needs:
            raise Refusal(name, None, f"a value: a rule of kind {kind.name} compares {kind.value}")
        if value is not None and name not in kind.needs | kind.may:
            raise Refusal(name, value, f"nothing: it does not belong to kind {kind.name}")
    for name, words in WORDS.items():
        if (word := getattr(rule, name)) is not None and word not in words:
            raise Refusal(name, word, "one of " + ", ".join(words))
    for name, (low, high) in RANGES.items():
        if (number := getattr(rule, name)) is not None and not low <= number <= high:
            raise Refusal("for" if name == "for_count" else name, number, f"from {low:g} to {high:g}")
    if rule.kind == FORECAST and (rule.horizon is None) == (rule.on is None):
        raise Refusal("horizon", rule.horizon, "a horizon in months, or a day `on`, and not both")
    if rule.kind == "stale" and rule.direction != ABOVE:
        raise Refusal("direction", rule.direction, "above: a quote grows older, never younger")
    if rule.kind == "event" and (rule.recovery is not None or rule.for_count > 1 or rule.keep_firing > 1):
        raise Refusal("recovery", rule.recovery, "no thresholds, `for` or keep_firing for kind event")
    _check_thresholds(rule)


def _check_thresholds(rule: Rule) -> None:
    chance, priced = rule.kind in (P_CROSS_BY, P_BEYOND_AT), rule.kind in ("price", FORECAST, "stale")
    for name in ("threshold", "recovery", "level"):
        number = getattr(rule, name)
        if number is None:
            continue
        if not math.isfinite(number):
            raise Refusal(name, number, "a finite number")
        if name != "level" and chance and not 0.0 <= number <= 1.0:
            raise Refusal(name, number, "a probability from 0 to 1")
        if (name == "level" or priced) and number <= 0:
            raise Refusal(name, number, "a number above 0")
    if rule.recovery is None or rule.threshold is None:
        return
    if beyond(rule.recovery, rule.threshold, rule.side, reached=False):
        side = "at most" if rule.side == ABOVE else "at least"
        raise Refusal("recovery", rule.recovery, f"{side} the threshold {rule.threshold:g}: they would cross")
