"""A preview finds what was planted: firings, delays, what came true, and whether chances can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.store import prices
from service.alerts.desk import create_rule
from service.alerts.preview import preview
from service.alerts.previewed import PreviewAnswer
from service.context import Context
from service.refusals import NotKnown, Refusal
from tests.support import preview_world as world
from tests.support.preview_world import CUTOFFS, HIGH, MADE, QUIET, WEEKLY, comes, point, weekly
from tests.support.service_world import TODAY

CROSSING = {"name": "may rise", "kind": "p_cross_by", "series_id": MADE, "level": 120, "horizon": 2,
            "threshold": 0.5}  # fmt: skip
PRICE = {"name": "rose", "kind": "price", "series_id": WEEKLY, "threshold": 110}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """An empty database of its own."""
    made = world.open_world(f"sqlite:///{tmp_path}/preview.db")
    yield made
    made.engine.dispose()


def friday(week: int) -> date:
    """Day of the quote number `week`, from 0."""
    return date(2025, 1, 3) + timedelta(weeks=week)


def fired(found: PreviewAnswer) -> list[tuple[date, date | None]]:
    """Days of firing and of being resolved."""
    return [(row.on, row.resolved_on) for row in found.rows]


# --- prices ---


def test_every_planted_crossing_fires_once_on_the_day_it_could_be_read(context: Context) -> None:
    levels = [100] * 10 + [125] * 4 + [100] * 10 + [125] + [100] * 10
    world.keep(context, weekly(levels))
    found = preview(context, PRICE)
    day = timedelta(days=1)
    assert fired(found) == [
        (friday(10) + day, friday(14) + day),
        (friday(24) + day, friday(25) + day),
    ]
    assert [row.delay_days for row in found.rows] == [1, 1]
    assert [(row.held_next, row.held_third) for row in found.rows] == [(True, True), (False, False)]
    assert (found.held_next.share, found.held_next.of) == (0.5, 2)
    assert (found.observations, found.firings, found.cutoffs) == (35, 2, None)
    assert (found.first_on, found.last_on) == (friday(0) + day, TODAY)
    assert found.firings_per_year == pytest.approx(2 / ((TODAY - friday(0) - day).days / 365.25))
    assert found.marks == ()
    assert found.value_in == "CNY/kg incl-vat"
    assert found.now is not None
    assert (found.now.value, found.beyond_now) == (100.0, False)


def test_for_and_recovery_are_replayed_by_the_machine_of_the_service(context: Context) -> None:
    levels = [100, 125, 100, 125, 125, 125, 108, 125, 104, 104, 100]
    world.keep(context, weekly(levels))
    found = preview(context, PRICE | {"for": 3, "recovery": 105, "keep_firing": 2})
    assert fired(found) == [(friday(5) + timedelta(days=1), friday(9) + timedelta(days=1))]
    assert found.rows[0].delay_days == 15, "from the first of the three to the day after the third"
    assert found.median_delay_days == 15.0


def test_a_correction_is_not_known_before_it_was_made(context: Context) -> None:
    wrong, put_right = point(friday(3), 140.0), datetime(2026, 11, 20, 8, tzinfo=UTC)
    quotes = [*weekly([100] * 3), wrong, *weekly([100] * 4, friday(4))]
    world.keep(context, quotes)
    world.keep(context, [replace(wrong, value=100.0, source="desk", recorded_at=put_right)])
    fires = preview(context, PRICE).rows
    assert [(row.on, row.value) for row in fires] == [(friday(3) + timedelta(days=1), 140.0)]
    with context.engine.connect() as conn:
        assert {q.value for q in prices.load(conn, [WEEKLY])} == {100.0}, "today nobody sees why it fired"


def test_a_revision_published_later_enters_on_its_own_day_and_says_so(context: Context) -> None:
    first = point(friday(5), 105.0)
    revised = replace(first, value=120.0, available_on=friday(5) + timedelta(days=10))
    world.keep(context, [*weekly([100] * 5), first])
    world.keep(context, [revised])
    found = preview(context, PRICE)
    assert [(row.on, row.value, row.revised) for row in found.rows] == [
        (friday(5) + timedelta(days=10), 120.0, True)
    ]


def test_a_price_in_dollars_moves_with_the_rate_known_that_day(context: Context) -> None:
    months = list(pd.period_range("2024-12", "2025-06", freq="M"))
    known = world.rates({m: 7.0 if m < pd.Period("2025-03", "M") else 5.0 for m in months})
    world.keep(context, weekly([70.0] * 20), known)
    asked = {"name": "dear dollars", "kind": "price", "series_id": WEEKLY, "currency": "USD", "threshold": 12}
    found = preview(context, asked)
    assert [row.on for row in found.rows] == [date(2025, 4, 1)], "March's rate could be read in April"
    assert found.rows[0].value == pytest.approx(14.0)
    assert found.rows[0].of == date(2025, 3, 28), "the newest quote of March, valued anew"
    assert found.rows[0].revised


def test_a_change_over_a_window_is_found(context: Context) -> None:
    world.keep(context, weekly([100, 102, 104, 106, 130, 131, 132]))
    asked = {"name": "up", "kind": "change", "series_id": WEEKLY, "threshold": 20, "window_days": 7}
    found = preview(context, asked)
    assert fired(found) == [(friday(4) + timedelta(days=1), friday(5) + timedelta(days=1))]
    assert found.rows[0].value == pytest.approx((130 / 106 - 1) * 100)
    assert found.value_in == "per cent"


def test_a_dead_feed_fires_on_the_day_the_newest_quote_is_too_old(context: Context) -> None:
    world.keep(context, [*weekly([100] * 5), *weekly([100] * 5, friday(12))])
    found = preview(context, {"name": "old", "kind": "stale", "series_id": WEEKLY, "threshold": 20})
    assert fired(found)[0] == (friday(4) + timedelta(days=21), friday(12) + timedelta(days=1))
    assert fired(found)[1] == (friday(16) + timedelta(days=21), None)
    assert found.held_next.of == 0
    assert found.beyond_now


def test_only_the_oldest_hundred_firings_are_listed_and_all_are_counted(context: Context) -> None:
    world.keep(context, weekly([100, 120] * 120, date(2021, 1, 1)))
    found = preview(context, PRICE)
    assert (found.firings, len(found.rows), found.rows[0].on) == (120, 100, date(2021, 1, 9))


def test_a_price_without_history_has_nothing_to_replay(context: Context) -> None:
    world.keep(context, [])
    found = preview(context, PRICE)
    assert (found.firings, found.observations, found.first_on, found.now) == (0, 0, None, None)
    assert found.firings_per_year is None
    assert "no price" in found.notes[0]


# --- forecasts ---


def test_a_backtest_that_foretold_every_rise_is_calibrated(context: Context) -> None:
    world.with_backtest(context, comes)
    found = preview(context, CROSSING)
    rises = [c.end_time.date() for k, c in enumerate(CUTOFFS) if comes(k)]
    assert [row.on for row in found.rows] == rises
    assert all(row.value is not None and row.value > 0.9 for row in found.rows)
    assert found.cutoffs == len(CUTOFFS)
    assert (found.came_true.share, found.came_true.of) == (1.0, len(rises))
    assert found.median_lead_months == 2.0
    assert found.marks == ()
    skill = found.calibration.skill  # type: ignore[union-attr]
    assert skill is not None
    assert (skill.hits, skill.n) == (12, 24)
    assert skill.value is not None
    assert skill.value > 0.9
    assert "24 backtest cutoffs" in found.notes[0]
    assert "3 months apart" in found.notes[0]


@pytest.mark.parametrize(
    ("foretold", "cutoffs", "horizon", "why"),
    [
        (lambda k: not comes(k), 24, 2, "no skill (-"),
        (comes, 11, 2, "the outcome of 11 of 11 backtest cutoffs is known 2 months ahead; 12 are needed"),
        (comes, 24, 1, "a level that far away was never passed 1 month ahead, at 24 backtest cutoffs"),
        (comes, 24, 5, "no backtest of this price looks 5 months ahead"),
        (comes, 0, 2, "no backtest of this price looks 2 months ahead"),
    ],
)
def test_why_a_rule_is_marked_and_that_it_is_armed_with_its_mark(
    context: Context, foretold: Any, cutoffs: int, horizon: int, why: str
) -> None:
    world.with_backtest(context, foretold, cutoffs)
    asked = CROSSING | {"horizon": horizon}
    (mark,) = preview(context, asked).marks
    assert mark.startswith("uncalibrated: ")
    assert why in mark
    assert create_rule(context, asked, "desk").marks == (mark,)


def test_what_misled_never_came_true(context: Context) -> None:
    world.with_backtest(context, lambda k: not comes(k))
    found = preview(context, CROSSING)
    assert (found.came_true.share, found.came_true.of) == (0.0, 12)
    assert found.median_lead_months is None


def test_downwards_a_chance_fires_when_it_is_high(context: Context) -> None:
    world.with_backtest(context, comes)
    found = preview(context, CROSSING | {"direction": "below", "level": 80})
    assert found.firings == 0, "a fall was foretold at no cutoff"
    certain = preview(context, CROSSING | {"direction": "below", "level": 120})
    assert certain.firings == 1, "at the first cutoff, and it stays so"
    assert certain.rows[0].passed_before
    assert certain.came_true.of == 0, "what is so already is not foretold"


def test_beyond_on_a_day_and_a_quantile_are_replayed_at_that_distance(context: Context) -> None:
    world.with_backtest(context, comes)
    ahead = date(2027, 1, 20)
    found = preview(
        context,
        {
            "name": "then",
            "kind": "p_beyond_at",
            "series_id": MADE,
            "level": 120,
            "on": ahead,
            "threshold": 0.5,
        },
    )
    assert found.firings == 12
    assert found.came_true.share == 1.0
    median = preview(
        context,
        {"name": "median", "kind": "forecast", "series_id": MADE, "threshold": 120, "horizon": 2},
    )
    assert [row.value for row in median.rows] == pytest.approx([HIGH] * 12, rel=0.02)
    assert median.value_in == "CNY/kg incl-vat"
    assert median.marks == ()


def test_a_level_in_another_basis_is_turned_at_the_rates_of_each_cutoff(context: Context) -> None:
    world.with_backtest(context, comes)
    own = preview(context, CROSSING)
    level = 120 / 7.0 / 1.13 * 1000
    other = preview(context, CROSSING | {"level": level, "currency": "USD", "unit": "tonne", "tax": "ex-vat"})
    # VAT was 13 % at all of these cutoffs and the rate 7
    assert [row.on for row in other.rows] == [row.on for row in own.rows]
    assert other.calibration.log_ratio == pytest.approx(own.calibration.log_ratio)  # type: ignore[union-attr]


def test_a_horizon_that_is_not_over_tells_nothing(context: Context) -> None:
    world.with_backtest(context, lambda _: True)
    found = preview(context, CROSSING | {"horizon": 4})
    assert found.firings == 1
    assert found.calibration is not None
    assert found.calibration.skill is not None
    assert found.calibration.skill.n == 23, "four months after the last cutoff have not come"


def test_a_spot_rule_is_never_calibrated_by_monthly_means(context: Context) -> None:
    world.with_backtest(context, comes)
    found = preview(context, CROSSING | {"measure": "spot"})
    assert found.marks == ("uncalibrated: the backtest knows monthly means, not the spot price",)
    assert found.firings == 12
    assert "spot price crosses at least as often" in found.notes[-1]


def test_events_that_became_public_are_listed(context: Context) -> None:
    found = preview(context, {"name": "news", "kind": "event", "element": "Tb"})
    assert (found.firings, found.subject, found.now) == (0, "Tb", None)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"threshold": 1.5}, Refusal, "threshold"),
        ({"series_id": "nope"}, NotKnown, "series_id"),
        ({"currency": "EUR"}, Refusal, "currency"),
        ({"horizon": 30}, Refusal, "horizon"),
        ({"recovery": 0.6}, Refusal, "recovery"),
        ({"direction": "below", "recovery": 0.6}, Refusal, "recovery"),
    ],
)
def test_what_cannot_be_armed_cannot_be_previewed(
    context: Context, changes: dict[str, Any], error: type[Refusal], field: str
) -> None:
    world.with_backtest(context, comes)
    with pytest.raises(error) as refused:
        preview(context, CROSSING | changes)
    assert refused.value.field == field


def test_on_either_database(database_url: str) -> None:
    made = world.open_world(database_url)
    world.with_backtest(made, comes)
    world.keep(made, weekly([100] * 5 + [125] * 5))
    assert preview(made, CROSSING).firings == 12
    assert preview(made, PRICE).firings == 1
    assert QUIET < 120 < HIGH
    made.engine.dispose()
