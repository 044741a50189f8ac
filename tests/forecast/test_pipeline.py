"""The face of the package: what comes out, what may not leak in, and that it adds up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.errors import InputError
from forecast.events.event import Coverage, Event, EventChange, MarketSide, Stage
from forecast.pipeline import backtest_panel, forecast_panel, run_panel
from forecast.types import QUANTILES, Relation

COLUMNS = [f"q{q:g}" for q in QUANTILES]


def prices(ids: tuple[str, ...] = ("dy", "tb", "nd"), months: int = 90, seed: int = 0) -> pd.DataFrame:
    """Random walks in logs with 27 % of each surprise arriving a month late, as averaged prices have."""
    rng = np.random.default_rng(seed)
    frames = []
    for i, name in enumerate(ids):
        e = rng.standard_normal(months + 1) * 0.05
        y = 100.0 * (i + 1) * np.exp(np.cumsum(e[1:] + 0.27 * e[:-1]))
        ds = pd.date_range("2017-01-01", periods=months, freq="MS")
        element = name[:2].title()
        frames.append(
            pd.DataFrame(
                {"unique_id": name, "ds": ds, "y": y, "element": element, "market": "cn", "currency": "CNY"}
            )
        )
    return pd.concat(frames, ignore_index=True)


def licence(on: date, *, probability: float = 1.0, known_on: date | None = None) -> Event:
    """A licence control on Dy and Tb, in force from `on` with a probability."""
    known = known_on or on
    return Event(
        event_id=f"TEST-{on}",
        title="Licence for Dy and Tb",
        instrument="licence",
        direction="tighten",
        jurisdiction="China",
        elements={"Dy": Coverage.COVERED, "Tb": Coverage.COVERED, "Nd": Coverage.NONE},
        market_side=MarketSide.BOTH,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=known, known_on=known),
            EventChange(stage=Stage.EFFECTIVE, on=on, known_on=known, probability=probability),
        ),
    )


def test_frame_is_complete_sorted_and_positive() -> None:
    found = forecast_panel(prices(), horizon=18, freq="MS")
    assert list(found.columns) == ["unique_id", "ds", "mean", *COLUMNS]
    assert found.groupby("unique_id").size().to_dict() == {"dy": 18, "nd": 18, "tb": 18}
    values = found[COLUMNS].to_numpy()
    assert (values > 0).all()
    assert (np.diff(values, axis=1) >= 0).all()
    assert found[found["unique_id"] == "dy"]["ds"].iloc[0] == pd.Timestamp("2024-07-01")
    assert (found["mean"] > found["q0.5"] * 0.98).all()


def test_same_seed_same_numbers_and_inputs_untouched() -> None:
    history = prices()
    before = history.copy(deep=True)
    first = forecast_panel(history, horizon=6, freq="MS", seed=3)
    with ThreadPoolExecutor(2) as pool:
        second = forecast_panel(history, horizon=6, freq="MS", seed=3, executor=pool)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    pd.testing.assert_frame_equal(history, before)


def test_horizon_counts_from_the_issue_date_and_the_gap_is_a_nowcast() -> None:
    history = prices()  # to 2024-06
    run = run_panel(history, horizon=6, freq="MS", known_at=date(2024, 11, 24))
    for found in run.forecasts:
        assert found.lag == 5
        assert str(found.periods[0]) == "2024-07"
        assert str(found.periods[found.lag]) == "2024-12"
        assert len(found.periods) == 11
    frame = forecast_panel(history, horizon=6, freq="MS", known_at=date(2024, 11, 24))
    assert frame["ds"].min() == pd.Timestamp("2024-12-01")
    fresh = run_panel(history, horizon=6, freq="MS", known_at=date(2024, 6, 30))
    late, early = run.forecasts[0].values[5], fresh.forecasts[0].values[0]
    assert late[-1] / late[0] > 1.5 * early[-1] / early[0], (
        "the range of a late quote is that of lag + horizon"
    )


def test_later_rows_and_later_events_change_nothing() -> None:
    history = prices()
    day = date(2023, 5, 31)
    base = forecast_panel(history[history["ds"] <= "2023-05-01"], horizon=4, freq="MS", known_at=day)
    wild = history.copy()
    wild.loc[wild["ds"] > "2023-05-01", "y"] *= 7.0
    events = (licence(date(2023, 6, 10)),)
    again = forecast_panel(wild, horizon=4, freq="MS", known_at=day, events=events)
    pd.testing.assert_frame_equal(base, again, check_exact=True)


def test_availability_bounds_what_is_seen() -> None:
    history = prices().assign(available_on=lambda d: d["ds"] + pd.offsets.MonthBegin(1))
    run = run_panel(history, horizon=3, freq="MS", known_at=date(2024, 5, 31))
    assert {str(f.origin) for f in run.forecasts} == {"2024-04"}
    assert {f.lag for f in run.forecasts} == {1}


def test_a_pending_event_widens_only_what_it_touches() -> None:
    history = prices()
    day = date(2024, 6, 30)
    plain = run_panel(history, horizon=6, freq="MS", known_at=day)
    ahead = licence(date(2024, 9, 1), probability=0.5, known_on=date(2024, 6, 1))
    with_event = run_panel(history, horizon=6, freq="MS", known_at=day, events=(ahead,))
    wider = {}
    for a, b in zip(plain.forecasts, with_event.forecasts, strict=True):
        wider[a.key.unique_id] = np.log(b.values[:, -1] / b.values[:, 0]) - np.log(
            a.values[:, -1] / a.values[:, 0]
        )
        np.testing.assert_allclose(a.values[:2], b.values[:2], rtol=1e-12), "nothing before its date"
    assert (wider["dy"][2:] > 0.005).all()
    assert (wider["tb"][2:] > 0.005).all()
    np.testing.assert_allclose(wider["nd"], 0.0, atol=1e-12)
    use = next(f for f in with_event.forecasts if f.key.unique_id == "dy").events[0]
    assert use.probability == 0.5
    assert use.event_id == ahead.event_id


def test_no_seam_in_the_fan() -> None:
    run = run_panel(prices(months=110), horizon=18, freq="MS", known_at=date(2026, 11, 24))
    for found in run.forecasts:
        median = np.log(found.values[:, 10])
        width = np.log(found.values[:, 18] / found.values[:, 2])
        growth = np.diff(width)
        assert (growth > -1e-9).all()
        assert np.abs(np.diff(growth)).max() < 0.25 * width[0] + 0.02
        assert np.abs(np.diff(median, 2)).max() < 0.15 * width[0]


def test_the_paths_have_the_marginals_served() -> None:
    found = run_panel(prices(), horizon=6, freq="MS").forecasts[0]
    assert found.paths.shape == (1000, 6)
    np.testing.assert_allclose(np.quantile(found.paths, QUANTILES, axis=0).T, found.values, rtol=0.01)
    assert found.mean == pytest.approx(found.paths.mean(axis=0), rel=1e-5)
    assert sum(found.weights.values()) == pytest.approx(np.ones(6))


def test_the_champion_of_a_backtest_is_the_forecast_of_that_day() -> None:
    history = prices()
    cutoffs = [date(2023, 3, 1), date(2023, 9, 1)]
    folds = backtest_panel(history, horizon=4, freq="MS", cutoffs=cutoffs)
    assert {"champion", "rw", "momentum", "combination"} <= set(folds["model"])
    for cutoff in cutoffs:
        one = folds[(folds["model"] == "champion") & (folds["cutoff"] == pd.Timestamp(cutoff))]
        direct = forecast_panel(history[history["ds"] <= pd.Timestamp(cutoff)], horizon=4, freq="MS")
        np.testing.assert_allclose(one.sort_values(["unique_id", "ds"])[COLUMNS], direct[COLUMNS], rtol=1e-12)


def test_a_backtest_replays_the_lag() -> None:
    folds = backtest_panel(prices(), horizon=3, freq="MS", cutoffs=[date(2023, 9, 1)], lag={"dy": 4})
    champion = folds[folds["model"] == "champion"]
    assert champion["ds"].min() == pd.Timestamp("2023-10-01")
    width = np.log(champion["q0.9"] / champion["q0.1"]).groupby(champion["unique_id"]).first()
    assert width["dy"] > 1.4 * width["tb"]


def test_outside_china_is_the_chinese_price_times_a_premium_with_its_caveats() -> None:
    quotes = pd.DataFrame(
        {
            "unique_id": "dy-eu",
            "ds": pd.to_datetime(["2023-11-20", "2024-02-10", "2024-05-15"]),
            "y": [40.0, 42.0, 41.0],
            "element": "Dy",
            "market": "eu",
            "currency": "USD",
        }
    )
    months = pd.date_range("2015-01-01", "2024-06-01", freq="MS")
    rng = np.random.default_rng(1)
    fx = pd.DataFrame(
        {
            "month": months,
            "CNY": 7.0 * np.exp(0.01 * np.cumsum(rng.standard_normal(len(months)))),
            "EUR": 0.9 * np.exp(0.02 * np.cumsum(rng.standard_normal(len(months)))),
        }
    )
    relation = Relation(target="dy-eu", base="dy")
    run = run_panel(
        pd.concat([prices(), quotes]),
        horizon=12,
        freq="MS",
        relations=(relation,),
        fx=fx,
        known_at=date(2024, 8, 31),
    )
    assert not run.failures
    outside = next(f for f in run.forecasts if f.key.unique_id == "dy-eu")
    china = next(f for f in run.forecasts if f.key.unique_id == "dy")
    assert outside.calibration.kind == "premium"
    assert any("No coverage is claimed" in c for c in outside.caveats)
    assert outside.periods[-1] == china.periods[-1]
    assert outside.lag == 3
    spread = np.log(outside.values[:, 18] / outside.values[:, 2])
    assert (np.diff(spread) > 0).all()
    same = np.log(china.values[-1, 18] / china.values[-1, 2])
    assert spread[-1] > 1.1 * same, "the premium and the rate have spreads of their own"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"horizon": 0}, "horizon"),
        ({"freq": "D"}, "freq"),
        ({"quantiles": (0.9, 0.1)}, "quantiles"),
        ({"quantiles": (0.0, 0.5)}, "quantiles"),
    ],
)
def test_arguments_are_refused_by_name(change: dict[str, object], field: str) -> None:
    arguments: dict[str, object] = {"horizon": 3, "freq": "MS", **change}
    with pytest.raises(InputError) as caught:
        forecast_panel(prices(), **arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("bad", [-1.0, 0.0, float("inf")])
def test_impossible_prices_are_refused(bad: float) -> None:
    history = prices()
    history.loc[5, "y"] = bad
    with pytest.raises(InputError, match="above 0"):
        forecast_panel(history, horizon=3, freq="MS")


def test_two_rows_of_one_month_are_refused() -> None:
    history = prices(("dy",))
    twice = pd.concat([history, history.tail(1).assign(ds=pd.Timestamp("2024-06-20"))])
    with pytest.raises(InputError, match="two prices in 2024-06"):
        forecast_panel(twice, horizon=3, freq="MS")


def test_hard_histories_get_a_labelled_answer() -> None:
    """Two points, a constant, a two-year gap and a tenfold shift: an answer for each, none absurd."""
    walk = prices(("walk",))
    constant = prices(("constant",)).assign(y=50.0)
    two = prices(("two",)).tail(2)
    gap = prices(("gap",), seed=4)
    gap = gap[(gap["ds"] < "2020-01-01") | (gap["ds"] >= "2022-01-01")]
    shift = prices(("shift",), seed=5)
    shift.loc[shift["ds"] >= "2023-01-01", "y"] *= 10.0
    run = run_panel(pd.concat([walk, constant, two, gap, shift]), horizon=6, freq="MS")
    by_id = {f.key.unique_id: f for f in run.forecasts}
    assert set(by_id) == {"walk", "constant", "two", "gap", "shift"}
    for name, found in by_id.items():
        assert np.isfinite(found.values).all(), name
        assert 0.5 < found.values[-1, 10] / found.last_price < 2.0, name
    assert by_id["two"].calibration.kind == "prior"
    assert "never moved" in by_id["constant"].calibration.note
    assert any("left out" in c for c in by_id["two"].caveats)


def test_one_quote_is_reported_not_forecast() -> None:
    run = run_panel(pd.concat([prices(("walk",)), prices(("one",)).tail(1)]), horizon=3, freq="MS")
    assert run.failures == (("one", "one quote is no history: at least 2 are needed"),)
    with pytest.raises(InputError, match="one quote"):
        forecast_panel(pd.concat([prices(("walk",)), prices(("one",)).tail(1)]), horizon=3, freq="MS")


def europe() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quotes outside China for the simulated dy, and exchange rates that stand still."""
    quotes = pd.DataFrame(
        {
            "unique_id": "dy-eu",
            "ds": pd.to_datetime(["2023-11-20", "2024-02-10", "2024-05-15"]),
            "y": [100.0, 100.0, 100.0],
            "element": "Dy",
            "market": "eu",
            "currency": "CNY",
        }
    )
    months = pd.date_range("2015-01-01", "2024-06-01", freq="MS")
    wiggle = 1.0 + 0.001 * np.sin(np.arange(len(months)))
    return quotes, pd.DataFrame({"month": months, "CNY": 7.0 * wiggle, "EUR": 0.9 * wiggle})


