"""The fan chart and the small drawing, as data."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest

from service import forecasting
from service.answers import ForecastAnswer, ForecastQuery
from service.dashboard.chart_events import Figure
from service.dashboard.charts import BANDS, figure
from service.dashboard.detail import QUANTILES
from service.dashboard.history import ShownQuote, shown_quotes
from service.dashboard.sparkline import HEIGHT, WIDTH, sparkline
from service.dashboard.timeline import Background, Mark
from tests.support.service_world import BASE, HORIZON, LAG, OUTSIDE, Server

QUERY = ForecastQuery(quantiles=QUANTILES)


def mark(number: int, on: date | None, *, state: str = "past", probability: float = 1.0) -> Mark:
    return Mark(
        number=number, event_id=f"e{number}", title="A <b>bold</b> title", event_type="threat", on=on,
        state=state, probability=probability, effect_mean=0.1, effect_low=0.0, effect_high=0.2,
        events_behind=3, joint_with=(),
    )  # fmt: skip


def world(shared: Server, series_id: str) -> tuple[ForecastAnswer, tuple[ShownQuote, ...]]:
    answer = forecasting.answer(shared.context, series_id, QUERY)
    return answer, shown_quotes(shared.context, series_id, QUERY)


def traces(fig: Figure, part: str) -> list[Figure]:
    return [t for t in fig["data"] if t["meta"]["part"] == part]


def test_bands_and_median_are_drawn_apart_for_nowcast_and_forecast(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    fig = figure(answer, quotes, ())
    for part in ("nowcast", "forecast"):
        assert [t["meta"]["range"] for t in traces(fig, part)] == ["95 % range", "80 % range", "median"]
    now, ahead = (traces(fig, part)[-1] for part in ("nowcast", "forecast"))
    assert len(now["x"]) == LAG + 1  # from the last quote
    assert now["y"][0] == quotes[-1].value
    assert len(ahead["x"]) == HORIZON + 1  # from the last nowcast, so that the two touch
    assert (now["x"][-1], now["y"][-1]) == (ahead["x"][0], ahead["y"][0])
    assert now["line"]["dash"] != ahead["line"]["dash"]
    assert ahead["y"][1:] == [row.median for row in answer.rows if not row.nowcast]


def test_a_band_is_closed_and_holds_both_ends_of_each_month(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    fig = figure(answer, quotes, ())
    for (low, high, name, _), band in zip(BANDS, traces(fig, "forecast"), strict=False):
        assert name in band["name"]
        half = len(band["x"]) // 2
        assert band["x"][:half] == band["x"][: half - 1 : -1]
        rows = answer.rows[LAG - 1 :]
        assert band["y"][:half] == [r.quantiles[high] for r in rows]
        assert band["y"][: half - 1 : -1] == [r.quantiles[low] for r in rows]


def test_dated_quotes_are_markers_and_the_fan_does_not_open_at_one(shared: Server) -> None:
    answer, quotes = world(shared, OUTSIDE)
    fig = figure(answer, quotes, ())
    (history,) = traces(fig, "history")
    assert history["mode"] == "markers"
    assert history["x"] == [q.ds.isoformat() for q in quotes]
    assert len(traces(fig, "nowcast")[-1]["x"]) == LAG


def test_missing_months_break_the_line(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    (history,) = traces(figure(answer, [*quotes[:5], *quotes[8:]], ()), "history")
    assert history["y"][4:7] == [quotes[4].value, None, quotes[8].value]
    assert history["connectgaps"] is False


def test_nowcast_is_shaded_and_both_regions_are_named(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    layout = figure(answer, quotes, ())["layout"]
    (region,) = [s for s in layout["shapes"] if s["type"] == "rect"]
    assert (region["x0"], region["x1"]) == ("2026-07-15", "2026-12-01")
    texts = " ".join(a["text"] for a in layout["annotations"])
    assert "Nowcast" in texts
    assert "issued 21 Nov 2026" in texts


def test_events_are_solid_when_they_happened_and_dashed_with_a_probability_when_not(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    marks = (
        mark(1, date(2025, 4, 4)),
        mark(2, date(2026, 12, 31), state="pending", probability=0.2),
        mark(3, None, state="pending", probability=0.5),
    )
    old = Background(event_id="o", title="old", on=date(2024, 1, 1), state="past", probability=1)
    layout = figure(answer, quotes, marks, [old])["layout"]
    lines = {s["x0"]: s["line"]["dash"] for s in layout["shapes"] if s["type"] == "line"}
    assert lines == {
        "2024-01-01": "solid",
        "2025-04-04": "solid",
        "2026-12-31": "dash",
        "2026-12-01": "solid",  # the issue
    }
    labels = [a for a in layout["annotations"] if a.get("name", "").startswith("event")]
    assert [a["text"] for a in labels] == ["1", "2: 20\u202f%"]
    assert "<b>bold" not in labels[0]["hovertext"]


def test_labels_of_neighbours_are_set_one_below_the_other(shared: Server) -> None:
    answer, quotes = world(shared, BASE)
    days = [date(2026, 1, 1), date(2026, 1, 10), date(2026, 1, 20), date(2026, 6, 1)]
    layout = figure(answer, quotes, [mark(i, d) for i, d in enumerate(days, 1)])["layout"]
    heights = [a["y"] for a in layout["annotations"] if a.get("name", "").startswith("event")]
    assert heights[0] > heights[1] > heights[2]
    assert heights[3] == heights[0]
    many = figure(answer, quotes, [mark(i, days[0]) for i in range(30)])["layout"]
    assert all(0 < a["y"] < 1 for a in many["annotations"] if a.get("name", "").startswith("event"))


@pytest.mark.parametrize("series_id", [BASE, OUTSIDE])
def test_every_view_holds_what_it_shows(shared: Server, series_id: str) -> None:
    answer, quotes = world(shared, series_id)
    fig = figure(answer, quotes, ())
    assert set(fig["views"]) == {f"{s}/{k}" for s in ("recent", "all") for k in ("linear", "log")}
    top = max(r.quantiles["q0.975"] for r in answer.rows)
    bottom = min(r.quantiles["q0.025"] for r in answer.rows)
    for view, axes in fig["views"].items():
        low, high = axes["yaxis"]["range"]
        scale = math.log10 if view.endswith("log") else float
        assert low < scale(bottom) < scale(top) < high
    assert fig["views"]["all/linear"]["xaxis"]["range"][0] < quotes[0].at.isoformat()
    json.dumps(fig, allow_nan=False)


def test_the_small_drawing_stays_in_its_box_and_breaks_at_gaps() -> None:
    quotes = [(date(2026, m, 15), 100.0 + m) for m in (1, 2, 3, 6, 7)] + [(date(2020, 1, 15), 9000.0)]
    rows = [(date(2026, m, 15), 80.0, 105.0, 150.0) for m in (8, 9, 10)]
    line = sparkline(sorted(quotes), rows, known_at=date(2026, 8, 20), as_line=True)
    assert [len(part.split()) for part in line.history] == [3, 2]  # 2020 is out of sight
    points = [p.split(",") for text in (*line.history, line.fan, line.median) for p in text.split()]
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in points)
    dots = sparkline(sorted(quotes), rows, known_at=date(2026, 8, 20), as_line=False)
    assert (dots.history, len(dots.dots)) == ((), 5)


def test_a_price_that_never_moved_can_be_drawn() -> None:
    rows = [(date(2026, 8, 15), 5.0, 5.0, 5.0)]
    drawn = sparkline([(date(2026, 7, 15), 5.0)], rows, known_at=date(2026, 8, 1), as_line=True)
    assert "nan" not in drawn.fan + drawn.median
