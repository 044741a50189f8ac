"""The fan chart as plain data for plotly: history, ranges, medians and event lines. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from service.answers import ForecastAnswer, ForecastRow
from service.dashboard.chart_events import Figure, labels, line, lines
from service.dashboard.history import ShownQuote, middle, next_month
from service.dashboard.numbers import day, month, price, words
from service.dashboard.timeline import Background, Mark

INK, MUTED, GRID = "#1b2430", "#5b6673", "#e4e7eb"
AHEAD, NOWCAST = "31,78,121", "110,104,92"
#: (lower, upper, name, opacity), the wide range first so that the narrow one lies on it
BANDS = (("q0.025", "q0.975", "95 % range", 0.16), ("q0.1", "q0.9", "80 % range", 0.30))
#: Years of history in the first view.
RECENT_YEARS = 3
_ROOM = timedelta(days=60)  # before the first quote of a view


def figure(
    answer: ForecastAnswer,
    quotes: Sequence[ShownQuote],
    marks: Sequence[Mark],
    background: Sequence[Background] = (),
) -> Figure:
    """`data`, `layout`, and `views`: the axes of recent/linear, recent/log, all/linear and all/log.

    answer: with the quantiles of BANDS. quotes: in the same basis.
    """
    unit = f"{answer.basis.currency}/{answer.basis.unit}, {words(answer.basis.tax)}"
    shown = [m for m in marks if m.on is not None]
    data = [*_bands(answer, quotes), *_history(quotes), *_medians(answer, quotes)]
    views = _views(answer, quotes)
    return {"data": data, "layout": _layout(answer, quotes, shown, background, unit), "views": views}


def _split(rows: Sequence[ForecastRow]) -> tuple[list[ForecastRow], list[ForecastRow]]:
    """Nowcast rows, and the months ahead led by the last nowcast row so that the two parts touch."""
    before = [row for row in rows if row.nowcast]
    return before, [*before[-1:], *(row for row in rows if not row.nowcast)]


def _start(answer: ForecastAnswer, quotes: Sequence[ShownQuote]) -> ShownQuote | None:
    """The quote at which a fan opens: the last monthly mean. Dated quotes scatter about the level and a fan
    drawn from one of them would claim that it is the level."""
    if not quotes or quotes[-1].kind != "monthly-mean" or quotes[-1].ds != answer.origin:
        return None
    return quotes[-1]


def _bands(answer: ForecastAnswer, quotes: Sequence[ShownQuote]) -> Iterator[Figure]:
    start = _start(answer, quotes)
    before, ahead = _split(answer.rows)
    for low, high, name, opacity in BANDS:
        for rows, colour, part, opens in (
            (before, NOWCAST, "nowcast", True),
            (ahead, AHEAD, "forecast", not before),
        ):
            if not rows:
                continue
            days = [middle(row.ds) for row in rows]
            lows, highs = ([row.quantiles[key] for row in rows] for key in (low, high))
            if opens and start is not None:
                days, lows, highs = [start.at, *days], [start.value, *lows], [start.value, *highs]
            yield {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name}, {part}",
                "x": [d.isoformat() for d in (*days, *reversed(days))],
                "y": [*highs, *reversed(lows)],
                "fill": "toself",
                "fillcolor": f"rgba({colour},{opacity})",
                "line": {"width": 0},
                "hoverinfo": "skip",
                "legendrank": 3 if part == "nowcast" else 5,
                "meta": {"part": part, "range": name},
            }


def _medians(answer: ForecastAnswer, quotes: Sequence[ShownQuote]) -> Iterator[Figure]:
    start = _start(answer, quotes)
    before, ahead = _split(answer.rows)
    for rows, colour, part, dash in (
        (before, NOWCAST, "nowcast", "dot"),
        (ahead, AHEAD, "forecast", "solid"),
    ):
        if not rows:
            continue
        days, values, texts = (
            [middle(r.ds) for r in rows],
            [r.median for r in rows],
            [_hover(r) for r in rows],
        )
        if rows[0].step == answer.rows[0].step and start is not None:
            days, values, texts = [start.at, *days], [start.value, *values], ["", *texts]
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": f"Median, {part}",
            "x": [d.isoformat() for d in days],
            "y": values,
            "text": texts,
            "hovertemplate": "%{text}<extra></extra>",
            "line": {"color": f"rgb({colour})", "width": 2.5, "dash": dash},
            "legendrank": 2 if part == "nowcast" else 4,
            "meta": {"part": part, "range": "median"},
        }


def _hover(row: ForecastRow) -> str:
    what = "nowcast" if row.nowcast else f"{row.step} months ahead" if row.step > 1 else "1 month ahead"
    q = row.quantiles
    return (
        f"<b>{month(row.ds)}</b>, {what}<br>median {price(row.median)}"
        f"<br>80 %: {price(q['q0.1'])} to {price(q['q0.9'])}"
        f"<br>95 %: {price(q['q0.025'])} to {price(q['q0.975'])}"
    )


def _history(quotes: Sequence[ShownQuote]) -> Iterator[Figure]:
    means = [q for q in quotes if q.kind == "monthly-mean"]
    if means:
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": "Monthly mean",
            **_with_gaps(means),
            "connectgaps": False,
            "hovertemplate": "%{text}<extra></extra>",
            "line": {"color": INK, "width": 2},
            "legendrank": 1,
            "meta": {"part": "history"},
        }
    points = [q for q in quotes if q.kind != "monthly-mean"]
    if points:
        ups = [(q.high or q.value) - q.value for q in points]
        downs = [q.value - (q.low or q.value) for q in points]
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": "Dated quote",
            "legendrank": 1,
            "x": [q.at.isoformat() for q in points],
            "y": [q.value for q in points],
            "text": [_quote_text(q) for q in points],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": INK, "size": 8, "line": {"color": "#fff", "width": 1}},
            "error_y": {
                "type": "data",
                "array": ups,
                "arrayminus": downs,
                "visible": any(ups) or any(downs),
                "color": MUTED,
                "thickness": 1,
                "width": 3,
            },
            "meta": {"part": "history"},
        }


def _with_gaps(means: Sequence[ShownQuote]) -> Figure:
    """Days, prices and texts; a null wherever months are missing, so that no line bridges them."""
    x: list[str] = []
    y: list[float | None] = []
    text: list[str] = []
    expected: date | None = None
    for quote in means:
        if expected is not None and quote.ds != expected:
            x.append(middle(expected).isoformat())
            y.append(None)
            text.append("")
        x.append(quote.at.isoformat())
        y.append(quote.value)
        text.append(_quote_text(quote))
        expected = next_month(quote.ds)
    return {"x": x, "y": y, "text": text}


def _quote_text(quote: ShownQuote) -> str:
    when = month(quote.ds) if quote.kind == "monthly-mean" else day(quote.ds)
    spread = (
        "" if quote.low is None or quote.high is None else f" ({price(quote.low)} to {price(quote.high)})"
    )
    return f"<b>{when}</b>, {words(quote.kind)}<br>{price(quote.value)}{spread}"


def _boundary(answer: ForecastAnswer) -> date:
    """Where the nowcast ends: with the month of issue."""
    return next_month(answer.known_at)


def _layout(
    answer: ForecastAnswer,
    quotes: Sequence[ShownQuote],
    marks: Sequence[Mark],
    background: Sequence[Background],
    unit: str,
) -> Figure:
    shapes = lines(marks, background)
    end = _boundary(answer)
    notes = [_note(end, "left", f"<b>Forecast</b>, issued {day(answer.issued_at.date())}", f"rgb({AHEAD})")]
    if answer.lag > 0:
        start = quotes[-1].at if quotes else answer.origin
        shapes.insert(0, {
            "type": "rect", "xref": "x", "yref": "paper", "x0": start.isoformat(), "x1": end.isoformat(),
            "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}, "fillcolor": "rgba(110,104,92,0.09)",
        })  # fmt: skip
        notes.append(_note(end, "right", "<b>Nowcast</b>, no quotes", f"rgb({NOWCAST})"))
    shapes.append(line(end, f"rgb({AHEAD})", "solid", 1.5))
    notes += labels(marks)
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "tickfont": {"color": MUTED}}
    first = _views(answer, quotes)["recent/linear"]
    return {
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "margin": {"l": 62, "r": 14, "t": 44, "b": 36},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": MUTED, "font": {"color": INK}},
        "legend": {"orientation": "h", "y": -0.12, "x": 0, "font": {"size": 12}},
        "xaxis": axis | {"type": "date", **first["xaxis"], "showgrid": False},
        "yaxis": axis | {
            **first["yaxis"], "tickformat": ",~g", "fixedrange": True,
            "title": {"text": unit, "font": {"size": 12, "color": MUTED}, "standoff": 6}, "automargin": True,
        },
        "separators": ".\u202f",
        "shapes": shapes,
        "annotations": notes,
        "dragmode": "pan",
    }  # fmt: skip


def _note(at: date, anchor: str, text: str, colour: str) -> Figure:
    return {
        "name": "region",
        "x": at.isoformat(),
        "y": 1,
        "xref": "x",
        "yref": "paper",
        "xanchor": anchor,
        "yanchor": "bottom",
        "xshift": 6 if anchor == "left" else -6,
        "text": text,
        "showarrow": False,
        "font": {"size": 12, "color": colour},
    }


def _views(answer: ForecastAnswer, quotes: Sequence[ShownQuote]) -> Figure:
    """What the axes of each view have of their own."""
    end = middle(answer.rows[-1].ds) + timedelta(days=20)
    recent = min(answer.known_at - timedelta(days=366 * RECENT_YEARS), answer.origin - timedelta(days=366))
    first = min([q.at for q in quotes], default=recent) - _ROOM
    recent = max(recent, min([q.at for q in quotes if q.at >= recent], default=recent) - _ROOM)
    views = {}
    for span, start in (("recent", recent), ("all", first)):
        seen = [v for q in quotes if q.at >= start for v in (q.low, q.value, q.high) if v is not None]
        seen += [v for row in answer.rows for v in (row.quantiles["q0.025"], row.quantiles["q0.975"])]
        low, high = min(seen), max(seen)
        x = [start.isoformat(), end.isoformat()]
        room = math.log10(high / low) * 0.08
        for scale, y in (
            ("linear", {"range": [0, high * 1.18]}),
            # Labels at 1, 2 and 5: every digit of every power of ten would crowd the axis.
            ("log", {"range": [math.log10(low) - room, math.log10(high) + room * 3], "dtick": "D2"}),
        ):
            views[f"{span}/{scale}"] = {"xaxis": {"range": x}, "yaxis": {"type": scale, **y}}
    return views
