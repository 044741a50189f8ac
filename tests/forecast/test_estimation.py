"""Which fits a cutoff uses: those of days that had come by then, on what was known on those days."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pandas as pd

from forecast.dealing import dealt_by
from forecast.estimation import estimate, fit_days, fits_for
from forecast.known import Known, known_at
from forecast.models import CANDIDATES, MODELS
from forecast.periods import Book, to_books

FIRST = "2005-01-01"


def books(months: int = 200, names: tuple[str, ...] = ("a", "b")) -> list[Book]:
    rng = np.random.default_rng(5)
    frames = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range(FIRST, periods=months, freq="MS"),
                "y": 50.0 * np.exp(np.cumsum(rng.standard_normal(months) * 0.05)),
            }
        )
        for name in names
    ]
    return to_books(pd.concat(frames), "MS")


def at(months: int, found: list[Book], lag: int = 0) -> Known:
    day = (pd.Timestamp(FIRST) + pd.offsets.MonthEnd(months)).date()
    return known_at(found, (), day, {b.key.unique_id: lag for b in found})


def test_cutoffs_share_the_days_of_one_calendar() -> None:
    whole = books()
    early, late = at(150, whole), at(180, whole)
    for model in MODELS:
        first = fit_days(model, early.histories[0], early.day, 12, early.reach)
        later = fit_days(model, late.histories[0], late.day, 12, late.reach)
        own = {early.day, late.day}
        assert later[0] >= first[0]
        assert {d for d in first if d >= later[0]} - own <= set(later), model.name
        assert all(d.month == 1 for d in {*first, *later} - own), "January ends the period of a full year"
        if model.cost == "costly":
            assert not own & {*first, *later}, "a costly model waits for the calendar"
        else:
            assert (first[-1], later[-1]) == (early.day, late.day)


def test_a_young_series_is_fitted_on_the_day_itself() -> None:
    young = at(30, books(40))
    for model in MODELS:
        assert (
            fit_days(model, young.histories[0], young.day, 12, young.reach)[-1] == young.day
            or model.cost == "cheap"
        )


def test_a_fit_sees_nothing_from_after_its_day() -> None:
    """Prices from month 160 on are changed: every fit of an earlier day stays as it was."""
    whole = books()
    bent = [
        Book(
            key=b.key,
            periods=b.periods,
            y=np.where(np.arange(len(b.y)) >= 160, b.y * 3.0, b.y),
            known=b.known,
            counts=b.counts,
        )
        for b in whole
    ]
    day = whole[0].periods[159].end_time.date()
    found = []
    for history in (whole, bent):
        fits = estimate(history, (), [at(200, history)], season=12, steps=6, seed=0).fits
        found.append(
            {
                (key, f.day): None if f.fitted is None else dict(f.fitted.parameters)
                for key, some in fits.items()
                for f in some
                if f.day <= day
            }
        )
    assert len(found[0]) > 20
    assert found[0] == found[1]


def test_a_lagged_cutoff_uses_no_fit_that_saw_what_is_withheld() -> None:
    whole = books()
    late = at(180, whole, lag=14)
    fits = estimate(whole, (), [late, at(180, whole)], season=12, steps=6, seed=0).fits
    for model in CANDIDATES:
        for series in ("a", "b"):
            used = fits_for(fits, late, series, model, 12)
            origin = late.histories[late.place[series]].origin.ordinal
            assert used
            assert all(f.origin <= origin for f in used), model.name


def test_numbers_do_not_depend_on_how_the_work_is_dealt_out() -> None:
    whole = books()
    cutoffs = [at(150, whole), at(180, whole)]
    plain = estimate(whole, (), cutoffs, season=12, steps=6, seed=0).fits
    # threads of one process, the hardest case: a filter or a stream of theirs would be shared
    with ThreadPoolExecutor(4) as pool:
        dealt = estimate(whole, (), cutoffs, season=12, steps=6, seed=0, deal=dealt_by(pool)).fits
    assert plain.keys() == dealt.keys()
    for key, fits in plain.items():
        assert [f.day for f in fits] == [f.day for f in dealt[key]]
        for one, other in zip(fits, dealt[key], strict=True):
            assert (one.fitted is None) == (other.fitted is None)
            if one.fitted is not None and other.fitted is not None:
                assert dict(one.fitted.parameters) == dict(other.fitted.parameters)


def test_a_day_before_every_price_knows_nothing_and_says_so() -> None:
    assert known_at(books(), (), date(2004, 1, 1)).failures == (
        ("a", "no price was available by the day asked for"),
        ("b", "no price was available by the day asked for"),
    )


def test_a_quote_that_stopped_outside_the_panel_holds_no_fit_back() -> None:
    """Ten years ago the last quote of a series modelled over another came: what is fitted never saw it."""
    whole = books()
    day = (pd.Timestamp(FIRST) + pd.offsets.MonthEnd(150)).date()
    fresh = known_at(whole, (), day, {"a": 2, "b": 1})
    assert fresh.reach == pd.Period(day, "M").ordinal - 2
    assert known_at(whole, (), day, {"a": 2, "b": 1, "outside": 120}).reach == fresh.reach
