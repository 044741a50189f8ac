"""From a series' own basis to the one asked for: unit, Chinese VAT at its rate of the date, exchange rate.

A past quote uses the published rate of its month. The months of a forecast use the sample paths of the rate
that were stored with the training run, draw by draw beside the price's own paths, so that the rate's
uncertainty is in the range.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import Connection

from data.store import forecasts as store
from data.store import fx as fx_store
from data.store.forecasts import FxPaths, IssuedForecast
from data.types import Series
from data.units import BASE_CURRENCY, KG_PER_UNIT, Basis, Converted, FxTable, convert, vat_factor
from forecast.errors import InputError
from forecast.types import Array
from service.answers import BasisAnswer, ForecastQuery, RateAnswer
from service.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How to say a stored forecast in another basis.

    factor: (steps,) the certain part, unit and VAT. ratio: (draws, steps) of the exchange rate, None when
    the currency stays.
    """

    own: Basis
    asked: Basis
    factor: Array
    ratio: Array | None
    rate: RateAnswer | None
    fx: FxTable

    @property
    def basis(self) -> BasisAnswer:
        """The basis of the answer."""
        return BasisAnswer(currency=self.asked.currency, unit=self.asked.unit, tax=self.asked.tax)

    def paths(self, issued: IssuedForecast) -> Array:
        """Sample paths (draws, steps) in the basis asked for, each with its own path of the rate."""
        own = issued.paths.astype(np.float64) * self.factor
        return own if self.ratio is None else own * self.ratio

    def quote(self, value: float, on: date) -> float | None:
        """A past price of that day in the basis asked for, at the rate of its month or the newest before it;
        None where no rate is known."""
        found = self._converted(value, on)
        return found.value if isinstance(found, Converted) else None

    def quote_caveats(self, value: float, on: date) -> tuple[str, ...]:
        """What a reader of that price has to know about its rate."""
        found = self._converted(value, on)
        if isinstance(found, InputError):
            return (f"The last quote has no value in this basis: {found}",)
        return (f"The last quote is converted at {found.notes[-1]}.",) if found.carried else ()

    def _converted(self, value: float, on: date) -> Converted | InputError:
        try:
            return convert(value, self.own, self.asked, on=on, fx=self.fx)
        except InputError as error:
            return error


def conversion(conn: Connection, series: Series, issued: IssuedForecast, query: ForecastQuery) -> Conversion:
    """The way from the series' own basis to that of `query`. Raises Refusal where a rate is missing."""
    own = Basis(currency=series.currency, unit=series.unit, tax=series.tax_basis)
    asked = Basis(
        currency=query.currency or own.currency, unit=query.unit or own.unit, tax=query.tax or own.tax
    )
    weight = KG_PER_UNIT[asked.unit] / KG_PER_UNIT[own.unit]
    factor = np.array([weight * vat_factor(own.tax, asked.tax, day) for day in issued.periods])
    fx = FxTable(fx_store.load(conn, issued.known_at))
    ratio = rate = None
    if asked.currency != own.currency:
        stored = store.latest_fx_paths(conn, issued.run_id)
        ratio = _paths(stored, issued, asked.currency) / _paths(stored, issued, own.currency)
        newest = fx.rate(own.currency, asked.currency, issued.known_at)
        rate = RateAnswer(
            pair=f"{newest.to} per {newest.of}",
            last_month=newest.month,
            last_rate=newest.value,
            carried_forward=newest.carried,
            uncertainty_included=True,
        )
    return Conversion(own=own, asked=asked, factor=factor, ratio=ratio, rate=rate, fx=fx)


def _paths(stored: FxPaths | None, issued: IssuedForecast, currency: str) -> Array:
    """Stored paths of one rate per US dollar on the months of the forecast, (draws, steps)."""
    if currency == BASE_CURRENCY:
        return np.ones((1, len(issued.periods)))
    if stored is None or currency not in stored.paths:
        known = ", ".join(sorted({BASE_CURRENCY, *(stored.paths if stored else ())}))
        raise Refusal("currency", currency, f"the series' own, or one with stored rates: {known}")
    at = {day: k for k, day in enumerate(stored.periods)}
    return np.asarray(stored.paths[currency][:, [at[day] for day in issued.periods]], dtype=np.float64)
