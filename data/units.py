"""One price in another basis: currency, weight, Chinese VAT, oxide or metal content.

Exchange rates are means of months. A month without one takes the newest before it and says so; where there
is none, an error names month and currency. Nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pandas as pd

from forecast.errors import InputError
from forecast.vat import china_vat

BASE_CURRENCY = "USD"
CURRENCIES = ("USD", "CNY", "EUR")
KG_PER_UNIT: Mapping[str, float] = MappingProxyType({"kg": 1.0, "tonne": 1000.0})
TAX_BASES = ("incl-vat", "ex-vat")
CONTENTS = ("oxide", "metal")

#: Standard atomic masses, IUPAC 2021, grams per mole.
ATOMIC_MASS: Mapping[str, float] = MappingProxyType(
    {"O": 15.999, "Nd": 144.242, "Tb": 158.925354, "Dy": 162.500}
)
#: The oxide that is traded: atoms of metal, atoms of oxygen.
OXIDE: Mapping[str, tuple[int, int]] = MappingProxyType({"Nd": (2, 3), "Tb": (4, 7), "Dy": (2, 3)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a price is a price of. content: "oxide", a price per weight of oxide; "metal", the same price
    per weight of the metal in it (not the price of metal, which adds the cost of reducing the oxide)."""

    currency: str
    unit: str = "kg"
    tax: str = "ex-vat"
    content: str = "oxide"

    def __post_init__(self) -> None:
        for field, value, allowed in (
            ("currency", self.currency, CURRENCIES),
            ("unit", self.unit, tuple(KG_PER_UNIT)),
            ("tax", self.tax, TAX_BASES),
            ("content", self.content, CONTENTS),
        ):
            if value not in allowed:
                raise InputError(field, value, "one of " + ", ".join(allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Exchange rate: units of `to` per unit of `of`. month: the older of the months it is from.

    carried: it is from before the month that was asked for.
    """

    of: str
    to: str
    value: float
    month: date
    carried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A price in its new basis. rate: None when the currency stayed. notes: what a reader has to know."""

    value: float
    basis: Basis
    rate: Rate | None
    notes: tuple[str, ...]

    @property
    def carried(self) -> bool:
        """Did an older exchange rate stand in?"""
        return self.rate is not None and self.rate.carried


class FxTable:
    """Monthly mean rates, in units per US dollar."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """From columns month (Timestamp, first day), CNY, EUR; NaN where not known."""
        months = [pd.Timestamp(m).date().replace(day=1) for m in frame["month"]]
        self._rates: dict[str, dict[date, float]] = {
            currency: {
                month: float(value)
                for month, value in zip(months, frame[currency], strict=True)
                if math.isfinite(value) and value > 0
            }
            for currency in CURRENCIES
            if currency != BASE_CURRENCY and currency in frame
        }

    def learn(self, month: date, currency: str, per_usd: float) -> None:
        """Put one rate in, in the place of an older vintage."""
        self._rates.setdefault(currency, {})[month] = per_usd

    def per_usd(self, currency: str, on: date) -> tuple[float, date]:
        """(units per US dollar, its month) for the month of `on`, or the newest known before it.

        Raises InputError naming currency and month when there is none.
        """
        month = on.replace(day=1)
        if currency == BASE_CURRENCY:
            return 1.0, month
        known = self._rates.get(currency, {})
        if month in known:
            return known[month], month
        usable = [m for m in known if m <= month]
        if not usable:
            allowed = f"{min(known):%Y-%m} or later" if known else "a currency with rates: load some first"
            raise InputError(f"exchange rate of {currency}", f"{on:%Y-%m}", allowed)
        return known[max(usable)], max(usable)

    def rate(self, of: str, to: str, on: date) -> Rate:
        """Units of `to` per unit of `of` in the month of `on`. Raises InputError as per_usd does."""
        (down, first), (up, second) = self.per_usd(of, on), self.per_usd(to, on)
        month = min(first, second)
        return Rate(of=of, to=to, value=up / down, month=month, carried=month < on.replace(day=1))


def metal_share(element: str) -> float:
    """Mass of metal in a unit mass of its traded oxide, in (0, 1): Dy2O3 0.871, Tb4O7 0.850, Nd2O3 0.857."""
    if element not in OXIDE:
        raise InputError("element", element, "one of " + ", ".join(sorted(OXIDE)))
    metal, oxygen = OXIDE[element]
    mass = metal * ATOMIC_MASS[element]
    return mass / (mass + oxygen * ATOMIC_MASS["O"])


def vat_factor(of: str, to: str, on: date) -> float:
    """What turns a price of tax basis `of` into one of `to`, at the Chinese rate of that day."""
    if of == to:
        return 1.0
    gross = 1.0 + china_vat(on)
    return gross if to == "incl-vat" else 1.0 / gross


def convert(
    value: float, of: Basis, to: Basis, *, element: str | None = None, on: date, fx: FxTable | None = None
) -> Converted:
    """A price (finite, > 0) of the day `on` in another basis.

    element is needed when the content changes, fx when the currency does. Raises InputError naming what is
    missing or cannot be used.
    """
    if not (math.isfinite(value) and value > 0):
        raise InputError("value", value, "a finite number above 0")
    notes = []
    result = value * KG_PER_UNIT[to.unit] / KG_PER_UNIT[of.unit] * vat_factor(of.tax, to.tax, on)
    if of.tax != to.tax:
        notes.append(f"Chinese VAT of {china_vat(on):.0%}, the rate of {on}")
    if of.content != to.content:
        if element is None:
            raise InputError("element", None, "one of " + ", ".join(sorted(OXIDE)) + " to convert content")
        share = metal_share(element)
        result = result / share if to.content == "metal" else result * share
        notes.append(f"{share:.4f} kg of {element} in a kg of oxide; no cost of reduction to metal")
    rate = None
    if of.currency != to.currency:
        if fx is None:
            raise InputError("fx", None, f"monthly rates to turn {of.currency} into {to.currency}")
        rate = fx.rate(of.currency, to.currency, on)
        result *= rate.value
        said = f"{rate.value:.6g} {to.currency} per {of.currency}, mean of {rate.month:%Y-%m}"
        notes.append(f"{said}, carried forward to {on:%Y-%m}" if rate.carried else said)
    return Converted(value=result, basis=to, rate=rate, notes=tuple(notes))
