"""Pages over a real socket: what they say, how they refuse, what they may load."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from sqlalchemy import delete

from data.store import runs, tables
from data.store.runs import RunProgress
from service.answers import NOTICE
from service.dashboard.assets import address
from service.settings import Settings
from tests.support.service_world import BASE, ISSUED, OUTSIDE, Server

PATHS = ("/", f"/series/{BASE}", f"/series/{OUTSIDE}?currency=EUR&unit=tonne&tax=incl-vat", "/track-record")


def words(page: str) -> str:
    """The text of a page in one line, without scripts."""
    page = re.sub(r"<script.*?</script>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u202f", " "))


def values(row: str) -> list[float]:
    return [float(v) for v in re.findall(r'<data value="([^"]+)"', row)]


def test_the_front_page_shows_each_series_with_age_lag_and_ranges(shared: Server) -> None:
    page = shared.client.get("/").raise_for_status().text
    said = words(page)
    assert "Issued 21 Nov 2026, 09:00 UTC" in said
    assert "Made-up Nd oxide, China CNY/kg, incl. VAT" in said
    assert "116 days old" in said
    assert "lag 4 months" in said
    assert "beyond the forecast" in said  # 12 months of 6
    assert "Random walk" in said
    assert f'href="/series/{BASE}#caveats"' in page
    rows = {name: row for row in page.split('<tr role="row"')[2:] for name in (BASE, OUTSIDE) if name in row}
    for series_id, row in rows.items():
        found = shared.client.get(f"/v1/series/{series_id}/forecast", params={"level": "80"}).json()["rows"]
        ahead = [r for r in found if r["step"] in (1, 3, 6)]
        assert values(row) == [
            v for r in ahead for v in (r["median"], r["quantiles"]["q0.1"], r["quantiles"]["q0.9"])
        ]


def test_the_series_page_says_what_the_api_says(shared: Server) -> None:
    page = shared.client.get(f"/series/{BASE}").raise_for_status().text
    rows = re.findall(r'<tr[^>]* data-ds="([^"]+)">(.*?)</tr>', page, re.DOTALL)
    found = shared.client.get(f"/v1/series/{BASE}/forecast", params={"level": "80,95"}).json()["rows"]
    assert [day for day, _ in rows] == [r["ds"] for r in found]
    for (_, row), r in zip(rows, found, strict=True):
        q = r["quantiles"]
        assert values(row) == [r["median"], q["q0.1"], q["q0.9"], q["q0.025"], q["q0.975"], r["mean"]]
        assert ("nowcast" in row) == r["nowcast"]


def test_the_series_page_says_what_stands_behind_it(shared: Server) -> None:
    said = words(shared.client.get(f"/series/{BASE}").text)
    assert "A made-up caveat." in said
    assert "Made-up licence" in said
    assert "pending, 50 %" in said
    assert "+11 %" in said
    assert "−10 % to +35 %" in said
    assert "2 prior-led" in said
    assert "errors of this series: 40 past errors" in said
    assert "ETS: made up" in said
    assert "monthly mean, Jul 2026 116 days old, lag 4 months" in said


def test_links_give_the_same_basis_and_work(shared: Server) -> None:
    page = (
        shared.client.get(f"/series/{OUTSIDE}", params={"currency": "EUR", "tax": ""}).raise_for_status().text
    )
    assert "EUR/kg, ex VAT" in words(page)
    links = [unescape(link) for link in re.findall(r'href="(/[^"#]*)"', page)]
    forecast = [link for link in links if "/forecast?" in link]
    assert len(forecast) == 2
    assert all("currency=EUR" in link for link in forecast)
    for link in {*links} - {"/openapi.json"}:
        shared.client.get(link).raise_for_status()
    assert 'href="/?currency=EUR"' in page


def test_a_basis_is_kept_on_the_way_to_a_series(shared: Server) -> None:
    page = shared.client.get("/", params={"currency": "EUR", "unit": "tonne"}).raise_for_status().text
    assert f'href="/series/{BASE}?currency=EUR&amp;unit=tonne"' in page
    assert '<option value="EUR" selected>' in page


@pytest.mark.parametrize("path", PATHS)
def test_pages_load_nothing_from_elsewhere_and_hold_no_script(shared: Server, path: str) -> None:
    found = shared.client.get(path).raise_for_status()
    policy = found.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    page = found.text
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
    assert not re.findall(r"\son[a-z]+=|\sstyle=|javascript:", page)
    scripts = re.findall(r"<script([^>]*)>", page)
    assert all("src=" in s or 'type="application/json"' in s for s in scripts)
    assert found.headers["cache-control"] == "no-store"


def test_the_chart_data_is_json_that_cannot_end_its_block(shared: Server) -> None:
    page = shared.client.get(f"/series/{BASE}").text
    (block,) = re.findall(r'<script type="application/json" data-figure>(.*?)</script>', page, re.DOTALL)
    assert "<" not in block
    assert {"data", "layout", "views"} == set(json.loads(block))


def test_files_are_kept_for_good_by_their_mark(shared: Server) -> None:
    for name, start in (
        ("page.css", ":root"),
        ("chart.js", '"use strict"'),
        ("plotly.js", "/**\n* plotly.js"),
    ):
        found = shared.client.get(address(name)).raise_for_status()
        assert "immutable" in found.headers["cache-control"]
        assert found.text.startswith(start)
        assert found.headers["content-encoding"] == "gzip"
        assert len(gzip.compress(found.content)) < len(found.content)
        plain = shared.client.get(address(name), headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == found.content
    old = shared.client.get("/static/000000000000/page.css").raise_for_status()
    assert old.headers["cache-control"] == "no-cache"
    assert shared.client.get("/static/x/passwd").status_code == 404
    assert shared.client.get("/static/x/..%2Fpages.py").status_code == 404


def test_an_unknown_series_is_answered_in_words(shared: Server) -> None:
    found = shared.client.get("/series/<b>none")
    assert found.status_code == 404
    assert found.headers["content-type"].startswith("text/html")
    assert "There is nothing by that name" in found.text
    assert BASE in found.text
    assert "<b>none" not in found.text.replace("<b>&lt;b&gt;none", "")


def test_a_basis_that_does_not_exist_is_answered_in_words(shared: Server) -> None:
    found = shared.client.get("/", params={"currency": "GBP"})
    assert found.status_code == 422
    assert "GBP" in words(found.text)
    assert "CNY, EUR, USD" in words(found.text)


def test_head_is_answered(shared: Server) -> None:
    found = shared.client.head("/")
    assert (found.status_code, found.content) == (200, b"")


def test_pages_are_no_part_of_the_api_description(shared: Server) -> None:
    assert all(
        p.startswith(("/v1/", "/healthz", "/readyz"))
        for p in shared.client.get("/openapi.json").json()["paths"]
    )


class TestBeforeTheFirstForecast:
    """A database with prices and no forecast."""

    @pytest.fixture
    def young(self, settings: Settings, start: Callable[[Settings], Server]) -> Server:
        server = start(settings)
        made = (tables.forecast, tables.fx_path, tables.backtest_score, tables.run_fact)
        with server.context.engine.begin() as conn:
            for table in (*made, tables.run):
                conn.execute(delete(table))
        return server

    def test_without_a_run_it_says_how_to_start_one(self, young: Server) -> None:
        page = young.client.get("/").raise_for_status().text
        assert "ytterby train" in page
        assert 'http-equiv="refresh"' not in page
        assert "116 days old" in words(page)
        assert "No forecast yet" in page

    def test_while_training_it_says_so_and_renews_itself(self, young: Server) -> None:
        with young.context.engine.begin() as conn:
            runs.request(conn, requested_at=ISSUED, reason="test")
        assert "queued" in words(young.client.get("/").text)
        with young.context.engine.begin() as conn:
            mine = runs.claim(conn, now=ISSUED, worker="test")
            assert mine is not None
            told = RunProgress(
                stage="models", done=3, total=12, series=BASE, model="ets", share=0.25, seconds_left=42.4
            )
            runs.progress(conn, mine, told)
        for path, status in (("/", 200), (f"/series/{BASE}", 409)):
            found = young.client.get(path)
            assert found.status_code == status
            said = f"Training is running: fits, 3 of 12 done: ets on {BASE}, about 42 s left."
            assert said in words(found.text)
            assert '<progress value="0.25" max="1"' in found.text
            assert re.search(r'<meta http-equiv="refresh" content="\d+">', found.text)

    def test_a_cancelled_run_says_so(self, young: Server) -> None:
        with young.context.engine.begin() as conn:
            run_id = runs.request(conn, requested_at=ISSUED, reason="test")
            runs.cancel(conn, run_id, finished_at=ISSUED)
        page = young.client.get("/").text
        assert "The last training run was cancelled. Start another with ytterby train" in words(page)
        assert 'http-equiv="refresh"' not in page

    def test_a_failed_run_gives_its_reason(self, young: Server) -> None:
        with young.context.engine.begin() as conn:
            runs.request(conn, requested_at=ISSUED, reason="test")
            mine = runs.claim(conn, now=ISSUED, worker="test")
            assert mine is not None
            runs.fail(conn, mine, finished_at=ISSUED, error="no <price> at all")
        page = young.client.get("/").text
        assert "no &lt;price&gt; at all" in page
        assert 'http-equiv="refresh"' not in page


def test_reading_asks_for_a_key_where_it_is_not_open(
    settings: Settings, start: Callable[[Settings], Server]
) -> None:
    closed = start(settings.model_copy(update={"embedded": False}))
    found = closed.client.get("/")
    assert found.status_code == 401
    assert "asks for a key" in found.text
    assert closed.client.get("/", headers=closed.writer).status_code == 200
    assert closed.client.get(address("page.css")).status_code == 200


def test_the_notice_stands_on_every_page_while_demonstration_data_is_stored(
    settings: Settings, start: Callable[[Settings], Server]
) -> None:
    from data.reference.load import load_reference

    server = start(settings)
    assert "Demonstration data" not in server.client.get("/").text
    with server.context.engine.begin() as conn:
        load_reference(conn, ISSUED)
    for path in PATHS:
        assert NOTICE.partition(":")[2].strip() in words(server.client.get(path).text)
    said = words(server.client.get("/").text)
    assert "yearly reference series, not forecast" in said
    yearly = server.client.get("/series/dy-oxide-usgs")
    assert yearly.status_code == 404
    assert "yearly figures are shown only" in words(yearly.text)