def shift(events: tuple[Event, ...], series: str) -> float:
    """How far the events move the log median of a series at the last step."""
    quotes, fx = europe()
    medians = []
    for known in ((), events):
        run = run_panel(
            pd.concat([prices(), quotes]),
            horizon=6,
            freq="MS",
            relations=(Relation(target="dy-eu", base="dy"),),
            fx=fx,
            known_at=date(2024, 6, 30),
            events=known,
        )
        found = next(f for f in run.forecasts if f.key.unique_id == series)
        medians.append(float(np.log(found.values[-1, 10])))
    return medians[1] - medians[0]


def event(instrument: str, direction: str, changes: tuple[EventChange, ...], name: str = "E") -> Event:
    return Event(
        event_id=name,
        title=name,
        instrument=instrument,
        direction=direction,
        jurisdiction="China",
        elements={"Dy": Coverage.COVERED},
        market_side=MarketSide.BOTH,
        changes=changes,
    )


def test_an_event_counts_once_outside_china() -> None:
    """A mine closure has no effect of its own on the premium: Europe moves as far as China, not twice."""
    day = date(2024, 6, 20)
    closure = event(
        "mine-closure",
        "tighten",
        (
            EventChange(stage=Stage.ANNOUNCED, on=date(2024, 10, 1), known_on=day, probability=0.999),
            EventChange(stage=Stage.EFFECTIVE, on=date(2024, 10, 1), known_on=day, probability=0.999),
        ),
    )
    inside, outside = shift((closure,), "dy"), shift((closure,), "dy-eu")
    assert inside > 0.02
    assert outside == pytest.approx(inside, abs=0.03)


