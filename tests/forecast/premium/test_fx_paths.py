"""Exchange rates: published months exact, later ones a joint random walk, gaps refused by name."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.distribution.fx import SD_FLOOR, fx_paths, fx_rate_on, monthly_sd, published
from forecast.errors import HistoryTooShort, InputError

TODAY = date(2026, 11, 24)
PERIODS = pd.period_range("2026-04", "2028-05", freq="M")


def test_published_months_are_exact_and_usd_is_one(fx):
    paths = fx_paths(fx, ["CNY", "EUR", "USD"], PERIODS, 500, np.random.default_rng(0), TODAY)
    for currency in ("CNY", "EUR"):
        for j, month in enumerate(("2026-04-01", "2026-05-01", "2026-06-01")):
            exact = fx.loc[fx["month"] == month, currency].item()
            assert (paths.rates[currency][:, j] == exact).all()
        assert (paths.rates[currency] > 0).all()
        assert paths.rates[currency].shape == (500, len(PERIODS))
        assert str(paths.last_month[currency]) == "2026-06"
        assert paths.carried[currency]
    assert (paths.rates["USD"] == 1).all()
    assert not paths.carried["USD"]
    assert len(paths.notes) == 2
    assert "2026-06" in paths.notes[0]


def test_spread_grows_with_the_root_of_time_around_the_last_rate(fx):
    paths = fx_paths(fx, ["CNY"], PERIODS, 20_000, np.random.default_rng(1), TODAY)
    logs = np.log(paths.rates["CNY"])[:, 3:]
    months = np.arange(1, logs.shape[1] + 1)
    np.testing.assert_allclose(logs.std(axis=0), paths.monthly_sd["CNY"] * np.sqrt(months), rtol=0.03)
    last = float(np.log(published(fx, "CNY").iloc[-1]))
    np.testing.assert_allclose(np.median(logs, axis=0), last, atol=0.003)


def test_currencies_move_together_as_they_did():
    rng = np.random.default_rng(2)
    common, own = rng.standard_normal((2, 200)), rng.standard_normal(200)
    months = pd.date_range("2010-01-01", periods=200, freq="MS")
    eur = np.exp(0.02 * np.cumsum(common[0]))
    cny = 7 * np.exp(0.01 * np.cumsum(0.8 * common[0] + 0.6 * own))
    fx = pd.DataFrame({"month": months, "CNY": cny, "EUR": eur})
    ahead = pd.period_range(pd.Period(months[-1], "M") + 1, periods=6, freq="M")
    paths = fx_paths(fx, ["EUR", "CNY"], ahead, 20_000, np.random.default_rng(3), date(2030, 1, 1))
    ends = [np.log(paths.rates[c][:, -1]) for c in ("EUR", "CNY")]
    assert np.corrcoef(*ends)[0, 1] == pytest.approx(0.8, abs=0.08)


def test_a_month_is_known_the_day_after_its_end(fx):
    for known_at, last in ((date(2025, 5, 31), "2025-04"), (date(2025, 6, 1), "2025-05")):
        assert str(published(fx, "CNY", known_at).index[-1]) == last
    periods = pd.period_range("2025-05", "2025-08", freq="M")
    early = fx_paths(fx, ["CNY"], periods, 100, np.random.default_rng(4), date(2025, 5, 31))
    assert early.rates["CNY"][:, 0].std() > 0
    later = fx.assign(CNY=fx["CNY"].where(fx["month"] < "2025-05-01", 99.0))
    again = fx_paths(later, ["CNY"], periods, 100, np.random.default_rng(4), date(2025, 5, 31))
    np.testing.assert_array_equal(early.rates["CNY"], again.rates["CNY"])


def test_publication_may_end_in_different_months(fx):
    short = fx.assign(EUR=fx["EUR"].where(fx["month"] <= "2026-04-01"))
    paths = fx_paths(short, ["CNY", "EUR"], PERIODS, 100, np.random.default_rng(5), TODAY)
    assert str(paths.last_month["EUR"]) == "2026-04"
    assert str(paths.last_month["CNY"]) == "2026-06"
    assert paths.rates["EUR"][:, 1].std() > 0
    assert paths.rates["CNY"][:, 1].std() == 0


def test_all_months_published(fx):
    periods = pd.period_range("2025-01", "2025-06", freq="M")
    paths = fx_paths(fx, ["CNY"], periods, 3, np.random.default_rng(6), TODAY)
    assert not paths.carried["CNY"]
    assert paths.notes == ()


def test_one_rate_says_which_month_it_is_from(fx):
    june = fx.loc[fx["month"] == "2026-06-01", "CNY"].item()
    assert fx_rate_on(fx, "CNY", pd.Period("2026-06", "M")) == (june, pd.Period("2026-06", "M"), False)
    assert fx_rate_on(fx, "CNY", pd.Period("2026-10", "M")) == (june, pd.Period("2026-06", "M"), True)
    assert fx_rate_on(fx, "USD", pd.Period("1999-01", "M"))[0] == 1.0
    may = fx_rate_on(fx, "CNY", pd.Period("2026-06", "M"), known_at=date(2026, 6, 30))
    assert str(may[1]) == "2026-05"
    assert may[2]


def test_volatility_is_robust_and_has_a_floor(fx):
    rates = published(fx, "CNY")
    plain = monthly_sd(rates)
    jumped = rates.copy()
    jumped.iloc[60:] *= 1.5
    assert monthly_sd(jumped) < 1.1 * plain
    assert monthly_sd(pd.Series(7.0, index=rates.index)) == SD_FLOOR


def test_refusals_name_month_and_currency(fx):
    rng = np.random.default_rng(7)
    with pytest.raises(InputError, match="no CNY rate for 2014-06"):
        fx_paths(fx, ["CNY"], pd.period_range("2014-06", "2015-06", freq="M"), 5, rng)
    holed = fx[fx["month"] != "2026-05-01"]
    with pytest.raises(InputError, match="no EUR rate for 2026-05"):
        fx_paths(holed, ["EUR"], PERIODS, 5, rng)
    with pytest.raises(InputError, match="no CNY rate for 2014-06"):
        fx_rate_on(fx, "CNY", pd.Period("2014-06", "M"))
    with pytest.raises(InputError, match="one of CNY, EUR, USD"):
        fx_paths(fx, ["JPY"], PERIODS, 5, rng)
    with pytest.raises(InputError, match="finite rate above 0"):
        published(fx.assign(CNY=-7.0), "CNY")
    with pytest.raises(InputError, match="twice"):
        published(pd.concat([fx, fx.tail(1)]), "CNY")
    with pytest.raises(InputError, match="freq M"):
        fx_paths(fx, ["CNY"], pd.period_range("2026-05-01", "2026-05-09", freq="D"), 5, rng)
    with pytest.raises(HistoryTooShort, match="volatility"):
        fx_paths(fx.tail(5), ["CNY"], PERIODS, 5, rng)


def test_the_same_seed_gives_the_same_rates(fx):
    one, two = (fx_paths(fx, ["CNY", "EUR"], PERIODS, 20, np.random.default_rng(8), TODAY) for _ in range(2))
    for currency in ("CNY", "EUR"):
        np.testing.assert_array_equal(one.rates[currency], two.rates[currency])
