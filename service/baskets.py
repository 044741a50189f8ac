"""Use cases about paths: what a basket will cost, and whether a price crosses a level in time.

Both are read from the joint paths of one run, converted draw by draw, and never from ranges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from forecast.distribution.basket import BasketPaths, basket, standard_error
from forecast.types import Array
from service import catalogue
from service.ahead import ahead, months_ahead
from service.answers import BasisAnswer, ForecastQuery, RateAnswer
from service.context import Context
from service.conversion import Conversion, conversion
from service.refusals import Refusal
from service.standing import Ready, fallback_notes, ready

MEANS = (
    "Chances are shares of joint paths of published monthly means: within a month a daily price may cross and"
    " come back."
)

_SHARES_OFF = 1e-6  # of 1: a share typed to seven decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingRow:
    """One month ahead. within: share of paths beyond the level in this month or one before it since the issue
    date; at: in this month. *_error: their standard errors."""

    ds: date
    step: int
    within: float
    within_error: float
    at: float
    at_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingAnswer:
    """Does a price cross a level? In the basis asked for."""

    series_id: str
    title: str
    basis: BasisAnswer
    issued_at: datetime
    run_id: int
    level: float
    direction: str
    horizon: int
    draws: int
    exchange_rate: RateAnswer | None
    note: str
    notice: str | None
    rows: tuple[CrossingRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketRow:
    """One month ahead: cost of one kg of the basket. above: level -> share of paths above it in it."""

    ds: date
    step: int
    mean: float
    quantiles: Mapping[str, float]
    above: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketItem:
    """One item as it entered. quantities: kg in each month, or its share of one kg."""

    series_id: str
    title: str
    own_basis: BasisAnswer
    quantities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketAnswer:
    """A basket's cost: each month for one kg, and in all. spread_ratio: standard deviation of the total over
    what it would be if the items moved independently of each other."""

    items: tuple[BasketItem, ...]
    currency: str
    issued_at: datetime
    run_id: int
    horizon: int
    draws: int
    rows: tuple[BasketRow, ...]
    total_mean: float
    total_quantiles: Mapping[str, float]
    budget: float | None
    over_budget: float | None
    over_budget_error: float | None
    spread_ratio: float | None
    notes: tuple[str, ...]
    notice: str | None


def cross(
    context: Context, series_id: str, *, level: float, direction: str, query: ForecastQuery
) -> CrossingAnswer:
    """Chance that a price stands beyond a level by each month, and in it, up to the horizon of `query`.

    direction: "above" or "below". Raises NotKnown, NotYet, Refusal (level, direction, horizon, basis).
    """
    if not (np.isfinite(level) and level > 0):
        raise Refusal("level", level, "a price above 0, in the basis asked for")
    if direction not in ("above", "below"):
        raise Refusal("direction", direction, "above or below")
    with context.engine.connect() as conn:
        series = catalogue.find(conn, series_id)
        found = ahead(context, conn, series, query)
        rate = conversion(conn, series, found.issued, query).rate
        notice = catalogue.notice_on(conn)
    months = months_ahead([found.issued], query.horizon)
    shares = found.reach.crossing(level, above=direction == "above")
    draws = found.reach.draws
    errors = standard_error(shares.within, draws), standard_error(shares.at, draws)
    return CrossingAnswer(
        series_id=series_id,
        title=series.title,
        basis=found.basis,
        issued_at=found.issued.issued_at,
        run_id=found.issued.run_id,
        level=level,
        direction=direction,
        horizon=len(months),
        draws=draws,
        exchange_rate=rate,
        note=" ".join((*fallback_notes([found]), MEANS)),
        notice=notice,
        rows=tuple(
            CrossingRow(
                ds=month,
                step=k + 1,
                within=float(shares.within[k]),
                within_error=float(errors[0][k]),
                at=float(shares.at[k]),
                at_error=float(errors[1][k]),
            )
            for k, month in enumerate(months)
        ),
    )


def cost(context: Context, content: Mapping[str, Any]) -> BasketAnswer:
    """What a basket costs, given as the checked fields of POST /v1/baskets.

    Raises NotKnown, NotYet, Refusal (items that do not go together, quantities, horizon, levels, budget).
    """
    items: Sequence[Mapping[str, Any]] = content["items"]
    names = [item["series_id"] for item in items]
    if len(set(names)) < len(names):
        raise Refusal("items", names, "each series once")
    for field in ("budget", "levels"):
        for number in np.atleast_1d(content.get(field) or []):
            if not (np.isfinite(number) and number > 0):
                raise Refusal(field, float(number), "a cost above 0")
    with context.engine.connect() as conn:
        found = ready(context, conn, [catalogue.find(conn, name) for name in names])
        months = months_ahead([r.issued for r in found], content.get("horizon"))
        together = _one_run(found)
        how = _conversions(conn, found, content.get("currency"), content.get("tax"))
        notice = catalogue.notice_on(conn)
    amounts = _amounts(items, len(months))
    budget = content.get("budget")
    if budget is not None and items[0].get("share") is not None:
        raise Refusal("budget", budget, "none beside shares, which are of one kg: give quantities")
    paths = [h.paths(r.issued)[:, r.issued.lag :][:, : len(months)] for r, h in zip(found, how, strict=True)]
    made = basket(paths, amounts)
    quantiles = tuple(content.get("quantiles") or (0.1, 0.25, 0.5, 0.75, 0.9))
    over = None if budget is None else float((made.total > budget).mean())
    return BasketAnswer(
        items=tuple(
            BasketItem(
                series_id=r.series.series_id,
                title=r.series.title,
                own_basis=catalogue.own_basis(r.series),
                quantities=tuple(float(a) for a in amount),
            )
            for r, amount in zip(found, amounts, strict=True)
        ),
        currency=how[0].basis.currency,
        issued_at=max(r.issued.issued_at for r in found),
        run_id=together,
        horizon=len(months),
        draws=len(made.total),
        rows=_rows(made, months, quantiles, tuple(content.get("levels") or ())),
        total_mean=float(made.total.mean()),
        total_quantiles=_named(quantiles, made.total),
        budget=budget,
        over_budget=over,
        over_budget_error=None if over is None else float(standard_error(over, len(made.total))),
        spread_ratio=_spread_ratio(paths, amounts, made),
        notes=(*fallback_notes(found), MEANS, *_mixed_tax(how)),
        notice=notice,
    )


def _one_run(found: Sequence[Ready]) -> int:
    runs = {r.issued.run_id for r in found}
    if len(runs) > 1:
        raise Refusal("items", f"forecasts of runs {sorted(runs)}", "series of one run: train again")
    return runs.pop()


def _conversions(
    conn: Connection, found: Sequence[Ready], currency: str | None, tax: str | None
) -> list[Conversion]:
    """The way of each item to the basket's currency, per kg; without one, to that which all share."""
    own = sorted({r.series.currency for r in found})
    if currency is None and len(own) > 1:
        raise Refusal("currency", None, f"one for the basket: the items are in {' and '.join(own)}")
    query = ForecastQuery(currency=currency, unit="kg", tax=tax)
    return [conversion(conn, r.series, r.issued, query) for r in found]


