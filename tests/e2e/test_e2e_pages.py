"""The pages as a browser sees them: drawn, quiet, from one origin, and fit for a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.support.service_world import BASE, HORIZON, LAG, OUTSIDE, Server

pytestmark = pytest.mark.browser

DESK, TELEPHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Visit:
    """A tab, and what it complained about and asked for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str, *, drawn: bool = False) -> Page:
        """Go there; with `drawn`, wait until the chart stands."""
        self.page.goto(self.url + path)
        if drawn:
            self.page.wait_for_selector("[data-plot][data-drawn]")
        return self.page


@pytest.fixture
def visit(browser: BrowserContext, site: Server) -> Iterator[Visit]:
    page = browser.new_page()
    page.set_viewport_size(DESK)
    found = Visit(page=page, url=site.url)

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    yield found
    page.close()


def plotted(page: Page) -> list[dict[str, Any]]:
    """What plotly holds: part and range of each trace."""
    return page.evaluate("document.querySelector('[data-plot]').data.map(t => t.meta)")


PAGES = ["/", f"/series/{BASE}", f"/series/{OUTSIDE}?currency=EUR", "/alerts", "/track-record"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_quiet_and_ask_nobody_else(visit: Visit, path: str) -> None:
    page = visit.open(path, drawn=path.startswith("/series/"))
    page.wait_for_load_state("networkidle")
    assert visit.complaints == []
    assert visit.requests
    assert all(request.startswith(visit.url + "/") for request in visit.requests)


def test_the_chart_draws_bands_medians_and_history(visit: Visit) -> None:
    page = visit.open(f"/series/{BASE}", drawn=True)
    parts = [(t["part"], t.get("range")) for t in plotted(page)]
    for part in ("nowcast", "forecast"):
        assert {r for p, r in parts if p == part} == {"95 % range", "80 % range", "median"}
    filled = page.locator(".plot .scatterlayer .js-fill")
    assert filled.count() == 4
    for at in range(4):
        box = filled.nth(at).bounding_box()
        assert box is not None
        assert box["width"] > 20
        assert box["height"] > 20
    assert page.locator(".plot .scatterlayer .js-line").count() >= 3  # history and both medians


def test_nowcast_forecast_and_events_are_labelled(visit: Visit) -> None:
    page = visit.open(f"/series/{BASE}", drawn=True)
    notes = page.locator(".plot .annotation-text").all_text_contents()
    assert any("Nowcast" in note for note in notes)
    assert any("issued 21 Nov 2026" in note for note in notes)
    assert "1: 50\u202f%" in notes
    assert page.locator(".plot .shapelayer path").count() >= 3  # nowcast, issue, event
    expect(page.locator("figcaption")).to_contain_text("Nowcast")


def test_dated_quotes_are_markers(visit: Visit) -> None:
    page = visit.open(f"/series/{OUTSIDE}", drawn=True)
    assert page.locator(".plot .scatterlayer .points path.point").count() == 12


def test_the_table_holds_the_figures_of_the_api(visit: Visit, site: Server) -> None:
    page = visit.open(f"/series/{OUTSIDE}?currency=EUR&unit=tonne&tax=incl-vat", drawn=True)
    rows = site.client.get(
        f"/v1/series/{OUTSIDE}/forecast",
        params={"level": "80,95", "currency": "EUR", "unit": "tonne", "tax": "incl-vat"},
    ).json()["rows"]
    page.locator("summary", has_text="as a table").click()
    expect(page.locator("#forecast")).to_be_visible()
    shown = page.evaluate(
        "[...document.querySelectorAll('#forecast tbody tr')].map(tr => "
        "[tr.dataset.ds, ...[...tr.querySelectorAll('data')].map(d => Number(d.value))])"
    )
    keys = ("q0.1", "q0.9", "q0.025", "q0.975")
    assert shown == [[r["ds"], r["median"], *(r["quantiles"][key] for key in keys), r["mean"]] for r in rows]
    assert len(shown) == LAG + HORIZON
    assert page.locator("#forecast .nowcast").count() == LAG


def test_the_form_changes_the_basis_without_a_script(visit: Visit) -> None:
    page = visit.open(f"/series/{OUTSIDE}", drawn=True)
    page.select_option("select[name=currency]", "EUR")
    page.select_option("select[name=unit]", "tonne")
    page.click("form.basis button")
    page.wait_for_url("**currency=EUR**")
    expect(page.locator("h2#chart-title")).to_contain_text("EUR/tonne, ex VAT")
    assert page.input_value("select[name=currency]") == "EUR"
    page.click("text=All series")
    page.wait_for_url("**/?currency=EUR**")


def test_views_can_be_chosen_from_the_keyboard(visit: Visit) -> None:
    page = visit.open(f"/series/{BASE}", drawn=True)
    axis = "document.querySelector('[data-plot]').layout"
    recent = page.evaluate(f"{axis}.xaxis.range[0]")
    for name in ("All years", "Log"):
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"{axis}.yaxis.type === 'log'")
    assert page.evaluate(f"{axis}.xaxis.range[0]") < recent
    views = page.evaluate("JSON.parse(document.querySelector('[data-figure]').textContent).views")
    assert page.evaluate(f"{axis}.yaxis.range") == views["all/log"]["yaxis"]["range"]
    assert visit.complaints == []


@pytest.mark.parametrize("path", ["/", f"/series/{BASE}", f"/series/{OUTSIDE}", "/?currency=EUR", "/alerts"])
@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_nothing_scrolls_sideways(visit: Visit, path: str, size: dict[str, int]) -> None:
    visit.page.set_viewport_size(size)  # type: ignore[arg-type]
    page = visit.open(path, drawn="/series/" in path)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1] <= size["width"]


def test_the_chart_fits_a_telephone(visit: Visit) -> None:
    visit.page.set_viewport_size(TELEPHONE)  # type: ignore[arg-type]
    page = visit.open(f"/series/{BASE}", drawn=True)
    box = page.locator(".plot svg.main-svg").first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= TELEPHONE["width"]


def test_the_page_can_be_read_without_seeing_it(visit: Visit) -> None:
    page = visit.open(f"/series/{BASE}", drawn=True)
    assert page.get_by_role("group", name="History and forecast").count() == 1
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    front = visit.open("/")
    table = front.get_by_role("table")
    assert table.get_by_role("columnheader", name="In 3 months").count() == 1
    assert table.get_by_role("rowheader").count() == 2
