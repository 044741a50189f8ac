"""A rule in one line, for tables and pages. Pure."""

from __future__ import annotations

from service.alerts.rules import ABOVE, Rule


def condition(rule: Rule) -> str:
    """When it fires: what is compared with what, and how often in a row."""
    times = f", {rule.for_count} times in a row" if rule.for_count > 1 else ""
    return _condition(rule) + times


def _condition(rule: Rule) -> str:
    basis = _basis(rule)
    match rule.kind:
        case "price":
            return f"price {rule.direction} {_number(rule.threshold)}{basis}"
        case "change":
            by = basis if rule.change == "absolute" else " %"
            return f"change over {rule.window_days} days {rule.direction} {_number(rule.threshold)}{by}"
        case "premium":
            return f"premium over China {rule.direction} {_number(rule.threshold)} %"
        case "p_cross_by":
            spot = "spot price " if rule.measure == "spot" else ""
            level = f"{spot}{_than(rule)} {_number(rule.level)}{basis}"
            return f"chance of {level} within {rule.horizon} months at least {_chance(rule)}"
        case "p_beyond_at":
            level = f"{_than(rule)} {_number(rule.level)}{basis}"
            return f"chance of {level} in {rule.on:%Y-%m} at least {_chance(rule)}"
        case "forecast":
            what = "median" if rule.quantile in (None, 0.5) else f"quantile {rule.quantile:g}"
            when = f"of {rule.on:%Y-%m}" if rule.on is not None else f"in {rule.horizon} months"
            return f"forecast {what} {when} {rule.direction} {_number(rule.threshold)}{basis}"
        case "stale":
            return f"newest quote older than {_number(rule.threshold)} days"
        case _:
            return f"new or changed event on {rule.element}"


def value(rule: Rule, found: float | None) -> str:
    """A value of the rule's kind; a dash for none."""
    if found is None:
        return "-"
    match rule.kind:
        case "p_cross_by" | "p_beyond_at":
            return f"{found:.1%}"
        case "premium":
            return f"{found:.1f} %"
        case "change" if rule.change != "absolute":
            return f"{found:+.1f} %"
        case "stale":
            return f"{found:g} days"
        case _:
            return _number(found)


def _basis(rule: Rule) -> str:
    money = "/".join(part for part in (rule.currency, rule.unit) if part is not None)
    said = " ".join(part for part in (money, rule.tax) if part)
    return f" {said}" if said else ""


def _chance(rule: Rule) -> str:
    return f"{100 * (rule.threshold or 0.0):g} %"


def _number(found: float | None) -> str:
    return "-" if found is None else f"{found:,.6g}"


def _than(rule: Rule) -> str:
    return "more than" if rule.direction == ABOVE else "less than"