def test_a_planned_end_of_a_control_moves_the_price_outside() -> None:
    start, plan = date(2023, 12, 1), date(2024, 5, 1)
    control = (
        EventChange(stage=Stage.ANNOUNCED, on=start, known_on=start),
        EventChange(stage=Stage.EFFECTIVE, on=start, known_on=start),
    )
    lifted = EventChange(stage=Stage.LIFTED, on=date(2024, 9, 1), known_on=plan)
    standing = event("licence", "tighten", control)
    ending = event("licence", "tighten", (*control, lifted))
    assert shift((ending,), "dy-eu") < shift((standing,), "dy-eu") - 0.1


def test_a_sticky_price_leaves_the_ranges_of_others_alone() -> None:
    """A list price that jumps once in nine years, beside two normal ones."""
    normal = prices(("a", "b"), months=110)
    sticky = prices(("list",), months=110).assign(y=50.0)
    sticky.loc[sticky.index[-1:], "y"] = 65.0
    alone = forecast_panel(normal, horizon=6, freq="MS")
    beside = forecast_panel(pd.concat([normal, sticky]), horizon=6, freq="MS")
    for name in ("a", "b"):
        x, y = (f[f["unique_id"] == name] for f in (alone, beside))
        ratio = np.log(y["q0.9"] / y["q0.1"]).to_numpy() / np.log(x["q0.9"] / x["q0.1"]).to_numpy()
        assert (ratio > 0.8).all()
        assert (ratio < 1.25).all()


