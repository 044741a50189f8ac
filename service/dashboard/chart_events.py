"""Events on the fan chart: lines at their days and labels at the heads of the lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from service.dashboard.numbers import day, percent, words
from service.dashboard.timeline import Background, Mark

HAPPENED, OPEN = "#7a5a1e", "#b3261e"
HAPPENED_LINE, FAINT_LINE = "rgba(138,106,47,0.5)", "rgba(138,106,47,0.2)"
#: Most rows of event labels, and the days that one covers at the usual width: a number, or a probability too.
_LEVELS, _NARROW, _WIDE = 7, timedelta(days=40), timedelta(days=100)

#: A piece of a figure, as plotly reads it.
Figure = dict[str, Any]


def lines(marks: Sequence[Mark], background: Sequence[Background]) -> list[Figure]:
    """A line for each event: solid when it has happened, dashed when not, faint in the background."""
    faint = [line(b.on, FAINT_LINE, "solid" if b.state == "past" else "dash", 1) for b in background]
    return faint + [
        line(m.on, HAPPENED_LINE, "solid", 1) if m.certain else line(m.on, OPEN, "dash", 1.5)
        for m in marks
        if m.on is not None
    ]


def line(on: date, colour: str, dash: str, width: float) -> Figure:
    """A vertical line over the whole height."""
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": on.isoformat(),
        "x1": on.isoformat(),
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": colour, "dash": dash, "width": width},
    }


def _levels(dated: Sequence[tuple[Mark, date]]) -> Iterator[int]:
    """A row for the label of each mark, from the top, so that neighbours do not cover each other."""
    taken: list[date] = []  # day to which each row is covered
    for mark, on in dated:
        half = (_NARROW if mark.certain else _WIDE) / 2
        free = [row for row, until in enumerate(taken) if on - half >= until]
        if free:
            row = free[0]
        elif len(taken) < _LEVELS:
            row = len(taken)
            taken.append(on)
        else:
            row = taken.index(min(taken))
        taken[row] = on + half
        yield row


def labels(marks: Sequence[Mark]) -> Iterator[Figure]:
    """Labels at the head of the event lines."""
    dated = [(mark, mark.on) for mark in marks if mark.on is not None]
    for (mark, on), row in zip(dated, _levels(dated), strict=True):
        colour = HAPPENED if mark.certain else OPEN
        yield {
            "name": "event, happened" if mark.certain else "event, open",
            "x": on.isoformat(),
            "y": 0.985 - 0.056 * row,
            "xref": "x",
            "yref": "paper",
            "yanchor": "top",
            "text": mark.label,
            "hovertext": _text(mark),
            "captureevents": True,
            "showarrow": False,
            "bgcolor": "rgba(255,255,255,0.9)",
            "bordercolor": colour,
            "borderpad": 2,
            "borderwidth": 1,
            "font": {"size": 11, "color": colour},
        }


def _text(mark: Mark) -> str:
    when = "no date" if mark.on is None else day(mark.on)
    state = words(mark.state) + ("" if mark.certain else f", probability {percent(mark.probability)}")
    cut = mark.title if len(mark.title) <= 90 else mark.title[:89] + "…"
    # Plotly reads a few tags in hover texts; a title must not smuggle any in.
    title = cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<b>{mark.number}</b> {title}<br>{when}, {state}"
