"""Slips of unit, tax and currency with known truth: planted ones are found, true moves of the market are
not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reference.files import read_catalogue, read_fx, read_quotes
from data.slips import Evidence, Slip, find_slip
from data.types import Quote, Series
from data.units import FxTable

NOW = datetime(2026, 11, 25, tzinfo=UTC)
START = date(2025, 1, 3)
FX = FxTable(pd.DataFrame({"month": [pd.Timestamp(2025, 1, 1)], "CNY": [7.2], "EUR": [0.92]}))
NONE = FxTable(pd.DataFrame({"month": [], "CNY": [], "EUR": []}))


def series(series_id: str = "nd-x", currency: str = "CNY", tax: str = "incl-vat") -> Series:
    return Series(
        series_id=series_id, element="Nd", form="oxide", purity=None, market="cn", currency=currency,
        unit="kg", tax_basis=tax, frequency="dated", title="made up", provenance="made up",
    )  # fmt: skip


def quotes(prices: Sequence[float], start: date = START, days: int = 7, name: str = "nd-x") -> list[Quote]:
    return [
        Quote(
            series_id=name, ds=start + timedelta(days=days * n), value=float(price), source="desk",
            available_on=start + timedelta(days=days * n), recorded_at=NOW, kind="point",
        )
        for n, price in enumerate(prices)
    ]  # fmt: skip


def walk(seed: int, steps: int, scale: float, start: float = 500.0) -> list[float]:
    """A walk with heavy tails and a third of its steps 0, as assessed prices are."""
    draw = np.random.default_rng(seed)
    moves = draw.standard_t(3, steps) * scale * (draw.random(steps) > 1 / 3)
    return list(start * np.exp(np.concatenate([[0.0], moves.cumsum()])))


def times(found: Sequence[Quote], factor: float) -> list[Quote]:
    return [replace(quote, value=quote.value * factor) for quote in found]


def judged(
    known: Sequence[Quote],
    given: Sequence[Quote],
    *,
    own: bool = True,
    of: Series | None = None,
    fx: FxTable = FX,
) -> Slip | None:
    evidence = Evidence(series=of or series(), known=known, own=known if own else [], given=given)
    return find_slip([evidence], fx)


#: Factor -> what the reason has to name, for a series in CNY with VAT.
FACTORS = {
    1000.0: "1,000 times the weight",
    1 / 1000: "1,000 times the weight",
    1.13: "Chinese VAT of 13%",
    1 / 1.13: "Chinese VAT of 13%",
    1 / 7.2: "USD for CNY",
    7.2: "USD for CNY",
    1 / 7.2 / 1.13: "USD for CNY, and Chinese VAT",
    0.92 / 7.2: "EUR for CNY",
}
seeds = st.integers(0, 10_000)
calm = st.floats(0.0, 0.03)


@given(seeds, calm, st.sampled_from(list(FACTORS)), st.integers(1, 20), st.booleans())
def test_a_factor_is_found_in_days_that_the_source_repeats(
    seed: int, scale: float, factor: float, repeated: int, appended: bool
) -> None:
    """However volatile the market: what a past day's price was cannot change."""
    prices = walk(seed, 40, scale)
    known = quotes(prices)
    given = times(known[-repeated:], factor)
    if appended:
        given += times(quotes([prices[-1]], start=known[-1].ds + timedelta(days=7)), factor)
    found = judged(known, given)
    assert found is not None
    assert FACTORS[factor] in found.reason
    assert found.series_ids == ("nd-x",)


@given(seeds, calm, st.sampled_from([f for f in FACTORS if not 0.5 < f < 2]))
def test_a_far_factor_is_found_in_the_first_new_day_alone(seed: int, scale: float, factor: float) -> None:
    prices = walk(seed, 40, scale)
    last = math.log(prices[-1] / prices[-2])
    found = judged(quotes(prices[:-1]), quotes([prices[-1] * factor], start=START + timedelta(days=7 * 40)))
    if abs(last) < math.log(1.2):  # a market that moves by a factor of its own at once hides which it was
        assert found is not None
        assert "the price before" in found.reason


@given(seeds, st.floats(0.0, 0.0015), st.sampled_from([1.13, 1 / 1.13]))
def test_vat_is_found_in_the_first_new_day_of_a_calm_market(seed: int, scale: float, factor: float) -> None:
    prices = walk(seed, 40, scale)
    found = judged(quotes(prices), quotes([prices[-1] * factor], start=START + timedelta(days=7 * 41)))
    assert found is not None
    assert "Chinese VAT of 13%" in found.reason


@given(seeds, st.floats(0.0, 0.04), st.floats(1.6, 4.0), st.booleans())
def test_a_true_jump_that_is_no_factor_is_left_alone(
    seed: int, scale: float, jump: float, down: bool
) -> None:
    """However calm the market was: a tripling as that of April 2025 in Europe is news, not a slip."""
    prices = walk(seed, 40, scale)
    given = quotes([prices[-1] * (1 / jump if down else jump)], start=START + timedelta(days=7 * 41))
    assert judged(quotes(prices), given) is None


@given(seeds, st.floats(0.001, 0.04))
def test_corrections_of_a_few_days_are_left_alone(seed: int, scale: float) -> None:
    prices = walk(seed, 40, scale)
    known = quotes(prices)
    given = [*times(known[-10:-8], 1.06), *known[-8:]]
    assert judged(known, given) is None


