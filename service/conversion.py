"""From a series' own basis to the one asked for: unit, Chinese VAT at its rate of the date, exchange rate.

Past months use published rates. Months to come use the sample paths of the rate that were stored with the
training run, draw by draw beside the price's own paths, so that the rate's uncertainty is in the range.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from data.store import forecasts as store
from data.store import fx as fx_store
from data.store.forecasts import IssuedForecast
from data.types import Series
from forecast.types import Array
from forecast.vat import china_vat
from service.answers import BasisAnswer, ForecastQuery, RateAnswer
from service.refusals import Refusal

_PER_KG = {"kg": 1.0, "tonne": 1000.0}
_BASE = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How to say a stored forecast in another basis.

    factor: (steps,) the certain part, unit and VAT. ratio: (draws, steps) of the exchange rate, None when
    the currency stays.
    """

    own: BasisAnswer
    basis: BasisAnswer
    factor: Array
    ratio: Array | None
    rate: RateAnswer | None
    fx: pd.DataFrame

    def quote(self, value: float, day: date) -> float | None:
        """A past quote in the basis asked for, at the published rate of its month; None where there is none."""
        rate = 1.0
        if self.own.currency != self.basis.currency:
            row = self.fx[pd.to_datetime(self.fx["month"]) == pd.Timestamp(day.replace(day=1))]
            found = [_published(row, c) for c in (self.basis.currency, self.own.currency)]
            if not all(found):
                return None
            rate = float(found[0] or 1.0) / float(found[1] or 1.0)
        return float(value * rate * certain(self.own, self.basis, day))


def conversion(conn: Connection, series: Series, issued: IssuedForecast, query: ForecastQuery) -> Conversion:
    """The way from the series' own basis to that of `query`. Raises Refusal where a rate is missing."""
    own = BasisAnswer(currency=series.currency, unit=series.unit, tax=series.tax_basis)
    basis = BasisAnswer(
        currency=query.currency or own.currency, unit=query.unit or own.unit, tax=query.tax or own.tax
    )
    factor = np.array([certain(own, basis, day) for day in issued.periods])
    fx = fx_store.load(conn, issued.known_at)
    ratio = rate = None
    if basis.currency != own.currency:
        ratio = _ratio(conn, issued, basis.currency, own.currency)
        rate = _rate(fx, issued, basis.currency, own.currency)
    return Conversion(own=own, basis=basis, factor=factor, ratio=ratio, rate=rate, fx=fx)


def certain(own: BasisAnswer, basis: BasisAnswer, day: date) -> float:
    """What a price on `day` is multiplied with for unit and VAT. VAT is the Chinese one, at its rate that day."""
    if own.unit not in _PER_KG:
        raise Refusal("unit", basis.unit, f"{own.unit}, the series' own; no other unit is known for it")
    factor = _PER_KG[basis.unit] / _PER_KG[own.unit] if basis.unit != own.unit else 1.0
    if own.tax == basis.tax:
        return factor
    gross = 1.0 + china_vat(day)
    return factor * gross if basis.tax == "incl-vat" else factor / gross


def _ratio(conn: Connection, issued: IssuedForecast, to: str, of: str) -> Array:
    """Paths of the price of one unit of `of` in `to`, (draws, steps) on the months of the forecast."""
    stored = store.latest_fx_paths(conn, issued.run_id)

    def paths(currency: str) -> Array | float:
        if currency == _BASE:
            return 1.0
        if stored is None or currency not in stored.paths:
            known = ", ".join(sorted({_BASE, *(stored.paths if stored else ())}))
            raise Refusal("currency", to, f"{of}, the series' own, or another with stored rates: {known}")
        at = {day: k for k, day in enumerate(stored.periods)}
        return np.asarray(stored.paths[currency][:, [at[day] for day in issued.periods]], dtype=np.float64)

    return np.asarray(paths(to) / paths(of), dtype=np.float64)


def _rate(fx: pd.DataFrame, issued: IssuedForecast, to: str, of: str) -> RateAnswer:
    """The newest published month that has both rates."""
    months = fx.sort_values("month")
    for row in months.iloc[::-1].itertuples(index=False):
        line = pd.DataFrame([row._asdict()])
        up, down = _published(line, to), _published(line, of)
        if up and down:
            month = pd.Timestamp(line["month"].iloc[0]).date()
            return RateAnswer(
                pair=f"{to} per {of}",
                last_month=month,
                last_rate=up / down,
                carried_forward=month < issued.known_at.replace(day=1),
                uncertainty_included=True,
            )
    raise Refusal("currency", to, "a currency with a published rate by the issue date")


def _published(rows: pd.DataFrame, currency: str) -> float | None:
    """Units per US dollar in these rows, None where it is not published."""
    if currency == _BASE:
        return 1.0
    if currency not in rows or rows.empty or not np.isfinite(float(rows[currency].iloc[-1])):
        return None
    return float(rows[currency].iloc[-1])