def test_whole_number_ids_and_one_quantile() -> None:
    history = prices(("1",)).assign(unique_id=1)
    found = forecast_panel(history, horizon=2, freq="MS", quantiles=(0.5,))
    assert list(found.columns) == ["unique_id", "ds", "mean", "q0.5"]
    folds = backtest_panel(history, horizon=2, freq="MS", cutoffs=[date(2023, 3, 1)], quantiles=(0.5,))
    wide = backtest_panel(history, horizon=2, freq="MS", cutoffs=[date(2023, 3, 1)])
    assert folds[folds["model"] == "rw"]["mean"].to_numpy() == pytest.approx(
        wide[wide["model"] == "rw"]["mean"].to_numpy()
    )


def test_a_month_is_known_at_its_end_and_late_data_when_it_came() -> None:
    history = prices(("dy",))
    run = run_panel(history, horizon=2, freq="MS", known_at=date(2023, 6, 15))
    assert str(run.forecasts[0].origin) == "2023-05"
    late = history.assign(available_on=history["ds"] + pd.offsets.MonthBegin(4))
    folds = [
        backtest_panel(h, horizon=2, freq="MS", cutoffs=[date(2023, 6, 30)])
        for h in (late, late.assign(y=late["y"].where(late["ds"] < "2023-04-01", 1.5 * late["y"])))
    ]
    pd.testing.assert_frame_equal(*folds, check_exact=True)


