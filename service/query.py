"""From words to a ForecastQuery: the same reading for API and command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from service.answers import ForecastQuery
from service.refusals import Refusal

CURRENCIES = ("CNY", "EUR", "USD")
UNITS = ("kg", "tonne")
TAXES = ("incl-vat", "ex-vat")
LOWEST, HIGHEST = 0.025, 0.975
#: Most numbers in one list: nobody reads more, and each costs a pass over the paths.
_MOST = 50


def make_query(
    *,
    horizon: int | None = None,
    quantiles: str | None = None,
    level: str | None = None,
    currency: str | None = None,
    unit: str | None = None,
    tax: str | None = None,
    as_of: date | None = None,
) -> ForecastQuery:
    """Check each word and read the lists. Raises Refusal naming field, found and allowed."""
    if quantiles is not None and level is not None:
        raise Refusal("level", level, "either level or quantiles, not both")
    chosen: tuple[float, ...] = ForecastQuery().quantiles
    if quantiles is not None:
        chosen = numbers("quantiles", quantiles, low=LOWEST, high=HIGHEST)
    elif level is not None:
        chosen = level_quantiles(numbers("level", level, low=1, high=95))
    return ForecastQuery(
        horizon=horizon,
        quantiles=chosen,
        currency=_one_of("currency", currency and currency.upper(), CURRENCIES),
        unit=_one_of("unit", unit, UNITS),
        tax=_one_of("tax", tax, TAXES),
        as_of=end_of(as_of),
    )


def end_of(day: date | None) -> datetime | None:
    """The last instant of a day, UTC."""
    return None if day is None else datetime.combine(day, time.max, UTC)


def numbers(field: str, text: str, *, low: float, high: float) -> tuple[float, ...]:
    """Comma-separated numbers within [low, high], sorted, each once."""
    allowed = f"at most {_MOST} numbers from {low:g} to {high:g}, separated by commas"
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise Refusal(field, text, allowed) from None
    if len(found) > _MOST or not all(low <= value <= high for value in found):
        raise Refusal(field, text, allowed)
    return tuple(found)


def level_quantiles(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles that bound central intervals of these per cents, and the median."""
    tails = {round((100 - level) / 200, 6) for level in levels}
    return tuple(sorted(tails | {round(1 - tail, 6) for tail in tails} | {0.5}))


def _one_of(field: str, found: str | None, allowed: tuple[str, ...]) -> str | None:
    if found is not None and found not in allowed:
        raise Refusal(field, found, "one of " + ", ".join(allowed))
    return found
