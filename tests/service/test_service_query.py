"""Words become queries, or are refused with what would have been taken."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.query import level_quantiles, make_query, numbers
from service.refusals import Refusal


def test_level_gives_both_tails_and_the_median() -> None:
    assert level_quantiles((80.0, 95.0)) == (0.025, 0.1, 0.5, 0.9, 0.975)


@given(st.sets(st.floats(1, 95), min_size=1, max_size=8))
def test_levels_are_symmetric_and_ascending(levels: set[float]) -> None:
    found = level_quantiles(tuple(levels))
    assert list(found) == sorted(set(found))
    assert all(abs(low + high - 1) < 1e-5 for low, high in zip(found, reversed(found), strict=True))
    assert 0.5 in found


def test_quantiles_are_sorted_and_single() -> None:
    assert numbers("quantiles", "0.9, 0.1,0.1", low=0.025, high=0.975) == (0.1, 0.9)


@pytest.mark.parametrize(
    "text", ["", "a", "0.1,,0.9", "0.01", "0.99", "nan", "inf", ",".join(["0.5"] * 2 + ["x"])]
)
def test_bad_quantiles_name_field_and_allowed(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        make_query(quantiles=text)
    assert caught.value.field == "quantiles"
    assert "0.025 to 0.975" in caught.value.allowed


def test_level_and_quantiles_together_are_refused() -> None:
    with pytest.raises(Refusal, match="not both"):
        make_query(quantiles="0.5", level="80")


@pytest.mark.parametrize(("field", "word"), [("currency", "GBP"), ("unit", "lb"), ("tax", "duty")])
def test_unknown_basis_is_refused(field: str, word: str) -> None:
    with pytest.raises(Refusal) as caught:
        make_query(**{field: word})
    assert caught.value.field == field


def test_as_of_a_day_is_its_last_instant() -> None:
    assert make_query(as_of=date(2026, 11, 24)).as_of == datetime(2026, 11, 24, 23, 59, 59, 999999, UTC)
