"""Answers about effects: exact counterfactuals, joint sums against brute force, what is said to buyers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.events.answers import ALL_EVENTS, NO_EFFECT, SeriesEffects, money, percent, without
from forecast.events.dummies import columns
from forecast.events.effects import POSTERIOR_DOF, fit_effects
from forecast.events.event import Event
from forecast.events.home import series_effects
from forecast.events.outside import outside_effects
from forecast.events.reading import PREMIUM
from forecast.types import EventUse, PriceHistory, SeriesKey
from tests.forecast.events.makers import DAY, change, event, history, in_force, walk

HEAVY = {"Dy": "supply", "Tb": "partial"}
ALL = {"Dy": "sympathy", "Tb": "sympathy", "Nd": "sympathy"}


def listed() -> list[Event]:
    return [
        in_force("OLD", date(2011, 2, 1), instrument="quota", elements={"Dy": "covered"}),
        in_force("SHUT", date(2019, 5, 15), instrument="mine-closure", elements=HEAVY),
        in_force("TALK", date(2019, 5, 20), instrument="threat", elements=ALL),
        in_force("COUP", date(2025, 10, 1), instrument="mine-closure", elements=HEAVY),
        in_force("NO18", date(2025, 4, 4)),
        event("NEXT", date(2025, 11, 7), instrument="threat", elements=ALL,
              changes=[change("effective", date(2027, 2, 1), date(2025, 11, 7), 0.3)]),
    ]  # fmt: skip


def prices() -> list[PriceHistory]:
    found = [history(e, walk(122, s)) for s, e in enumerate(("Dy", "Nd", "Tb"))]
    found[0].y[[40, 41]] = np.nan
    return found


def answer(element: int = 0) -> SeriesEffects:
    histories = prices()
    return series_effects(fit_effects(histories, listed(), DAY), histories[element])


@settings(max_examples=200, deadline=None)
@given(price=st.floats(1.0, 1e6), effect=st.floats(-2, 2))
def test_actual_is_counterfactual_plus_effect_to_the_last_bit(price: float, effect: float) -> None:
    actual = np.log(np.array([20 + price]))
    counterfactual, told = without(actual, np.array([effect]))
    assert (counterfactual + told == actual).all()
    assert told[0] == pytest.approx(effect, abs=1e-14)


def test_the_paths_of_a_series_add_up() -> None:
    found = answer().counterfactual
    assert found.labels == (ALL_EVENTS, "SHUT", "TALK", "NO18", "COUP", "SHUT + TALK")
    whole, shut, talk, no18, coup, both = found.effect
    np.testing.assert_allclose(whole, shut + talk + no18 + coup, atol=1e-15)
    np.testing.assert_allclose(both, shut + talk, atol=1e-15)
    for effect in found.effect:
        counterfactual, told = without(found.log_price, effect)
        here = np.isfinite(found.log_price)
        np.testing.assert_array_equal((counterfactual + told)[here], found.log_price[here])
    assert np.isnan(found.log_price[[40, 41]]).all()
    assert not found.effect[:, :40].any()
    assert not found.low[:, :40].any()
    assert (found.low <= found.effect).all()
    assert (found.effect <= found.high).all()


def test_a_path_moves_as_its_dummy_and_ends_in_the_price() -> None:
    histories = prices()
    fit = fit_effects(histories, listed(), DAY)
    found = series_effects(fit, histories[2])
    path = found.counterfactual
    shut = next(e for e in found.events if e.event_id == "SHUT")
    course = columns([next(r for r in fit.readings if r.event_id == "SHUT")], histories[2].periods)[:, 0]
    np.testing.assert_allclose(path.effect[path.labels.index("SHUT")], course * shut.full.mean, atol=1e-15)
    assert shut.reach == 0.5
    assert shut.share_in_price == course[-1]
    for each in found.events:
        if each.source == "prices":
            at = path.labels.index(each.event_id)
            assert each.in_price is not None
            assert each.in_price.mean == pytest.approx(path.effect[at, -1], abs=1e-15)
            assert each.in_price.high == pytest.approx(path.high[at, -1], abs=1e-15)


def test_joint_interval_equals_joint_draws() -> None:
    histories = prices()
    fit = fit_effects(histories, listed(), DAY)
    joint = series_effects(fit, histories[0]).joint[0]
    parameters = fit.parameters
    assert parameters is not None
    assert joint.event_ids == ("SHUT", "TALK")
    places = [parameters.event_ids.index(u) for u in joint.event_ids]
    at = len(parameters.groups) + np.array(places)
    rng = np.random.default_rng(1)
    normal = rng.multivariate_normal(np.zeros(2), parameters.covariance[np.ix_(at, at)], size=200_000)
    v = parameters.mean[at] + normal * np.sqrt(POSTERIOR_DOF / rng.chisquare(POSTERIOR_DOF, (200_000, 1)))
    size = (parameters.prior_means[places] + parameters.prior_scales[places] * v) @ [1.0, 0.5]
    low, high = np.quantile(size, [0.05, 0.95])
    assert joint.full.mean == pytest.approx(size.mean(), abs=1e-3)
    assert (joint.full.low, joint.full.high) == pytest.approx((low, high), abs=2e-3)
    single = {e.event_id: e.full for e in series_effects(fit, histories[0]).events}
    widths = [single[u].high - single[u].low for u in joint.event_ids]
    assert joint.full.high - joint.full.low < np.hypot(*widths)


def test_what_prices_cannot_know_is_not_in_the_price() -> None:
    found = {e.event_id: e for e in answer().events}
    assert found["OLD"].in_price is None
    assert found["OLD"].source == "type"
    assert found["NEXT"].in_price == NO_EFFECT
    assert (found["NEXT"].state, found["NEXT"].probability, found["NEXT"].share_now) == ("pending", 0.3, 0.0)
    assert found["NO18"].share_now == 1.0
    assert found["COUP"].share_now < found["COUP"].share_in_price
    assert (found["NO18"].broad_type, found["NO18"].shape) == ("barrier", "step")
    assert [found[u].events_behind for u in ("SHUT", "COUP", "TALK", "NO18", "NEXT")] == [2, 2, 1, 1, 1]
    assert all(e.prior_led for e in found.values())


def test_an_element_that_no_event_touches() -> None:
    found = series_effects(fit_effects(prices(), listed()[3:5], DAY), prices()[1])
    assert found.events == ()
    assert found.in_price == NO_EFFECT


def test_per_cent_and_money() -> None:
    assert percent(np.log(1.25)) == pytest.approx(25.0)
    assert money(np.log(1.25), 500.0) == pytest.approx(100.0)
    assert money(-np.log(1.25), 400.0) == pytest.approx(-100.0)


def test_outside_china_only_the_controls_are_measured() -> None:
    home = answer()
    outside = fit_effects((), listed(), DAY, market=PREMIUM)
    use = EventUse(event_id="NO18", title="", event_type="export-barrier", state="past", probability=1.0,
                   effect_mean=1.1, effect_low=0.8, effect_high=1.4, events_behind=1)  # fmt: skip
    key = SeriesKey(unique_id="dy-oxide-eu", element="Dy", market="eu", currency="USD")
    quotes = [(date(2015, 6, 1), 300.0), (date(2025, 4, 3), 320.0), (date(2025, 5, 9), 880.0),
              (date(2026, 2, 5), 900.0)]  # fmt: skip
    found = outside_effects(outside, key, [use], ["NO18"], home, quotes)
    by_id = {e.event_id: e for e in found.events}
    china = {e.event_id: e for e in home.events}["NO18"]
    control = by_id["NO18"]
    assert control.source == "quotes"
    assert control.full.mean == pytest.approx(1.1 + china.full.mean)
    assert control.full.mean - control.full.low == pytest.approx(
        np.hypot(0.3, china.full.mean - china.full.low)
    )
    assert control.in_price is not None
    assert control.premium is not None
    assert (control.premium.low, control.premium.high) == (0.8, 1.4)
    assert by_id["SHUT"].china == {e.event_id: e for e in home.events}["SHUT"].full
    assert by_id["SHUT"].in_price is None
    assert all(e.prior_led for e in found.events)
    assert by_id["NEXT"].in_price == NO_EFFECT
    path = found.counterfactual
    assert path.labels == (ALL_EVENTS, "NO18")
    np.testing.assert_allclose(path.effect[1, :2], 0.0)
    assert path.effect[1, -1] == pytest.approx(control.in_price.mean)
    assert path.high[1, -1] == pytest.approx(control.in_price.high)
    at = home.counterfactual.periods.get_loc(pd.Period("2025-05", "M"))
    assert path.effect[0, 2] == pytest.approx(1.1 + home.counterfactual.effect[0, at])
    assert path.effect[0, 0] == 0.0
    assert found.in_price.mean == path.effect[0, -1]
    np.testing.assert_allclose(np.exp(path.log_price), [q for _, q in quotes])
    assert set(by_id) == {e.event_id for e in home.events}
    without_step = outside_effects(outside, key, [], [], home, quotes)
    assert without_step.counterfactual.labels == (ALL_EVENTS,)
    assert {e.event_id: e for e in without_step.events}["NO18"].source == "type"