def _amounts(items: Sequence[Mapping[str, Any]], months: int) -> list[Array]:
    """Quantity of each item in each month, (months,)."""
    shares = [item.get("share") for item in items]
    if all(s is not None for s in shares) and not any(i.get("quantity") is not None for i in items):
        total = float(np.sum(np.array(shares, dtype=np.float64)))
        if abs(total - 1.0) > _SHARES_OFF:
            raise Refusal("items", shares, f"shares of one kg, which sum to 1, not to {total:g}")
        return [np.full(months, float(s or 0.0)) for s in shares]
    out = []
    for k, item in enumerate(items):
        quantity = item.get("quantity")
        if quantity is None or item.get("share") is not None:
            raise Refusal(
                f"items.{k}.quantity", quantity, "a quantity of every item, or a share of every one"
            )
        row = np.atleast_1d(np.asarray(quantity, dtype=np.float64))
        if len(row) == 1:
            row = np.full(months, row[0])
        if len(row) != months:
            raise Refusal(f"items.{k}.quantity", len(row), f"one number, or one for each of {months} months")
        if not (np.isfinite(row).all() and (row >= 0).all()):
            raise Refusal(f"items.{k}.quantity", row.tolist(), "kg from 0")
        out.append(row)
    if not np.sum(out) > 0:
        raise Refusal("items", "nothing bought in any month", "a quantity above 0")
    return out


def _rows(
    made: BasketPaths, months: Sequence[date], quantiles: tuple[float, ...], levels: tuple[float, ...]
) -> tuple[BasketRow, ...]:
    """Months in which something is bought."""
    return tuple(
        BasketRow(
            ds=month,
            step=k + 1,
            mean=float(made.unit[:, k].mean()),
            quantiles=_named(quantiles, made.unit[:, k]),
            above={f"{level:g}": float((made.unit[:, k] > level).mean()) for level in levels},
        )
        for k, month in enumerate(months)
        if np.isfinite(made.unit[0, k])
    )


def _named(quantiles: tuple[float, ...], draws: Array) -> dict[str, float]:
    return {f"q{q:g}": float(v) for q, v in zip(quantiles, np.quantile(draws, quantiles), strict=True)}


def _spread_ratio(paths: Sequence[Array], amounts: Sequence[Array], made: BasketPaths) -> float | None:
    alone = np.sqrt(sum(float((p @ q).var()) for p, q in zip(paths, amounts, strict=True)))
    return float(made.total.std() / alone) if alone > 0 else None


def _mixed_tax(how: Sequence[Conversion]) -> tuple[str, ...]:
    taxes = sorted({h.basis.tax for h in how})
    if len(taxes) < 2:
        return ()
    return ("The items are on different tax bases, as quoted: ask with tax to put them on one.",)