def test_one_repeated_day_in_another_currency_is_no_correction() -> None:
    known = quotes(walk(5, 40, 0.02))
    for factor in (1000.0, 1 / 7.2):
        found = judged(known, [*known[-8:-1], *times(known[-1:], factor)])
        assert found is not None
        assert str(known[-1].ds) in found.reason
    assert judged(known, [*known[-8:-1], *times(known[-1:], 3.0)]) is None


@given(seeds, st.floats(0.0, 0.03), st.floats(1.02, 1.5))
def test_a_history_written_anew_is_found_whatever_the_factor(seed: int, scale: float, factor: float) -> None:
    known = quotes(walk(seed, 40, scale))
    found = judged(known, times(known[-12:], factor))
    assert found is not None
    assert "12 days that they repeat" in found.reason


def test_another_desk_may_differ_by_what_desks_differ_by() -> None:
    known = quotes(walk(1, 40, 0.02))
    for bias in (0.95, 1.0, 1.05, 1.08):
        assert judged(known, times(known[-12:], bias), own=False) is None
    found = judged(known, times(known[-12:], 1.13), own=False)
    assert found is not None
    assert "Chinese VAT" in found.reason
    assert judged(known, times(known[-1:], 1.13), own=False) is None, "one day of two desks says nothing"


def test_one_day_of_another_desk_is_enough_for_a_far_factor() -> None:
    known = quotes(walk(1, 40, 0.02))
    for factor in (1000.0, 1 / 7.2):
        assert judged(known, times(known[-1:], factor), own=False) is not None


def test_the_same_factor_on_all_series_of_a_file_counts_together() -> None:
    """Each alone could have moved so; all at once by the same factor is a change of the file."""
    names = ("dy-x", "nd-x", "tb-x")

    def file(factors: Sequence[float]) -> list[Evidence]:
        found = []
        for seed, (name, factor) in enumerate(zip(names, factors, strict=True)):
            prices = walk(seed, 40, 0.03)
            known = quotes(prices, name=name)
            new = quotes([prices[-1] * factor], start=START + timedelta(days=7 * 41), name=name)
            found.append(Evidence(series=series(name), known=known, own=known, given=new))
        return found

    assert all(find_slip([one], FX) is None for one in file([1 / 1.13] * 3)), "alone it is not told apart"
    together = find_slip(file([1 / 1.13] * 3), FX)
    assert together is not None
    assert together.series_ids == names
    assert "all at once" in together.reason
    assert find_slip(file([1 / 1.13, 1.0, 1.05]), FX) is None


def test_a_unit_that_changes_in_the_middle_of_a_new_stretch_is_found() -> None:
    prices = walk(3, 60, 0.02)
    new = quotes(prices[41:], start=START + timedelta(days=7 * 41))
    assert judged(quotes(prices[:41]), new) is None
    found = judged(quotes(prices[:41]), [*new[:9], *times(new[9:], 1000)])
    assert found is not None
    assert str(new[9].ds) in found.reason


def test_a_first_file_and_a_currency_without_rates_cannot_be_judged() -> None:
    known = quotes(walk(1, 40, 0.01))
    assert judged([], times(known, 1000)) is None
    last = quotes([known[-1].value / 7.2], start=START + timedelta(days=7 * 41))
    assert judged(known, last, fx=NONE) is None
    assert judged(known, last) is not None


REFERENCE = {s.series_id: s for s in read_catalogue()}


def shipped_rates() -> FxTable:
    rates: dict[date, dict[str, float]] = {}
    for rate in read_fx(NOW):
        rates.setdefault(rate.month, {})[rate.currency] = rate.per_usd
    return FxTable(pd.DataFrame([{"month": pd.Timestamp(m), **r} for m, r in sorted(rates.items())]))


def one_by_one(factor: float, suffixes: tuple[str, ...]) -> tuple[list[tuple[date, str]], int]:
    """The shipped prices as they came, day by day, each new one times a factor: (what was held, files)."""
    fx, by_series = shipped_rates(), {}
    for quote in sorted(read_quotes(NOW), key=lambda q: q.ds):
        if quote.series_id.endswith(suffixes):
            by_series.setdefault(quote.series_id, []).append(quote)
    held, files = [], 0
    for day in sorted({quote.ds for found in by_series.values() for quote in found}):
        evidence = []
        for name, found in by_series.items():
            known = [quote for quote in found if quote.ds < day]
            new = [quote for quote in found if quote.ds == day]
            if known and new:
                evidence.append(
                    Evidence(series=REFERENCE[name], known=known, own=known, given=times(new, factor))
                )
        if evidence:
            files += 1
            slip = find_slip(evidence, fx)
            held += [(day, slip.reason)] if slip else []
    return held, files


@pytest.mark.parametrize("suffixes", [("-cn",), ("-eu",), ("-fob",)])
def test_no_shipped_price_was_ever_a_slip(suffixes: tuple[str, ...]) -> None:
    """The tripling of April 2025 in Europe among them, and the repeal of the export duty."""
    held, files = one_by_one(1.0, suffixes)
    assert held == []
    assert files >= 18


def test_each_shipped_chinese_month_in_another_unit_or_currency_is_found() -> None:
    for factor in (1000.0, 1 / 1000, 1 / 6.6):
        held, files = one_by_one(factor, ("-cn",))
        assert len(held) == files
    for jump in (3.0, 1 / 3):
        assert one_by_one(jump, ("-cn",))[0] == []