def test_cutoffs_before_the_history_give_no_rows_and_none_at_all_is_refused() -> None:
    history = prices(("dy",))
    folds = backtest_panel(history, horizon=2, freq="MS", cutoffs=[date(2010, 1, 1), date(2023, 3, 1)])
    assert set(folds["cutoff"]) == {pd.Timestamp("2023-03-01")}
    with pytest.raises(InputError, match="two available prices"):
        backtest_panel(history, horizon=2, freq="MS", cutoffs=[date(2010, 1, 1)])


def test_a_fresh_quote_outside_is_the_start_where_the_chinese_price_is_old() -> None:
    """Ten months after the last Chinese price: the path starts at the quote, whatever the premium was."""
    quotes, fx = europe()
    fresh = quotes.tail(1).assign(ds=pd.Timestamp("2025-04-20"))
    medians = {}
    for price in (60.0, 120.0):
        run = run_panel(
            pd.concat([prices(), quotes, fresh.assign(y=price)]),
            horizon=3,
            freq="MS",
            relations=(Relation(target="dy-eu", base="dy"),),
            fx=fx,
            known_at=date(2025, 4, 30),
        )
        found = next(f for f in run.forecasts if f.key.unique_id == "dy-eu")
        assert (found.lag, found.last_price) == (0, price)
        assert any("paths start at it" in said for said in found.caveats)
        medians[price] = found.values[0, 10]
        assert found.values[0, 10] == pytest.approx(price, rel=0.03)
        assert np.log(found.values[0, 18] / found.values[0, 2]) < 0.6, "one month of news, not eleven"
    assert medians[120.0] / medians[60.0] == pytest.approx(2.0, rel=0.01)


def test_prices_that_all_became_available_late_are_forecast_all_the_same() -> None:
    history = prices().assign(available_on=lambda d: d["ds"] + pd.offsets.MonthBegin(1))
    history.loc[history["unique_id"] == "dy", "available_on"] = pd.Timestamp("2024-06-25")
    run = run_panel(history, horizon=2, freq="MS", known_at=date(2024, 6, 30))
    assert not run.failures
    assert {f.key.unique_id for f in run.forecasts} == {"dy", "nd", "tb"}


def test_what_one_series_lacks_at_a_cutoff_moves_no_other() -> None:
    """Months withheld from one series are in no fit, effect or mood that serves the others."""
    history = prices(months=100)
    late = (history["unique_id"] == "tb") & (history["ds"] > "2023-11-01")
    changed = history.assign(y=history["y"].where(~late, history["y"] * 1.7))
    folds = [
        backtest_panel(
            h,
            horizon=2,
            freq="MS",
            cutoffs=[date(2024, 8, 1)],
            lag={"tb": 9},
            events=(licence(date(2021, 3, 10)),),
        )
        for h in (history, changed)
    ]
    pd.testing.assert_frame_equal(*folds, check_exact=True)


def test_an_event_that_was_pending_and_then_came_is_no_surprise() -> None:
    """Its error is that of one certain from the first: the forecast held it since it was a chance."""
    stated, on = date(2023, 1, 10), date(2023, 9, 1)
    sure = licence(on, known_on=stated)
    later = replace(
        sure,
        changes=(
            EventChange(stage=Stage.ANNOUNCED, on=stated, known_on=stated),
            EventChange(stage=Stage.EFFECTIVE, on=on, known_on=stated, probability=0.9),
            EventChange(stage=Stage.EFFECTIVE, on=on, known_on=date(2023, 8, 30)),
        ),
    )
    one, other = (
        run_panel(prices(), horizon=4, freq="MS", known_at=date(2024, 6, 30), events=(e,))
        for e in (sure, later)
    )
    for a, b in zip(one.forecasts, other.forecasts, strict=True):
        np.testing.assert_allclose(a.values, b.values, rtol=1e-9)
