"""From a baseline to the headline: past events as certain as their posterior, open ones mixed in exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.distribution.branches import Standing, ask
from forecast.distribution.headline import event_terms, headline
from forecast.distribution.mixture import SCORES, mix
from forecast.distribution.shocks import shared_levels
from forecast.events.course import courses
from forecast.events.dummies import columns
from forecast.events.effects import fit_effects
from forecast.outside import join_events
from forecast.pipeline import PanelRun, run_panel
from forecast.types import QUANTILES, Array, Relation, SeriesKey
from tests.forecast.events.makers import change, event, history, in_force, walk

DAY = date(2026, 11, 24)
DY = SeriesKey(unique_id="dy-oxide-cn", element="Dy", market="cn")
ORIGIN = pd.Period("2026-08", "M")
PERIODS = pd.period_range("2026-09", periods=12, freq="M")
CLOSED = event("closed", date(2026, 6, 10), instrument="mine-closure")
LATE = event("late", date(2026, 10, 5), instrument="mine-closure")
AHEAD = event(
    "ahead",
    date(2026, 9, 1),
    instrument="ban",
    side="china-domestic",
    changes=[change("effective", date(2027, 1, 10), date(2026, 9, 1), 0.4)],
)


def baseline() -> Array:
    return np.asarray(7.0 + np.outer(0.05 * np.sqrt(np.arange(1, 13)), SCORES))


def fit(*events: object) -> object:
    y = walk(128, 1)
    return fit_effects([history("Dy", y)], list(events), DAY)  # type: ignore[arg-type]


def test_without_events_the_baseline_comes_back() -> None:
    np.testing.assert_array_equal(headline(baseline(), None, DY, ORIGIN, PERIODS), baseline())
    none = event_terms(fit(CLOSED), SeriesKey(unique_id="x", element="Nd", market="cn"), ORIGIN, PERIODS)  # type: ignore[arg-type]
    assert none.past == none.open_events == ()


def test_what_past_events_still_do_is_one_term_with_their_joint_posterior() -> None:
    """Two closures whose shares are hardly told apart: their sum is known better than either."""
    twin = event("twin", date(2026, 6, 20), instrument="mine-closure")
    found = fit(CLOSED, twin)
    terms = event_terms(found, DY, ORIGIN, PERIODS)  # type: ignore[arg-type]
    assert [c.name for c in terms.past] == ["past events"]
    readings = found.readings  # type: ignore[attr-defined]
    moves = columns(readings, PERIODS) - columns(readings, pd.period_range(ORIGIN, ORIGIN, freq="M"))
    means = [e.mean for e in found.estimates]  # type: ignore[attr-defined]
    np.testing.assert_allclose(terms.past[0].location[0], moves @ means, atol=1e-12)
    learnt = found.parameters  # type: ignore[attr-defined]
    at = [len(learnt.groups) + p for p in found.positions]  # type: ignore[attr-defined]
    scales = np.array([r.scale for r in readings])
    joint = learnt.covariance[np.ix_(at, at)] * np.outer(scales, scales)
    np.testing.assert_allclose(terms.past[0].above[0] ** 2, np.einsum("ij,jk,ik->i", moves, joint, moves))
    apart = np.sqrt((moves**2) @ np.diag(joint))
    assert terms.past[0].above[0, -1] < 0.9 * apart[-1]


def test_what_started_after_the_last_quote_is_as_large_as_its_type_predicts() -> None:
    terms = event_terms(fit(CLOSED, LATE), DY, ORIGIN, PERIODS)  # type: ignore[arg-type]
    assert [c.name for c in terms.past] == ["past events", "late"]
    assert terms.past[1].moved.tolist() == [False] + [True] * 11
    assert terms.open_events == ()


def test_open_events_enter_at_their_probability_and_the_rest_is_the_base() -> None:
    found = fit(CLOSED, AHEAD)
    terms = event_terms(found, DY, ORIGIN, PERIODS)  # type: ignore[arg-type]
    assert [(e.event_id, e.probability, e.state) for e in terms.open_events] == [("ahead", 0.4, "pending")]
    base = terms.base(baseline())
    final = headline(baseline(), found, DY, ORIGIN, PERIODS)  # type: ignore[arg-type]
    np.testing.assert_array_equal(final[:4], base[:4])
    assert (np.abs(final[5:] - base[5:]).max(axis=1) > 1e-3).all()
    np.testing.assert_array_equal(final, headline(baseline(), found, DY, ORIGIN, PERIODS))  # type: ignore[arg-type]


def quotes(seed: int, element: str, market: str = "cn") -> pd.DataFrame:
    ds = pd.date_range("2016-01-01", periods=128, freq="MS")
    return pd.DataFrame(
        {"unique_id": f"{element.lower()}-{market}", "ds": ds, "y": walk(128, seed), "element": element,
         "market": market, "currency": "CNY"}
    )  # fmt: skip


@pytest.fixture(scope="module")
def run() -> PanelRun:
    dated = quotes(1, "Dy", "eu").iloc[[100, 110, 127]].assign(ds=lambda d: d["ds"] + pd.Timedelta("9D"))
    months = pd.date_range("2016-01-01", periods=128, freq="MS")
    steady = 1.0 + 0.001 * np.sin(np.arange(128))
    easing = in_force("ease", date(2027, 2, 1), known_on=date(2026, 11, 1), direction="ease", side="ex-china")
    return run_panel(
        pd.concat([quotes(1, "Dy"), quotes(2, "Tb"), dated]),
        horizon=12,
        freq="MS",
        events=(CLOSED, AHEAD, easing),
        relations=(Relation(target="dy-eu", base="dy-cn"),),
        fx=pd.DataFrame({"month": months, "CNY": 7.0 * steady, "EUR": 0.9 * steady}),
        known_at=DAY,
    )


def test_a_run_keeps_what_its_headline_is_made_of(run: PanelRun) -> None:
    assert [f.key.unique_id for f in run.forecasts] == ["dy-cn", "dy-eu", "tb-cn"]
    for f in run.forecasts:
        again = mix(
            f.base_quantiles, courses(f.open_events, f.periods), [e.probability for e in f.open_events]
        )
        np.testing.assert_array_equal(np.exp(again), f.values)
        assert f.base_paths.dtype == np.float32
        found = np.quantile(f.base_paths, QUANTILES[3:-3], axis=0).T
        np.testing.assert_allclose(found, f.base_quantiles[:, 3:-3], atol=0.02)
        np.testing.assert_allclose(
            np.quantile(np.log(f.paths), 0.5, axis=0), np.log(f.values[:, 10]), atol=0.02
        )


def test_an_event_happens_to_all_prices_in_the_same_draws(run: PanelRun) -> None:
    """Seen in the paths themselves: the draws in which Dy is lifted over its base are those of Tb."""
    dy, europe, tb = run.forecasts
    lifted = [np.log(f.paths[:, -1].astype(float)) - f.base_paths[:, -1] for f in (dy, tb, europe)]
    assert np.corrcoef(lifted[0], lifted[1])[0, 1] > 0.5
    assert np.corrcoef(lifted[0], lifted[2])[0, 1] > 0.2


def test_outside_china_an_event_is_one_with_two_parts(run: PanelRun) -> None:
    dy, europe, _ = run.forecasts
    assert [e.event_id for e in europe.open_events] == ["ahead", "ease"]
    ahead, ease = europe.open_events
    # the ban is domestic: no part on the premium; a certain easing ahead is scheduled, in both markets
    assert [len(e.parts) for e in (ahead, ease)] == [1, 2]
    assert ease.state == "scheduled"
    assert ease.parts[1].mean == -0.1
    joined = join_events(dy.open_events, [replace(ease, dof=2.5)])
    assert [(e.event_id, e.dof) for e in joined] == [("ahead", dy.open_events[0].dof), ("ease", 2.5)]


def test_a_stored_run_answers_as_its_headline_says(run: PanelRun) -> None:
    for f in run.forecasts:
        standing = Standing(
            final=np.log(f.values),
            base=f.base_quantiles,
            base_paths=f.base_paths.astype(np.float64),
            lag=f.lag,
            periods=f.periods,
            events=f.open_events,
            levels=shared_levels((e.event_id for e in f.open_events), 1000, run.seed),
            seed=run.seed,
        )
        level = np.array([f.values[-1, 15]])
        found = ask(standing, (), np.log(level)).headline
        assert found.above[-1, 0] == pytest.approx(0.25, abs=1e-3)
        paths = f.paths[:, f.lag :]
        by_hand = np.maximum.accumulate(paths > level[0], axis=1).mean(axis=0)
        np.testing.assert_allclose(found.risen[f.lag :, 0], by_hand, atol=0.004)
