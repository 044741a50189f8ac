"""How numbers, days and short words are written on the pages. Pure; every filter of the templates is here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime

THIN = "\u202f"  # narrow space that does not break
MINUS = "\u2212"
NONE = "\u2013"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORDS: Mapping[str, str] = {
    "incl-vat": "incl. VAT",
    "ex-vat": "ex VAT",
    "cn": "China domestic",
    "eu": "Europe spot",
    "fob": "Export, FOB China",
    "past": "has happened",
    "scheduled": "scheduled",
    "pending": "pending",
    "unknown-outcome": "outcome unknown",
    "export-barrier": "export barrier",
    "feed-loss": "loss of feed",
    "domestic-squeeze": "domestic squeeze",
    "monthly-mean": "monthly mean",
    "point": "dated quote",
    "annual": "annual figure",
    "own": "errors of this series",
    "pooled": "errors of all series together",
    "own and pooled": "errors of this series and of the others",
    "prior": "errors of public commodity prices, until this series has its own",
    "base": "base level",
    "source_change": "change of source",
    "premium": "stated assumptions about the premium over the Chinese price",
}
_MODELS: Mapping[str, str] = {
    "rw": "Random walk",
    "rw-drift": "Random walk with drift",
    "momentum": "Damped momentum",
    "ets": "ETS",
    "theta": "Theta",
    "sarimax": "SARIMAX on events",
    "structural": "Structural time series",
    "prophet": "Prophet",
    "combination": "Combination",
    "premium": "Premium over China",
}


def _grouped(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace(",", THIN).replace("-", MINUS)


def price(value: float | None) -> str:
    """A computed price: no more digits than it can carry, four significant at most; a dash for none."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size >= 10_000:
        # From the digits as written: 3.4124e6 -> 3412000.
        return _grouped(float(f"{value:.3e}"), 0)
    if size >= 99.95:
        return _grouped(value, 0)
    if size >= 9.995:
        return _grouped(value, 1)
    if size >= 0.9995:
        return _grouped(value, 2)
    return f"{value:.3g}".replace("-", MINUS)


def quoted(value: float | None) -> str:
    """A price as somebody published it: all its digits up to cents."""
    if value is None or not math.isfinite(value):
        return NONE
    whole, _, cents = _grouped(value, 2).partition(".")
    cents = cents.rstrip("0")
    return f"{whole}.{cents}" if cents else whole


def day(value: date) -> str:
    """24 Nov 2026."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def month(value: date) -> str:
    """Nov 2026."""
    return f"{_MONTHS[value.month - 1]} {value.year}"


def instant(value: datetime) -> str:
    """24 Nov 2026, 09:05 UTC."""
    at = value.astimezone(UTC)
    return f"{day(at.date())}, {clock(at)}"


def clock(value: datetime) -> str:
    """09:05 UTC."""
    return f"{value.astimezone(UTC):%H:%M} UTC"


def count(number: int, noun: str) -> str:
    """1 day, 282 days."""
    return f"{_grouped(number, 0)} {noun}{'' if number == 1 else 's'}"


def age(days: int) -> str:
    """How old a quote is; one of a month that still runs is not older than today."""
    return "today" if days <= 0 else f"{count(days, 'day')} old"


def percent(share: float) -> str:
    """A share or probability in [0, 1]; a small one is not rounded to never, a large one not to surely."""
    if 0 < share < 0.01:
        return f"<1{THIN}%"
    if 0.99 < share < 1:
        return f">99{THIN}%"
    return f"{share * 100:.0f}{THIN}%"


def effect(log_effect: float) -> str:
    """A log effect as a change of the price: +35 %."""
    change = round(math.expm1(log_effect) * 100)
    sign = "+" if change > 0 else MINUS if change < 0 else "\u00b1"
    return f"{sign}{_grouped(abs(change), 0)}{THIN}%"


def change(share: float) -> str:
    """A gain or loss as a share: +1.2 %."""
    shown = round(100.0 * share, 1)
    sign = "+" if shown > 0 else MINUS if shown < 0 else "\u00b1"
    return f"{sign}{abs(shown):.1f}{THIN}%"


def model(name: str) -> str:
    """A model in plain words; a new one by its own name."""
    return _MODELS.get(name, name)


def name(title: str) -> str:
    """A series' title without its tax basis, which stands beside it in the basis shown."""
    return title.removesuffix(", incl. VAT").removesuffix(", ex VAT")


def words(term: str) -> str:
    """A term of the interface in plain words; one without an entry as it stands."""
    return _WORDS.get(term, term)


FILTERS = {
    f.__name__: f
    for f in (
        price,
        quoted,
        day,
        month,
        instant,
        clock,
        count,
        age,
        percent,
        effect,
        change,
        model,
        name,
        words,
    )
}
