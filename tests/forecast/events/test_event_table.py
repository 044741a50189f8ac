"""The published table: complete, plausible, and the one that readers see."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast.events.event import Coverage, MarketSide
from forecast.events.table import (
    ANY,
    COVERAGE_WEIGHT,
    EVENT_TABLE,
    EVENT_TYPES,
    EventRule,
    find_rule,
    rule_for,
)
from tests.forecast.events.makers import in_force

DOCS = Path(__file__).parents[3] / "docs" / "events.md"


def line(rule: EventRule) -> str:
    """A row as docs/events.md prints it."""

    def prior(mean: float, scale: float) -> str:
        return f"{mean:+.2f} ± {scale:.2f}" if scale else "-"

    name = "any other" if rule.instrument == ANY else rule.instrument
    name += f" ({rule.side.value})" if rule.side else ""
    months = rule.half_life_months or rule.ramp_months
    shape = rule.shape.replace("_", " ") + (f", {months:g} months" if months else "")
    if rule.event_type == "none":
        return f"| {name} | {rule.direction} | none | - | - | - | - | - |"
    china = prior(rule.prior_mean_china, rule.prior_scale_china)
    premium = prior(rule.prior_mean_premium, rule.prior_scale_premium)
    cells = (name, rule.direction, rule.event_type, shape, rule.anchor, rule.channel, china, premium)
    return "| " + " | ".join(cells) + " |"


def test_the_published_page_shows_every_row() -> None:
    text = DOCS.read_text(encoding="utf-8").splitlines()
    start = text.index("<!-- the table -->") + 3
    assert text[start : start + len(EVENT_TABLE)] == [line(r) for r in EVENT_TABLE]


def test_the_published_page_shows_every_coverage_weight() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for coverage, weight in COVERAGE_WEIGHT.items():
        assert f"| {coverage.value} | {weight:g} |" in text


def test_rows_are_unique_and_of_known_types() -> None:
    keys = [(r.instrument, r.direction, r.side) for r in EVENT_TABLE]
    assert len(set(keys)) == len(keys)
    assert {r.event_type for r in EVENT_TABLE} == set(EVENT_TYPES)
    assert set(COVERAGE_WEIGHT) == set(Coverage)


@pytest.mark.parametrize("rule", EVENT_TABLE, ids=lambda r: f"{r.instrument}-{r.direction}-{r.side}")
def test_a_row_is_consistent(rule: EventRule) -> None:
    assert (rule.half_life_months is not None) == (rule.shape == "decaying_step")
    assert (rule.ramp_months is not None) == (rule.shape == "ramp")
    assert 0 < rule.default_probability < 1
    assert rule.direction in ("tighten", "ease")
    if rule.event_type == "none":
        assert rule.prior_scale_china == rule.prior_scale_premium == 0
        return
    # wide: no row claims a sign for sure, and what only spills over to China is centred on nothing
    assert abs(rule.prior_mean_china) < rule.prior_scale_china
    assert abs(rule.prior_mean_premium) <= rule.prior_scale_premium
    if rule.channel == "premium":
        assert rule.prior_mean_china == 0
        assert rule.prior_scale_china <= 0.05
    sign = 1 if rule.direction == "tighten" else -1
    assert sign * rule.prior_mean_china >= 0
    assert sign * rule.prior_mean_premium >= 0


@pytest.mark.parametrize("direction", ["tighten", "ease"])
def test_an_unknown_instrument_gets_the_stated_default(direction: str) -> None:
    rule = rule_for(in_force("X", date(2026, 1, 1), instrument="space-elevator", direction=direction))
    assert rule.instrument == ANY
    assert rule.direction == direction
    assert rule.prior_scale_china >= 0.1


def test_the_market_side_picks_the_narrower_row() -> None:
    assert find_rule("quota", "tighten", MarketSide.EX_CHINA).event_type == "export-barrier"
    assert find_rule("quota", "tighten", MarketSide.BOTH).event_type == "domestic-squeeze"
    assert find_rule("ban", "tighten", MarketSide.CHINA).event_type == "feed-loss"


@pytest.mark.parametrize(
    ("instrument", "direction"),
    [
        ("tariff", "tighten"), ("tariff", "ease"), ("quota", "tighten"), ("quota", "ease"),
        ("embargo", "tighten"), ("domestic-enforcement", "tighten"), ("litigation", "ease"),
        ("mine-closure", "tighten"), ("mine-closure", "ease"), ("threat", "tighten"),
        ("framework-law", "tighten"), ("jawboning", "ease"),
        ("ban", "tighten"), ("reporting", "tighten"), ("licence", "tighten"), ("licence", "ease"),
        ("truce", "ease"), ("demand-support", "ease"), ("price-floor", "tighten"), ("price-floor", "ease"),
        ("export-restriction", "tighten"), ("stockpile", "tighten"), ("entity-list", "tighten"),
    ],
)  # fmt: skip
def test_every_instrument_of_the_calendar_has_a_row_of_its_own(instrument: str, direction: str) -> None:
    assert find_rule(instrument, direction).instrument == instrument
