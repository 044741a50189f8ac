"""What a premium is made of, over a real socket and on the command line."""

from __future__ import annotations

import csv
import io

import pytest

from data.store import forecasts as store
from data.store import runs
from tests.support.service_world import BASE, ISSUED, OUTSIDE, Server, forecast, premium

PATH = f"/v1/series/{OUTSIDE}/premium"
PARTS = ["base", "controls", "source_change", "drift"]


def test_the_answer_is_what_the_run_stored_and_adds_up(shared: Server) -> None:
    found = shared.client.get(PATH).raise_for_status().json()
    stored = premium()
    for name in ("reference_day", "day", "path", "labels", "sources", "sensitivity", "notes"):
        assert found[name] == stored[name]
    assert (found["base_series"], found["basis"]["currency"], found["basis"]["tax"]) == (
        BASE,
        "USD",
        "ex-vat",
    )
    assert (found["reference_day"], found["known_at"]) == ("2025-04-03", "2026-11-21")
    last = found["path"][-1]
    assert last["day"] == found["day"]
    assert [p["name"] for p in last["parts"]] == PARTS
    for field in ("mean", "per_unit"):
        values = [
            p[field] if field == "mean" else p[field]["mean"] for p in (*last["parts"], last["premium"])
        ]
        assert sum(values[:-1]) == pytest.approx(values[-1])
    # the price outside over the Chinese one incl. 13 % VAT
    price = last["base_price"] + last["premium"]["per_unit"]["mean"]
    assert last["multiple_incl_vat"]["mean"] == pytest.approx(price / (1.13 * last["base_price"]))
    assert {c["prior"] for c in found["sensitivity"]} >= {"step_mean", "offset_sd", "easing_sd"}


def test_csv_has_one_row_a_day_and_part(shared: Server) -> None:
    answer = shared.client.get(PATH, params={"format": "csv"}).raise_for_status()
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    found = shared.client.get(PATH).json()
    last = [r for r in rows if r["day"] == found["day"]]
    steps = ["CN-TEST-LICENCE", "CN-TEST-LICENCE:lifting"]
    assert [r["part"] for r in last] == ["base", "controls", *steps, "source_change", "drift", "premium"]
    assert {r["part"]: r["label"] for r in last if r["part"] in PARTS} == found["labels"]
    assert not any(r["label"] for r in rows if r["day"] != found["day"])
    assert float(last[-1]["multiple_incl_vat"]) == found["path"][-1]["multiple_incl_vat"]["mean"]
    assert not rows[0]["per_unit_mean"]  # the eve of the control had no quote


def test_a_chinese_series_has_no_premium(shared: Server) -> None:
    answer = shared.client.get(f"/v1/series/{BASE}/premium")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["field"], found["found"]) == ("series_id", BASE)
    assert OUTSIDE in found["allowed"]
    assert shared.client.get("/v1/series/none/premium").status_code == 404


def test_a_premium_is_that_of_the_forecast_asked_for(server: Server) -> None:
    early = server.client.get(PATH, params={"as_of": "2026-11-20"})
    assert early.status_code == 409
    assert "issued by 2026-11-20" in early.json()["detail"]
    with server.context.engine.begin() as conn:  # a newer forecast, by a version that said nothing of it
        run_id = runs.request(conn, requested_at=ISSUED, reason="later")
        store.save(conn, forecast(OUTSIDE, run_id, issued_at=ISSUED.replace(day=23)))
    assert server.client.get(PATH).status_code == 409
    assert server.client.get(PATH, params={"as_of": "2026-11-21"}).json()["run_id"] == run_id - 1


def test_the_page_of_the_series_shows_the_table(shared: Server) -> None:
    page = shared.client.get(f"/series/{OUTSIDE}").raise_for_status().text
    assert "What the premium is made of" in page
    table = page.partition('id="premium"')[2].partition("</table>")[0]
    assert table.count('scope="row"') == 7  # four parts, two controls, the sum
    assert "change of source" in table
    assert "What the premium is made of" not in shared.client.get(f"/series/{BASE}").text
