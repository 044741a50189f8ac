"""The front page: every series with its last price and what it may cost in 1, 3, 6 and 12 months."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service import catalogue, forecasting, training
from service.answers import ForecastAnswer, ForecastQuery, ForecastRow, SeriesAnswer
from service.context import Context
from service.dashboard.history import ShownQuote, middle, shown_quotes
from service.dashboard.sparkline import Sparkline, sparkline
from service.dashboard.waiting import Training, training_now

STEPS = (1, 3, 6, 12)
QUANTILES = (0.1, 0.5, 0.9)
_ELEMENTS, _MARKETS = ("Dy", "Tb", "Nd"), ("cn", "fob", "eu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One series. answer: None without a forecast in this basis, then `why` says it. ahead: one entry for
    each of STEPS, None beyond the horizon."""

    series: SeriesAnswer
    answer: ForecastAnswer | None
    ahead: tuple[ForecastRow | None, ...]
    spark: Sparkline | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the front page shows. rows: what is forecast; others: yearly figures, which are not."""

    rows: tuple[Row, ...]
    others: tuple[SeriesAnswer, ...]
    issued: tuple[datetime, ...]
    notice: str | None
    training: Training

    @property
    def empty(self) -> bool:
        """Is there no forecast at all?"""
        return all(row.answer is None for row in self.rows)


def overview(context: Context, query: ForecastQuery) -> Overview:
    """Everything on the front page, in the basis of `query` (each series' own where it asks for none)."""
    found = catalogue.list_series(context)
    answers, left_out = forecasting.answer_all(context, query)
    by_id = {a.series_id: a for a in answers}
    reasons = dict(left_out)
    ordered = sorted((s for s in found if s.frequency != "annual"), key=_place)
    rows = []
    for series in ordered:
        answer = by_id.get(series.series_id)
        spark = None
        if answer is not None:
            spark = _spark(answer, shown_quotes(context, series.series_id, query))
        rows.append(
            Row(
                series=series,
                answer=answer,
                ahead=() if answer is None else at_steps(answer.rows, STEPS),
                spark=spark,
                why=reasons.get(series.series_id, ""),
            )
        )
    return Overview(
        rows=tuple(rows),
        others=tuple(sorted((s for s in found if s.frequency == "annual"), key=_place)),
        issued=tuple(sorted({a.issued_at for a in answers})),
        notice=catalogue.notice(context),
        training=training_now(training.list_runs(context, 1)),
    )


def at_steps(rows: Sequence[ForecastRow], steps: Iterable[int]) -> tuple[ForecastRow | None, ...]:
    """The rows so many months after the issue date, None where the forecast does not reach."""
    by_step = {row.step: row for row in rows}
    return tuple(by_step.get(step) for step in steps)


def _place(series: SeriesAnswer) -> tuple[int, int, str]:
    """Dy, Tb, Nd; in China, at its border, in Europe; then all others by id."""
    element = _ELEMENTS.index(series.element) if series.element in _ELEMENTS else len(_ELEMENTS)
    market = _MARKETS.index(series.market) if series.market in _MARKETS else len(_MARKETS)
    return element, market, series.series_id


def _spark(answer: ForecastAnswer, quotes: Sequence[ShownQuote]) -> Sparkline:
    near = [row for row in answer.rows if row.step <= STEPS[-1]]
    rows = [(middle(r.ds), r.quantiles["q0.1"], r.median, r.quantiles["q0.9"]) for r in near]
    recent = [q for q in quotes if q.kind != "annual"]
    if recent and recent[-1].kind == "monthly-mean" and recent[-1].ds == answer.origin:
        rows.insert(0, (recent[-1].at, recent[-1].value, recent[-1].value, recent[-1].value))
    return sparkline(
        [(q.at, q.value) for q in recent],
        rows,
        known_at=answer.known_at,
        as_line=bool(recent) and recent[-1].kind == "monthly-mean",
    )
