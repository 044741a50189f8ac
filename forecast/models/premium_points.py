"""From dated quotes outside China to measurements of the log premium, each with its own noise.

A quote y on day t is measured against the Chinese price of the nearest known period,

    z = log(y in the base currency) - log(P_china / (1 + VAT)),
    sd^2 = quote^2 + (log(high / low) / 4)^2 + s^2 g(t) + carried exchange rate,

where g is the variance, in months, between a walk on day t and its mean over that period: w/12 + u^2/w
inside a period of w months, u - w/6 outside, u months from its middle. A missing Chinese month is thus
never interpolated: the nearest one stands in and the noise grows with the distance.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from forecast.distribution.fx import fx_rate_on
from forecast.errors import InputError
from forecast.events.event import Event
from forecast.periods import available, last_day
from forecast.types import Array, PriceHistory
from forecast.vat import china_vat

MONTH = 365.25 / 12  # days
MAX_GAP = 6.0  # months from a quote to a Chinese price beyond which the pair says nothing
FX_SD = 0.015  # log units per month that an exchange rate is carried
JUMP = 2.0  # a move beyond this many standard deviations of both quotes is not noise
RANGE_SDS = 4.0  # a quoted low-high range spans this many standard deviations
BASE_SD_FLOOR, BASE_SD_DEFAULT, BASE_CHANGES = 0.03, 0.07, 12
#: Whose quotes share one bias. The first name found in `source` counts; else the source's own words.
ASSESSORS = (
    "argus",
    "fastmarkets",
    "smm",
    "benchmark",
    "asian metal",
    "reuters",
    "nikkei",
    "japan metal daily",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumInput:
    """What is known about one price outside China.

    points: ds (Timestamp), y (price > 0 per kg), currency; optional source, available_on, low, high.
    base: the Chinese price. element, market: of the target ("eu", "fob", or a name of the caller's).
    fx: month, CNY, EUR (units per USD, monthly means). Nothing public after `known_at` enters.
    events_at: the day at whose end the events are read, `known_at` if None.
    """

    points: pd.DataFrame
    base: PriceHistory
    element: str | None
    market: str | None
    events: tuple[Event, ...]
    known_at: date
    fx: pd.DataFrame | None = None
    base_includes_vat: bool = True
    events_at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumPoint:
    """One measured log premium (ex VAT) with its noise and what it was measured against.

    base_price: that Chinese price ex VAT in the currency of the quote.
    """

    ds: date
    log_premium: float
    sd: float
    assessor: str
    base_period: pd.Period
    base_price: float
    base_missing: bool  # the Chinese period of that day was not known; base_period stands in
    fx_carried: bool


def assessor_of(source: object) -> str:
    """Name of the price assessor behind a source; "unnamed" where the source is not given."""
    if not isinstance(source, str) or not source.strip():
        return "unnamed"
    words = source.lower()
    found = [(words.index(name), name) for name in ASSESSORS if name in words]
    return min(found)[1] if found else words.split("(")[0].strip()


def measure(inp: PremiumInput, quote_sd: float) -> tuple[tuple[PremiumPoint, ...], tuple[str, ...]]:
    """(points in time order, notes in words). quote_sd: noise of a single quote, log units.

    Raises InputError when no point is usable, a price is not above 0, or an exchange rate is missing.
    """
    rows = _known(inp)
    base = _known_base(inp.base, inp.known_at)
    spans = [(p, p.start_time.toordinal(), last_day(p).toordinal()) for p in base]
    monthly_sd = base_sd(base)
    points, left_out = [], []
    for row in rows.to_dict("records"):
        day = pd.Timestamp(row["ds"]).date()
        period, distance, width = _nearest(spans, day)
        if distance / MONTH > MAX_GAP:
            left_out.append(day)
            continue
        change, fx_variance, carried = _currency(inp, str(row["currency"]), pd.Period(day, freq="M"))
        vat = china_vat(last_day(period)) if inp.base_includes_vat else 0.0
        china = base[period] / (1 + vat)
        u, w = distance / MONTH, width / MONTH
        timing = w / 12 + u**2 / w if u <= w / 2 else u - w / 6
        variance = quote_sd**2 + _range_sd(row) ** 2 + monthly_sd**2 * timing + fx_variance
        points.append(
            PremiumPoint(
                ds=day,
                log_premium=float(np.log(row["y"]) + change - np.log(china)),
                sd=float(np.sqrt(variance)),
                assessor=assessor_of(row.get("source")),
                base_period=period,
                base_price=float(china * np.exp(-change)),
                base_missing=u > w / 2,
                fx_carried=carried,
            )
        )
    if not points:
        raise InputError(
            "points",
            f"{len(left_out)} quotes of {inp.market} by {inp.known_at}, all over {MAX_GAP:.0f} months"
            f" from a Chinese price",
            "at least one quote near a Chinese price",
        )
    return tuple(points), tuple(_notes(points, left_out, monthly_sd))


def base_sd(base: dict[pd.Period, float]) -> float:
    """Monthly log volatility of the base price: root mean square change of neighbouring known periods."""
    changes = [np.log(base[b] / base[a]) for a, b in pairwise(base) if b.ordinal - a.ordinal == 1]
    if len(changes) < BASE_CHANGES:
        return BASE_SD_DEFAULT
    period = next(iter(base))
    months = (last_day(period) - period.start_time.date() + timedelta(days=1)).days / MONTH
    return max(BASE_SD_FLOOR, float(np.sqrt(np.mean(np.square(changes)) / months)))


def _known(inp: PremiumInput) -> pd.DataFrame:
    """Quotes dated and available by known_at, checked, oldest first."""
    for column in ("ds", "y", "currency"):
        if column not in inp.points.columns:
            raise InputError("points", list(map(str, inp.points.columns)), f"a column {column!r}")
    rows = inp.points[pd.to_datetime(inp.points["ds"]) <= pd.Timestamp(inp.known_at)]
    rows = available(rows, inp.known_at).dropna(subset=["y"]).sort_values("ds", kind="stable")
    prices = rows["y"].to_numpy(float)
    bad = ~(np.isfinite(prices) & (prices > 0))
    if bad.any():
        raise InputError("points.y", float(prices[bad][0]), "a finite price above 0")
    if rows.empty:
        raise InputError("points", f"no quote of {inp.market} by {inp.known_at}", "at least one dated quote")
    return rows


def _known_base(base: PriceHistory, known_at: date) -> dict[pd.Period, float]:
    """Chinese prices by period, oldest first; a period's mean is public the day after its end."""
    public = (base.periods + 1).to_timestamp() <= pd.Timestamp(known_at)
    keep = np.isfinite(base.y) & np.asarray(public, dtype=bool)
    found = dict(zip(base.periods[keep], base.y[keep].tolist(), strict=True))
    if not found:
        raise InputError(
            "base", f"no price of {base.key.unique_id} by {known_at}", "at least one known period"
        )
    return found


def _nearest(spans: list[tuple[pd.Period, int, int]], day: date) -> tuple[pd.Period, float, float]:
    """(period nearest to `day`, days from its middle, its length in days); the earlier one on a tie.

    spans: (period, ordinal of its first day, ordinal of its last day), oldest first.
    """
    period, first, last = min(spans, key=lambda s: abs(day.toordinal() - (s[1] + s[2]) / 2))
    return period, abs(day.toordinal() - (first + last) / 2), last - first + 1.0


def _currency(inp: PremiumInput, currency: str, month: pd.Period) -> tuple[float, float, bool]:
    """(log factor from `currency` to the base's, variance of carried rates, any carried)."""
    target = inp.base.key.currency or "CNY"
    if currency == target:
        return 0.0, 0.0, False
    if inp.fx is None:
        raise InputError("fx", f"no {target} per {currency} rate for {month}", "a table of exchange rates")
    factor, months = 0.0, 0
    for sign, name in ((-1.0, currency), (1.0, target)):
        rate, used, _ = fx_rate_on(inp.fx, name, month, known_at=inp.known_at)
        factor += sign * float(np.log(rate))
        months += month.ordinal - used.ordinal
    return factor, FX_SD**2 * months, months > 0


def _range_sd(row: Mapping[Hashable, object]) -> float:
    """Noise told by a quoted range; 0 where none is given."""
    low, high = (float(str(row.get(name, np.nan))) for name in ("low", "high"))
    return float(np.log(high / low)) / RANGE_SDS if 0 < low < high else 0.0


def _notes(points: list[PremiumPoint], left_out: list[date], monthly_sd: float) -> list[str]:
    """What was done to the quotes, in words."""
    notes = []
    missing = [f"{p.ds} against {p.base_period}" for p in points if p.base_missing]
    if missing:
        notes.append(
            f"No Chinese price was known for the time of {len(missing)} quotes; the nearest one stands in,"
            f" with noise growing at {100 * monthly_sd:.1f} % per root month: " + ", ".join(missing) + "."
        )
    carried = [str(p.ds) for p in points if p.fx_carried]
    if carried:
        notes.append("The exchange rate was carried forward for the quotes of " + ", ".join(carried) + ".")
    if left_out:
        notes.append(
            f"{len(left_out)} quotes from {left_out[0]} to {left_out[-1]} are over {MAX_GAP:.0f} months from"
            f" any Chinese price and were left out."
        )
    notes.extend(_changes_of_source(points))
    return notes


def _changes_of_source(points: list[PremiumPoint]) -> Iterable[str]:
    """One note for each pair of neighbouring quotes of different assessors that lie far apart."""
    for old, new in pairwise(points):
        move = new.log_premium - old.log_premium
        if old.assessor != new.assessor and abs(move) > JUMP * np.hypot(old.sd, new.sd):
            yield (
                f"Basis: the source changed from {old.assessor} ({old.ds}) to {new.assessor} ({new.ds}) while"
                f" the multiple of the Chinese price ex VAT went from {np.exp(old.log_premium):.2f} to"
                f" {np.exp(new.log_premium):.2f}; part of that may be the basis, not the market."
            )


def as_arrays(points: tuple[PremiumPoint, ...]) -> tuple[Array, Array, Array, list[int]]:
    """(days as ordinals, log premiums, noise sds, assessor index), each (n,)."""
    names = sorted({p.assessor for p in points})
    return (
        np.array([p.ds.toordinal() for p in points], dtype=np.float64),
        np.array([p.log_premium for p in points]),
        np.array([p.sd for p in points]),
        [names.index(p.assessor) for p in points],
    )
