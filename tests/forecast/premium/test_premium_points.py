"""Measuring a quote: VAT, currencies, missing Chinese months, availability, sources, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.errors import ForecastError, InputError
from forecast.models.premium import PremiumInput, fit_premium, multiple_incl_vat
from forecast.models.premium_points import assessor_of
from forecast.types import PriceHistory, SeriesKey

CNY = {"2025-04": 7.2968, "2025-05": 7.2166, "2025-06": 7.1804, "2025-09": 7.1235, "2025-12": 7.0432}


def history(prices: dict[str, float], unique_id: str = "dy-oxide-cn") -> PriceHistory:
    known = pd.Series(prices)
    known.index = pd.PeriodIndex(known.index, freq="M")
    calendar = pd.period_range(known.index[0], known.index[-1], freq="M")
    key = SeriesKey(unique_id=unique_id, element="Dy", market="cn", currency="CNY")
    return PriceHistory(key=key, periods=calendar, y=known.reindex(calendar).to_numpy(float))


def one_quote(day: str, y: float, base: PriceHistory, **more: object) -> PremiumInput:
    points = pd.DataFrame({"ds": [pd.Timestamp(day)], "y": [y], "currency": ["CNY"]})
    known = {"element": "Nd", "market": "eu", "events": (), "known_at": date(2026, 11, 24), **more}
    return PremiumInput(points=points, base=base, **known)


def test_published_multiples_come_out():
    """Dy, Europe over China incl. VAT: 1.2 before the controls, 3.8 in May 2025, 4.6 in December.

    Europe: Argus, USD/kg, as cited by Sankei, GMTEight, Nikkei Asia. China: monthly means of KOMIS and dated
    quotes, CNY/kg. Rates: US Federal Reserve, monthly means.
    """
    rows = [("2025-04-01", 280.0, 1.2), ("2025-05-06", 850.0, 3.8), ("2025-06-04", 750.0, 3.3)]
    rows += [("2025-09-18", 840.0, 3.7), ("2025-12-11", 920.0, 4.6)]
    china = {"2025-04": 1656.0, "2025-05": 1633.0, "2025-06": 1639.0, "2025-09": 1626.0, "2025-12": 1395.0}
    points = pd.DataFrame(
        {"ds": pd.to_datetime([r[0] for r in rows]), "y": [r[1] for r in rows], "currency": "USD"}
    )
    fx = pd.DataFrame({"month": pd.to_datetime(list(CNY)), "CNY": list(CNY.values())})
    inp = PremiumInput(
        points=points,
        base=history(china),
        element="Dy",
        market="eu",
        events=(),
        known_at=date(2026, 11, 24),
        fx=fx,
    )
    for point, (_, _, published) in zip(fit_premium(inp).points, rows, strict=True):
        assert multiple_incl_vat(point.log_premium, point.ds) == pytest.approx(published, abs=0.06)
        assert np.exp(point.log_premium) == pytest.approx(1.13 * published, abs=0.07)


def test_vat_steps_leave_the_premium_alone():
    base = history({"2018-04": 117.0, "2018-05": 116.0, "2019-03": 116.0, "2019-04": 113.0})
    for day in ("2018-04-20", "2018-05-03", "2019-03-28", "2019-04-02"):
        point = fit_premium(one_quote(day, 150.0, base)).points[0]
        assert point.log_premium == pytest.approx(np.log(1.5), abs=1e-12)
    ex_vat = fit_premium(one_quote("2018-05-03", 150.0, base, base_includes_vat=False)).points[0]
    assert ex_vat.log_premium == pytest.approx(np.log(150 / 116), abs=1e-12)


def test_a_missing_chinese_month_is_never_interpolated():
    prices = {str(m): 1000.0 + 100 * i for i, m in enumerate(pd.period_range("2024-01", "2025-10", freq="M"))}
    inside = fit_premium(one_quote("2025-10-16", 5000.0, history(prices))).points[0]
    fits = [
        fit_premium(one_quote(d, 5000.0, history(prices))) for d in ("2025-11-20", "2026-01-20", "2026-03-20")
    ]
    noises = [f.points[0].sd for f in fits]
    assert all(str(f.points[0].base_period) == "2025-10" and f.points[0].base_missing for f in fits)
    assert all(f.points[0].log_premium == inside.log_premium for f in fits)
    assert [inside.sd, *noises] == sorted([inside.sd, *noises])
    assert any("No Chinese price was known" in note and "2025-10" in note for note in fits[0].notes)
    # the far side of a hole may be nearer
    holed = {**prices, "2026-01": 3000.0}
    assert (
        str(fit_premium(one_quote("2025-12-26", 5000.0, history(holed))).points[0].base_period) == "2026-01"
    )


def test_quotes_far_from_any_chinese_price_are_left_out_and_counted(build):
    inp = build(["2025-03-15", "2025-05-06"], [0.2, 0.3], element="Nd")
    old = pd.DataFrame({"ds": [pd.Timestamp("2014-03-01")], "y": [400.0], "currency": ["CNY"]})
    with_old = replace(inp, points=pd.concat([old, inp.points], ignore_index=True))
    fit = fit_premium(with_old)
    assert fit.points == fit_premium(inp).points
    assert any("1 quotes from 2014-03-01" in note for note in fit.notes)
    with pytest.raises(InputError, match="over 6 months"):
        fit_premium(replace(inp, points=old))


def test_currencies_meet_in_the_currency_of_the_base(fx):
    base = history({"2025-04": 1130.0, "2025-05": 1130.0})
    april = fx[fx["month"] == "2025-04-01"].iloc[0]
    prices = {"CNY": 2000.0, "USD": 2000.0 / april["CNY"], "EUR": 2000.0 / april["CNY"] * april["EUR"]}
    for currency, y in prices.items():
        inp = one_quote("2025-04-16", y, base, fx=fx)
        point = fit_premium(replace(inp, points=inp.points.assign(currency=currency))).points[0]
        assert point.log_premium == pytest.approx(np.log(2.0), abs=1e-12)
        assert not point.fx_carried


def test_a_carried_rate_adds_noise_and_is_said(fx):
    base = history({"2026-09": 1130.0, "2026-10": 1130.0})
    inp = one_quote("2026-09-16", 300.0, base, fx=fx)
    carried = fit_premium(replace(inp, points=inp.points.assign(currency="USD")))
    assert carried.points[0].fx_carried
    assert carried.points[0].sd > fit_premium(inp).points[0].sd
    assert any("carried forward" in note for note in carried.notes)


def test_nothing_public_later_enters(build, fx, base):
    """Later quotes, later Chinese months, later exchange rates and late availability change nothing."""
    known = date(2025, 6, 10)
    days, premiums = ["2025-05-06", "2025-06-04", "2025-09-18"], [1.4, 1.3, 1.5]
    inp = build(days, premiums, known_at=known)
    quotes = inp.points.assign(currency="USD", y=inp.points["y"] / 7)
    plain = fit_premium(replace(inp, points=quotes, fx=fx))
    later = np.asarray(base.periods >= pd.Period("2025-06", "M"))
    other_base = replace(base, y=np.where(later, 9999.0, base.y))
    other_fx = fx.assign(CNY=fx["CNY"].where(fx["month"] < "2025-06-01", 99.0))
    changed = replace(inp, points=quotes.assign(y=[*quotes["y"][:2], 1e5]), base=other_base, fx=other_fx)
    assert fit_premium(changed).points == plain.points
    assert fit_premium(changed).components == plain.components
    assert str(plain.points[1].base_period) == "2025-05"  # June's mean is public in July
    slow = quotes.assign(available_on=pd.to_datetime(["2025-05-07", "2025-06-11", "2025-09-19"]))
    assert len(fit_premium(replace(inp, points=slow, fx=fx)).points) == 1


def test_a_quoted_range_adds_noise(build):
    inp = build(["2025-05-06"], [1.4], element="Nd")
    wide = replace(inp, points=inp.points.assign(low=700.0, high=1000.0))
    narrow, broad = (fit_premium(i).points[0].sd for i in (inp, wide))
    assert broad**2 - narrow**2 == pytest.approx((np.log(10 / 7) / 4) ** 2, abs=1e-12)


def test_a_change_of_source_is_told_and_makes_no_step(build):
    """Nd in Europe: 1.03 times China by Fastmarkets in 2024, 1.75-2.0 by SMM in 2026, and no event."""
    days = ["2024-04-11", "2024-06-20", "2026-01-09", "2026-02-13"]
    premiums = np.log(1.13 * np.array([1.03, 1.06, 1.75, 1.97]))
    sources = ["Fastmarkets insight", "Fastmarkets insight", "SMM Overseas Weekly Review", "SMM Review"]
    fit = fit_premium(build(days, premiums, sources=sources, element="Nd"))
    assert fit.steps == ()
    (note,) = [n for n in fit.notes if n.startswith("Basis")]
    assert "fastmarkets (2024-06-20) to smm (2026-01-09)" in note
    assert "1.20 to 1.98" in note
    one_house = fit_premium(build(days, premiums, sources=["SMM"] * 4, element="Nd"))
    assert not [n for n in one_house.notes if n.startswith("Basis")]


def test_the_thin_market_caveat_travels_with_european_controls(build):
    days, premiums = ["2025-04-01", "2025-05-06"], [0.3, 1.4]
    assert any("Adamas" in n for n in fit_premium(build(days, premiums)).notes)
    assert any("No coverage is claimed" in n for n in fit_premium(build(days, premiums)).notes)
    assert not any("Adamas" in n for n in fit_premium(build(days, premiums, element="Nd")).notes)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("Argus Europe via Nikkei Asia", "argus"),
        ("INFER question quoting Argus fob China high", "argus"),
        ("SMM Rare Earth Overseas Weekly Review", "smm"),
        ("A desk of our own (weekly)", "a desk of our own"),
        ("", "unnamed"),
        (None, "unnamed"),
        (float("nan"), "unnamed"),
    ],
)
def test_assessors(source, name):
    assert assessor_of(source) == name


def test_refusals_name_what_is_wrong(build, fx):
    good = build(["2025-03-15"], [0.2])
    cases = {
        "no quote of eu by 2025-01-01": replace(good, known_at=date(2025, 1, 1)),
        "a column 'currency'": replace(good, points=good.points.drop(columns="currency")),
        "a finite price above 0": replace(good, points=good.points.assign(y=-1.0)),
        "no CNY per USD rate for 2025-03": replace(good, points=good.points.assign(currency="USD")),
        "no price of dy-oxide-cn by 2025-03-20": replace(
            good, base=history({"2025-06": 1.0}), known_at=date(2025, 3, 20)
        ),
        "no CNY rate for 2025-03": replace(
            good, points=good.points.assign(currency="USD"), fx=fx[fx["month"] >= "2025-05-01"]
        ),
        "one of CNY, EUR, USD": replace(good, points=good.points.assign(currency="JPY"), fx=fx),
    }
    for message, inp in cases.items():
        with pytest.raises(ForecastError, match=message):
            fit_premium(inp)
