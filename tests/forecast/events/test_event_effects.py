"""The effects layer: recovery, honesty about what was known, draws."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.distribution.headline import event_terms
from forecast.errors import InputError
from forecast.events.dummies import design
from forecast.events.effects import EffectsFit, effects_from, fit_effects
from forecast.events.estimation import estimate_effects
from forecast.events.event import Event
from forecast.events.parameters import EffectParameters
from forecast.types import PriceHistory, SeriesKey
from tests.forecast.events.makers import DAY, change, event, history, in_force, walk
from tests.forecast.events.planted import NEXT, planted, summary

DY = SeriesKey(unique_id="dy-oxide-cn", element="Dy", market="cn")
HEAVY = {"Dy": "supply", "Tb": "supply"}
ALL = {"Dy": "sympathy", "Tb": "sympathy", "Nd": "sympathy"}


def market(n: int = 120) -> list[PriceHistory]:
    return [history(e, walk(n, s)) for s, e in enumerate(("Dy", "Nd", "Tb"))]


def calendar() -> list[Event]:
    return [
        in_force("COUP", date(2021, 2, 1), instrument="mine-closure", elements=HEAVY,
                 description={"price_reaction": "up", "status": "ended", "end": "2021-09"}),
        in_force("TALK", date(2019, 5, 20), instrument="threat", elements=ALL),
        in_force("SHUT", date(2019, 5, 15), instrument="mine-closure", elements={"Dy": "supply"}),
        in_force("NO18", date(2025, 4, 4)),
        event("NEXT", date(2025, 11, 7), instrument="threat", elements=ALL,
              changes=[change("effective", date(2027, 2, 1), date(2025, 11, 7), 0.3)]),
        event("SOON", date(2026, 6, 1), instrument="quota", elements={"Dy": "supply"},
              changes=[change("effective", date(2026, 12, 1), date(2026, 6, 1), 0.999)]),
    ]  # fmt: skip


def ahead(n: int = 18) -> pd.PeriodIndex:
    return pd.period_range("2026-01", periods=n, freq="M")


ORIGIN = pd.Period("2025-12", "M")


def same(one: EffectsFit, two: EffectsFit) -> None:
    assert [replace_title(e) for e in one.estimates] == [replace_title(e) for e in two.estimates]
    terms = [event_terms(f, DY, ORIGIN, ahead()) for f in (one, two)]
    assert [replace(e, title="") for e in terms[0].open_events] == [
        replace(e, title="") for e in terms[1].open_events
    ]
    for mine, other in zip(terms[0].past, terms[1].past, strict=True):
        np.testing.assert_array_equal(mine.location, other.location)
        np.testing.assert_array_equal(mine.above, other.above)
    np.testing.assert_array_equal(one.adjustment(DY, ahead()), two.adjustment(DY, ahead()))


def replace_title(estimate):  # type: ignore[no-untyped-def]
    return replace(estimate, reading=replace(estimate.reading, title=""))


def test_planted_effects_are_recovered() -> None:
    everything = planted(40)
    found = [r for r in everything if r.event_type != NEXT]
    assert 0.85 <= np.mean([r.held for r in found]) <= 0.95, summary(40, everything)
    assert 0.85 <= np.mean([r.held for r in everything if r.event_type == NEXT]) <= 0.95
    error = np.sqrt(np.mean([(r.mean - r.truth) ** 2 for r in found]))
    prior = np.sqrt(np.mean([(r.prior_mean - r.truth) ** 2 for r in found]))
    assert error < 0.6 * prior


def test_a_clear_effect_is_found_and_its_own_share_by_element() -> None:
    periods = pd.period_range("2016-01", periods=120, freq="M")
    coup = calendar()[0]
    dummy = design([coup], periods, "Dy", "cn", DAY).matrix[:, 0]
    histories = [
        history(e, walk(120, 10 + s, 0.02) * np.exp(0.4 * dummy * (e != "Nd")))
        for s, e in enumerate(("Dy", "Nd", "Tb"))
    ]
    fit = fit_effects(histories, [coup], DAY)
    estimate = fit.estimates[0]
    assert estimate.low < 0.4 < estimate.high
    assert estimate.low > 0.2
    np.testing.assert_allclose(fit.adjustment(DY, periods), estimate.mean * dummy)
    nd = SeriesKey(unique_id="nd", element="Nd", market="cn")
    assert not fit.adjustment(nd, periods).any()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_hindsight_fields_move_nothing(data: st.DataObject) -> None:
    histories = market()
    text = st.text(max_size=8)
    rewritten = [
        replace(
            e,
            description=data.draw(st.dictionaries(text, text | st.integers() | st.none(), max_size=4)),
            title=data.draw(text),
            confidence=data.draw(text),
            sources=({"title": data.draw(text), "url": None},),
            forms=(data.draw(text),),
        )
        for e in calendar()
    ]
    same(fit_effects(histories, calendar(), DAY), fit_effects(histories, rewritten, DAY))
    periods = pd.period_range("2016-01", periods=140, freq="M")
    one, two = (design(e, periods, "Dy", "cn", DAY) for e in (calendar(), rewritten))
    np.testing.assert_array_equal(one.matrix, two.matrix)
    assert one.rules == two.rules


def test_what_became_known_later_moves_nothing() -> None:
    histories, day = market(), date(2026, 1, 31)
    news = (
        change("effective", date(2024, 1, 1), date(2026, 2, 1), 0.5),
        change("lifted", date(2025, 6, 1), date(2026, 3, 1)),
        change("suspended", date(2025, 5, 1), date(2026, 2, 1)),
    )
    later = [replace(e, changes=(*e.changes, *news)) if e.known_on <= day else e for e in calendar()]
    later.append(in_force("AFTER", date(2020, 5, 1), known_on=date(2026, 2, 1)))
    same(fit_effects(histories, calendar(), day), fit_effects(histories, later, day))
    assert fit_effects(histories, later, DAY).estimates != fit_effects(histories, calendar(), DAY).estimates


def test_the_order_of_events_and_repeating_a_fit_move_nothing() -> None:
    histories = market()
    same(fit_effects(histories, calendar(), DAY), fit_effects(histories, calendar()[::-1], DAY))
    same(
        fit_effects(histories, calendar(), DAY),
        pickle.loads(pickle.dumps(fit_effects(histories, calendar(), DAY))),
    )


def test_parameters_kept_as_json_give_the_same_layer() -> None:
    histories = market()
    found = estimate_effects(histories, calendar(), DAY)
    assert found is not None
    kept = EffectParameters.from_content(json.loads(json.dumps(found.content())))
    one, two = fit_effects(histories, calendar(), DAY), effects_from(kept, calendar(), "cn", DAY)
    same(one, two)
    periods = pd.period_range("2016-01", periods=140, freq="M")
    np.testing.assert_array_equal(one.contributions(DY, periods)[1], two.contributions(DY, periods)[1])


def test_old_parameters_with_a_newer_list() -> None:
    """Estimates stay; an event that they do not know, and one that is no longer certain, is predicted."""
    histories, day = market(), date(2025, 12, 31)
    old = estimate_effects(histories, calendar(), day)
    new = in_force("NEW", date(2025, 11, 3), instrument="mine-closure", elements=HEAVY, known_on=DAY)
    doubt = change("effective", date(2025, 4, 4), DAY, 0.4)
    listed = [replace(e, changes=(*e.changes, doubt)) if e.event_id == "NO18" else e for e in calendar()]
    before = {e.reading.event_id: e for e in effects_from(old, calendar(), "cn", day).estimates}
    after = {e.reading.event_id: e for e in effects_from(old, [*listed, new], "cn", DAY).estimates}
    for name in ("COUP", "TALK", "SHUT"):
        assert after[name] == before[name]
    assert before["NO18"].informed
    assert not after["NO18"].informed
    assert not after["NEW"].informed
    assert after["NEW"].events_behind == 2
    with pytest.raises(InputError, match="market"):
        effects_from(old, calendar(), "eu", DAY)


def test_inputs_are_not_touched() -> None:
    histories, events = market(), calendar()
    histories[0].y[[20, 21]] = np.nan
    before = copy.deepcopy((histories, events))
    fit = fit_effects(histories, events, DAY)
    event_terms(fit, DY, ORIGIN, ahead())
    for one, two in zip(histories, before[0], strict=True):
        np.testing.assert_array_equal(one.y, two.y)
    assert events == before[1]


@pytest.mark.parametrize("events", [[], [in_force("X", date(2020, 1, 1), elements={"La": "covered"})]])
def test_no_events_is_exactly_nothing(events: Sequence[Event]) -> None:
    fit = fit_effects(market(), events, DAY)
    terms = event_terms(fit, DY, ORIGIN, ahead())
    assert (terms.past, terms.open_events) == ((), ())
    np.testing.assert_array_equal(fit.adjustment(DY, ahead()), np.zeros(18))
    assert fit.uses(DY, ahead()) == ()


@pytest.mark.parametrize(
    "key",
    [
        SeriesKey(unique_id="x", element="Dy", market=None),
        SeriesKey(unique_id="x", element=None, market="cn"),
        SeriesKey(unique_id="x"),
    ],
)
def test_without_element_or_market_there_are_no_effects(key: SeriesKey) -> None:
    unnamed = [replace(h, key=key) for h in market()]
    for fit in (fit_effects(unnamed, calendar(), DAY), fit_effects(market(), calendar(), DAY)):
        if key.market == fit.market or key.market is None:
            assert not fit.adjustment(key, ahead()).any()
            assert event_terms(fit, key, ORIGIN, ahead()).open_events == ()
            assert fit.uses(key, ahead()) == ()
    assert fit_effects([], calendar(), DAY).readings == ()


def test_another_market_is_refused() -> None:
    fit = fit_effects(market(), calendar(), DAY)
    with pytest.raises(InputError, match="market"):
        fit.adjustment(SeriesKey(unique_id="x", element="Dy", market="eu"), ahead())
    with pytest.raises(InputError, match="one market"):
        fit_effects([*market(), history("Dy", walk(20, 1), market="eu")], calendar(), DAY)
    with pytest.raises(InputError, match="one frequency"):
        fit_effects([*market(), history("Dy", walk(20, 1), freq="W-FRI")], calendar(), DAY)


def test_contributions_add_up_to_the_adjustment() -> None:
    fit = fit_effects(market(), calendar(), DAY)
    periods = pd.period_range("2016-01", periods=140, freq="M")
    days, parts = fit.contributions(DY, periods)
    assert parts.shape == (140, len(days)) == (140, 4)
    assert sorted(days) == [date(2019, 5, 15), date(2019, 5, 20), date(2021, 2, 1), date(2025, 4, 4)]
    np.testing.assert_allclose(parts.sum(axis=1), fit.adjustment(DY, periods))
    assert not fit.adjustment(DY, periods[:40]).any()


def test_an_uncertain_event_does_not_enter_the_estimate() -> None:
    histories = market()
    unsure = event(
        "MAYBE",
        date(2022, 1, 1),
        instrument="mine-closure",
        elements={"Dy": "supply"},
        changes=[change("effective", date(2022, 3, 1), date(2022, 1, 1), 0.9)],
    )
    one, two = fit_effects(histories, calendar(), DAY), fit_effects(histories, [*calendar(), unsure], DAY)
    kept = [e for e in two.estimates if e.reading.event_id != "MAYBE"]
    assert list(one.estimates) == kept
    assert not next(e for e in two.estimates if e.reading.event_id == "MAYBE").informed


def test_uses_names_what_matters_for_the_forecast() -> None:
    fit = fit_effects(market(), calendar(), DAY)
    uses = {u.event_id: u for u in fit.uses(DY, ahead())}
    assert set(uses) == {"NO18", "NEXT", "SOON"}
    assert (uses["NEXT"].state, uses["NEXT"].probability) == ("pending", 0.3)
    assert uses["NEXT"].events_behind == 1
    assert uses["NO18"].state == "past"
    for use in uses.values():
        assert use.effect_low < use.effect_mean < use.effect_high
    early = fit_effects(market(62), calendar(), date(2021, 2, 28))
    assert "COUP" in {u.event_id for u in early.uses(DY, pd.period_range("2021-03", periods=3, freq="M"))}


def test_events_of_one_month_are_reported_jointly() -> None:
    fit = fit_effects(market(), calendar(), DAY)
    joint = {e.reading.event_id: e.joint_with for e in fit.estimates}
    assert joint["SHUT"] == ("TALK",)
    assert joint["TALK"] == ("SHUT",)
    assert joint["COUP"] == ()


def test_contradictory_events_share_one_move() -> None:
    """A closure and a reopening on one day: neither is known, their sum is."""
    histories = market()
    on, mine = date(2020, 3, 2), {"instrument": "mine-closure", "elements": {"Dy": "supply"}}
    two = [in_force("SHUT", on, **mine), in_force("OPEN", on, direction="ease", **mine)]
    alone = fit_effects(histories, two[:1], DAY).estimates[0]
    both = fit_effects(histories, two, DAY)
    assert all(e.joint_with for e in both.estimates)
    assert sum(e.mean for e in both.estimates) == pytest.approx(alone.mean, abs=0.03)
    assert all(e.sd > alone.sd for e in both.estimates)


@pytest.mark.parametrize("y", [np.full(40, 7.0), np.array([5.0, 6.0])])
def test_a_constant_or_two_points_still_give_a_finite_fit(y: np.ndarray) -> None:
    fit = fit_effects([history("Dy", y)], calendar(), DAY)
    assert all(np.isfinite([e.mean, e.sd, e.low, e.high]).all() for e in fit.estimates)


def test_many_series_of_one_market_with_few_quotes_each() -> None:
    histories = [history("Dy", walk(8, s), start="2021-01") for s in range(12)]
    fit = fit_effects(histories, calendar(), DAY)
    assert np.isfinite(fit.adjustment(DY, ahead())).all()


def test_weekly_prices() -> None:
    periods = pd.period_range("2020-06-05", periods=60, freq="W-FRI")
    key = SeriesKey(unique_id="dy", element="Dy", market="cn")
    fit = fit_effects([PriceHistory(key=key, periods=periods, y=walk(60, 4, 0.02))], calendar(), DAY)
    coup = next(e for e in fit.estimates if e.reading.event_id == "COUP")
    assert coup.informed
    assert event_terms(fit, DY, periods[-1], periods[-1:] + 1).past[0].location.shape == (1, 1)
