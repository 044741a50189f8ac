"""Controls: which event is a step, what is known when, and how well a planted step is found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.events.event import Coverage, EventChange, MarketSide, Stage
from forecast.models.premium import PRIORS, control_steps, fit_premium

DAYS = ("2025-01-16", "2025-04-01", "2025-05-06", "2025-06-04", "2025-09-18", "2026-02-05")
PREMIUMS = (0.2, 0.3, 1.4, 1.3, 1.4, 1.7)
TODAY = date(2026, 11, 24)


def test_the_licence_is_a_step_for_dy_and_tb_not_for_nd(licence):
    for element in ("Dy", "Tb"):
        (step,) = control_steps([licence], element, TODAY)
        assert (step.event_id, step.on, step.tightens) == ("LICENCE", date(2025, 4, 4), True)
    assert control_steps([licence], "Nd", TODAY) == ()
    assert control_steps([licence], None, TODAY) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": "tariff"},
        {"direction": "ease"},
        {"market_side": MarketSide.CHINA},
        {"elements": {"Dy": Coverage.PARTIAL}},
    ],
)
def test_anything_less_is_no_step(licence, change):
    assert control_steps([replace(licence, **change)], "Dy", TODAY) == ()


def test_an_unsure_or_future_start_is_no_step(licence):
    announced = licence.changes[0]
    for probability, on in ((0.7, date(2025, 4, 4)), (1.0, date(2027, 1, 10))):
        start = EventChange(stage=Stage.EFFECTIVE, on=on, known_on=date(2025, 4, 4), probability=probability)
        assert control_steps([replace(licence, changes=(announced, start))], "Dy", TODAY) == ()


def test_a_lifting_is_a_step_of_its_own_and_not_the_step_taken_back(licence, build):
    end = EventChange(stage=Stage.LIFTED, on=date(2026, 1, 10), known_on=date(2026, 1, 5))
    lifted = replace(licence, changes=(*licence.changes, end))
    assert [s.tightens for s in control_steps([lifted], "Dy", TODAY)] == [True, False]
    assert [s.tightens for s in control_steps([lifted], "Dy", date(2026, 1, 9))] == [True]
    inp = build(DAYS[:-1], PREMIUMS[:-1], events=(lifted,))
    before, after = (fit_premium(inp).level_at(d) for d in (date(2026, 1, 9), date(2026, 1, 10)))
    assert after[0] - before[0] == pytest.approx(PRIORS.easing_mean, abs=1e-3)
    assert after[1] > before[1]


def test_nd_has_no_step(build):
    fit = fit_premium(build(DAYS, PREMIUMS, element="Nd"))
    assert fit.steps == ()
    assert fit.components["control_step_mean"] == fit.components["control_step_sd"] == 0.0
    assert any("no step is assumed" in note for note in fit.notes)


def test_the_step_is_told_from_quotes_on_both_sides(build):
    found = fit_premium(build(DAYS, PREMIUMS)).components
    assert found["control_step_mean"] == pytest.approx(1.05, abs=0.15)
    assert found["control_step_sd"] < 0.25 < PRIORS.step_sd


def test_an_earlier_reader_sees_neither_later_quotes_nor_the_control(build):
    """Known on 2 April 2025: the answer is that of a world in which nothing later was ever written."""
    early = date(2025, 4, 2)
    whole = fit_premium(build(DAYS, PREMIUMS, known_at=early))
    alone = fit_premium(build(DAYS[:2], PREMIUMS[:2], events=(), known_at=early))
    assert whole.points == alone.points
    assert whole.components == alone.components
    assert whole.steps == ()
    assert whole.last_day == date(2025, 4, 1)
    months = pd.period_range("2025-05", "2026-11", freq="M")
    paths = [f.draws(months, 100, np.random.default_rng(1)) for f in (whole, alone)]
    np.testing.assert_array_equal(*paths)


def test_a_control_without_a_quote_after_it_is_its_prior(build):
    fit = fit_premium(build(DAYS, PREMIUMS, known_at=date(2025, 4, 10)))
    assert fit.components["control_step_mean"] == 0.0  # not in force on the day of the last quote
    eve, day = (fit.level_at(d) for d in (date(2025, 4, 3), date(2025, 4, 4)))
    assert day[0] - eve[0] == pytest.approx(PRIORS.step_mean, abs=1e-6)
    assert day[1] ** 2 - eve[1] ** 2 == pytest.approx(PRIORS.step_sd**2, abs=2e-3)


def test_quotes_that_begin_under_a_control_keep_level_and_step_apart_by_the_prior(build):
    fit = fit_premium(build(DAYS[2:], PREMIUMS[2:]))
    assert fit.model.start == date(2025, 4, 3).toordinal()
    assert fit.components["base_level_mean"] == pytest.approx(PRIORS.level_mean, abs=0.1)
    assert any("Prior-led" in note for note in fit.notes)


def test_a_planted_step_is_recovered(build):
    """40 simulated histories: 90 % intervals of the step hold it in 80-98 %, and they are centred."""
    days = pd.to_datetime(
        [
            "2023-05-10",
            "2024-02-10",
            "2024-09-10",
            "2025-01-16",
            "2025-03-20",
            *DAYS[2:5],
            "2025-12-11",
            DAYS[5],
        ]
    )
    truth, held, errors = 1.1, 0, []
    gaps = np.diff(days.to_numpy()).astype("timedelta64[D]").astype(float) / 365.25
    after = days >= pd.Timestamp("2025-04-04")
    sds = np.where(after[1:], 0.40, 0.25)
    sources = ["Argus" if i % 3 else "SMM" for i in range(len(days))]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        walk = np.cumsum(np.r_[rng.normal(0.14, 0.15), sds * np.sqrt(gaps) * rng.standard_normal(len(gaps))])
        offsets = dict(zip(("Argus", "SMM"), rng.normal(0, 0.05, 2), strict=True))
        z = walk + truth * after + [offsets[s] for s in sources] + rng.normal(0, 0.05, len(days))
        found = fit_premium(build([str(d.date()) for d in days], z, sources=sources)).components
        errors.append(found["control_step_mean"] - truth)
        held += abs(errors[-1]) <= 1.645 * found["control_step_sd"]
    assert 32 <= held <= 39
    assert abs(np.mean(errors)) < 0.06
