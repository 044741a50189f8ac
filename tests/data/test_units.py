"""Conversions: there and back again, rates of the date, and a clear word where a rate is missing."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.units import (
    CONTENTS,
    CURRENCIES,
    KG_PER_UNIT,
    TAX_BASES,
    Basis,
    FxTable,
    convert,
    metal_share,
    vat_factor,
)
from forecast.errors import InputError

FX = FxTable(
    pd.DataFrame(
        {
            "month": pd.to_datetime(["2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"]),
            "CNY": [6.9, 6.8, None, 6.7],
            "EUR": [0.84, 0.85, 0.86, None],
        }
    )
)
KG = Basis(currency="CNY", unit="kg", tax="incl-vat")
BASES = st.builds(
    Basis,
    currency=st.sampled_from(CURRENCIES),
    unit=st.sampled_from(sorted(KG_PER_UNIT)),
    tax=st.sampled_from(TAX_BASES),
    content=st.sampled_from(CONTENTS),
)


@given(
    value=st.floats(1e-3, 1e9),
    of=BASES,
    to=BASES,
    element=st.sampled_from(["Nd", "Dy", "Tb"]),
    on=st.dates(date(2026, 3, 1), date(2027, 12, 31)),
)
def test_there_and_back_is_the_same_price(value: float, of: Basis, to: Basis, element: str, on: date) -> None:
    there = convert(value, of, to, element=element, on=on, fx=FX)
    back = convert(there.value, to, of, element=element, on=on, fx=FX)
    assert back.value == pytest.approx(value, rel=1e-12)
    assert back.carried == there.carried
    assert there.basis == to


@given(value=st.floats(1e-3, 1e9), of=BASES, over=BASES, to=BASES)
def test_a_detour_changes_nothing(value: float, of: Basis, over: Basis, to: Basis) -> None:
    on = date(2026, 4, 15)
    straight = convert(value, of, to, element="Dy", on=on, fx=FX)
    halfway = convert(value, of, over, element="Dy", on=on, fx=FX)
    assert convert(halfway.value, over, to, element="Dy", on=on, fx=FX).value == pytest.approx(straight.value)


@given(basis=BASES, value=st.floats(1e-3, 1e9))
def test_the_same_basis_is_the_same_price_without_remarks(basis: Basis, value: float) -> None:
    found = convert(value, basis, basis, on=date(2026, 4, 1))
    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.notes == ()


@pytest.mark.parametrize(("element", "share"), [("Dy", 0.8713), ("Tb", 0.8502), ("Nd", 0.8574)])
def test_metal_in_the_traded_oxide(element: str, share: float) -> None:
    assert metal_share(element) == pytest.approx(share, abs=5e-5)


def test_a_price_per_metal_content_is_higher() -> None:
    metal = Basis(currency="CNY", tax="incl-vat", content="metal")
    found = convert(871.3, KG, metal, element="Dy", on=date(2026, 4, 1))
    assert found.value == pytest.approx(1000, rel=1e-3)
    assert "Dy" in found.notes[0]


def test_an_oxide_that_is_not_known_is_refused() -> None:
    metal = Basis(currency="CNY", tax="incl-vat", content="metal")
    with pytest.raises(InputError, match="element: found 'Y'"):
        convert(1.0, KG, metal, element="Y", on=date(2026, 4, 1))
    with pytest.raises(InputError, match="element: found None"):
        convert(1.0, KG, metal, on=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (date(2018, 4, 30), 0.17),
        (date(2018, 5, 1), 0.16),
        (date(2019, 3, 31), 0.16),
        (date(2019, 4, 1), 0.13),
    ],
)
def test_vat_is_that_of_the_day(day: date, rate: float) -> None:
    assert vat_factor("ex-vat", "incl-vat", day) == pytest.approx(1 + rate)
    found = convert(1 + rate, KG, Basis(currency="CNY"), on=day)
    assert found.value == pytest.approx(1.0)
    assert f"{rate:.0%}" in found.notes[0]


def test_a_tonne_costs_a_thousand_times_a_kilogram() -> None:
    tonne = Basis(currency="CNY", unit="tonne", tax="incl-vat")
    assert convert(1.5, KG, tonne, on=date(2026, 4, 1)).value == 1500.0


def test_a_rate_of_the_month_is_named_and_not_carried() -> None:
    found = convert(680.0, KG, Basis(currency="USD", tax="incl-vat"), on=date(2026, 4, 30), fx=FX)
    assert found.value == pytest.approx(100.0)
    assert not found.carried
    assert "mean of 2026-04" in found.notes[0]


def test_a_rate_carried_forward_says_so() -> None:
    found = convert(680.0, KG, Basis(currency="USD", tax="incl-vat"), on=date(2026, 5, 3), fx=FX)
    assert found.carried
    assert found.rate is not None
    assert found.rate.month == date(2026, 4, 1)
    assert "carried forward to 2026-05" in found.notes[0]


def test_of_two_rates_the_older_month_counts() -> None:
    found = convert(1.0, KG, Basis(currency="EUR", tax="incl-vat"), on=date(2026, 6, 1), fx=FX)
    assert found.rate is not None
    assert (found.rate.month, found.carried) == (date(2026, 5, 1), True)


def test_a_missing_rate_names_month_and_currency() -> None:
    with pytest.raises(InputError, match=r"exchange rate of CNY: found '2026-02'; allowed: 2026-03 or later"):
        convert(1.0, KG, Basis(currency="USD", tax="incl-vat"), on=date(2026, 2, 28), fx=FX)
    empty = FxTable(pd.DataFrame({"month": [], "CNY": [], "EUR": []}))
    with pytest.raises(InputError, match="exchange rate of EUR: found '2026-02'"):
        convert(1.0, Basis(currency="USD"), Basis(currency="EUR"), on=date(2026, 2, 1), fx=empty)


def test_without_rates_no_currency_is_guessed() -> None:
    with pytest.raises(InputError, match="fx: found None"):
        convert(1.0, KG, Basis(currency="USD", tax="incl-vat"), on=date(2026, 4, 1))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_price_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="value"):
        convert(value, KG, KG, on=date(2026, 4, 1))


@pytest.mark.parametrize(
    ("field", "value"), [("currency", "GBP"), ("unit", "lb"), ("tax", "net"), ("content", "ore")]
)
def test_an_unknown_basis_is_refused(field: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{field}: found '{value}'"):
        Basis(**{"currency": "USD", field: value})
