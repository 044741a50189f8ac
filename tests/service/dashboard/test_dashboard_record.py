"""The page of the track record says what the API says, and what is no record."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from service.record.score import score_due
from service.settings import Settings
from tests.support.record_world import ABOVE, LEVEL, at, came, run
from tests.support.service_world import BASE, Server


def words(page: str) -> str:
    """The text of a page in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " "))


def test_before_anything_came_it_says_so_and_where_replays_are(shared: Server) -> None:
    page = shared.client.get("/track-record").raise_for_status().text
    assert "Nothing scored yet" in page
    assert 'href="/track-record?record=replays"' in page
    assert 'href="/track-record"' in shared.client.get("/").text, "every page leads there"


def test_figures_reasons_and_ranges(settings: Settings, start: Callable[[Settings], Server]) -> None:
    server = start(settings)
    for month in ("2026-12", "2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06", "2027-07"):
        run(server.context, f"{month}-10", 0.1)
        came(server.context, BASE, month, LEVEL * ABOVE, recorded="2027-08-02")
    score_due(server.context, now=at("2027-08-03"))
    page = server.client.get("/track-record").raise_for_status().text
    found = server.client.get("/v1/track-record").raise_for_status().json()
    by_series = page.split("<h2>By series</h2>")[1].split("</section>")[0]
    shown = [float(v) for v in re.findall(r'<data value="([^"]+)"', by_series)]
    groups = [found["overall"], *(g["figures"] for g in found["groups"] if g["by"] == "series")]
    names = ("skill", "pinball", "walk_pinball", "coverage_80", "coverage_95", "direction")
    assert shown == [group[name] for group in groups for name in names]
    said = words(page)
    assert f"{found['issued']} forecasts since 21 Nov 2026, 09:00 UTC" in said
    assert "Ranges in service" in said
    assert "as it should" in said
    assert "10.0% less pinball loss than the random walk over 24 cutoffs" in said.split("Who speaks")[1]


def test_an_unknown_choice_is_answered_in_words(shared: Server) -> None:
    found = shared.client.get("/track-record", params={"record": "dreams"})
    assert found.status_code == 422
    assert "live, replays, all" in words(found.text)
