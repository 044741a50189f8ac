"""Reading over a real socket: series, quotes, forecasts, events, figures, as JSON and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist

import numpy as np
import pytest

from data.store import forecasts as store
from data.store import runs
from tests.support.service_world import (
    BASE,
    HORIZON,
    ISSUED,
    LAG,
    MONTHS,
    OUTSIDE,
    TODAY,
    Server,
    forecast,
    month,
)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_series_say_basis_and_age(shared: Server) -> None:
    found = shared.client.get("/v1/series").raise_for_status().json()
    one = {s["series_id"]: s for s in found["series"]}[BASE]
    assert (one["currency"], one["unit"], one["tax_basis"]) == ("CNY", "kg", "incl-vat")
    assert one["n_quotes"] == MONTHS
    assert one["last_quote"]["ds"] == "2026-07-01"
    assert one["last_quote"]["age_days"] == (TODAY - month(MONTHS)).days + 1
    alone = shared.client.get(f"/v1/series/{BASE}").json()
    assert alone["freshness"]["state"] in ("late", "dead")
    assert one == alone | {"freshness": None}, (
        "how fresh it is takes all its quotes, so the list leaves it out"
    )


def test_observations_as_they_were_known(shared: Server) -> None:
    path = f"/v1/series/{BASE}/observations"
    everything = shared.client.get(path).json()["observations"]
    then = shared.client.get(path, params={"as_of": "2026-06-30"}).json()["observations"]
    assert len(everything) == MONTHS
    assert [q["ds"] for q in then] == [q["ds"] for q in everything if q["available_on"] <= "2026-06-30"]
    before = shared.client.get(path, params={"recorded_by": "2026-11-01T00:00:00Z"}).json()["observations"]
    assert before == []
    narrow = shared.client.get(path, params={"start": "2026-01-01", "end": "2026-03-31"}).json()[
        "observations"
    ]
    assert [q["ds"] for q in narrow] == ["2026-01-01", "2026-02-01", "2026-03-01"]


@pytest.mark.parametrize("how", ["parameter", "header"])
def test_csv_by_parameter_and_by_header(shared: Server, how: str) -> None:
    params = {"format": "csv"} if how == "parameter" else {}
    headers = {"Accept": "text/csv, application/json;q=0.5"} if how == "header" else {}
    quotes = f"/v1/series/{BASE}/observations"
    for path in (quotes, f"/v1/series/{BASE}/forecast", "/v1/forecasts", "/v1/events",
                 "/v1/backtests", "/v1/series"):  # fmt: skip
        answer = shared.client.get(path, params=params, headers=headers).raise_for_status()
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert table(answer.text)


def test_forecast_counts_from_the_issue_date(shared: Server) -> None:
    found = shared.client.get(f"/v1/series/{BASE}/forecast", params={"horizon": 3, "level": "80"}).json()
    assert found["lag"] == LAG
    assert found["horizon"] == 3
    assert [r["step"] for r in found["rows"]] == list(range(1 - LAG, 4))
    assert [r["nowcast"] for r in found["rows"]] == [True] * LAG + [False] * 3
    assert found["rows"][LAG]["ds"] == "2026-12-01"
    assert list(found["rows"][0]["quantiles"]) == ["q0.1", "q0.5", "q0.9"]
    assert found["last_quote"]["age_days"] > 100
    assert found["caveats"][0] == "A made-up caveat."
    assert found["events"][0]["probability"] == 0.5
    assert found["model"]["weights"] == {"rw": [1.0] * (LAG + 3)}
    assert found["calibration"]["n_errors"] == 40


def test_stored_quantiles_come_back_as_stored_and_others_lie_between(shared: Server) -> None:
    want = forecast(BASE, 1)
    text = ",".join(f"{q:g}" for q in (*want.quantiles, 0.33))
    rows = shared.client.get(f"/v1/series/{BASE}/forecast", params={"quantiles": text}).json()["rows"]
    for k, row in enumerate(rows):
        for q, value in zip(want.quantiles, want.values[k], strict=True):
            assert row["quantiles"][f"q{q:g}"] == pytest.approx(value, rel=1e-12)
        values = list(row["quantiles"].values())
        assert values == sorted(values)
        assert values[0] > 0


def test_unit_tax_and_currency(shared: Server) -> None:
    path = f"/v1/series/{BASE}/forecast"
    own = shared.client.get(path).json()
    tonne = shared.client.get(path, params={"unit": "tonne"}).json()
    bare = shared.client.get(path, params={"tax": "ex-vat"}).json()
    usd = shared.client.get(path, params={"currency": "USD"}).json()
    eur = shared.client.get(path, params={"currency": "EUR"}).json()
    for k in range(LAG + HORIZON):
        median = own["rows"][k]["median"]
        assert tonne["rows"][k]["median"] == pytest.approx(1000 * median)
        assert bare["rows"][k]["median"] == pytest.approx(median / 1.13)
        # the stored rate paths of this world are flat: 7 CNY and 0.9 EUR per USD
        assert usd["rows"][k]["median"] == pytest.approx(median / 7, rel=2e-3)
        assert eur["rows"][k]["median"] == pytest.approx(0.9 * median / 7, rel=2e-3)
    assert own["exchange_rate"] is None
    assert usd["exchange_rate"]["pair"] == "USD per CNY"
    assert usd["exchange_rate"]["last_month"] == "2026-06-01"
    assert usd["exchange_rate"]["carried_forward"] is True
    assert usd["basis"] == {"currency": "USD", "unit": "kg", "tax": "incl-vat"}
    assert usd["own_basis"]["currency"] == "CNY"
    # July has no published rate: June's stands in, and the answer says so
    last = own["last_quote"]["value"]
    assert usd["last_value"] == pytest.approx(last * usd["exchange_rate"]["last_rate"])
    assert any("carried forward to 2026-07" in caveat for caveat in usd["caveats"])
    assert tonne["last_value"] == pytest.approx(1000 * own["last_quote"]["value"])


def test_uncertain_rate_widens_a_converted_range(server: Server) -> None:
    with server.context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="another")
        runs.claim(conn, now=ISSUED, worker="test")
        made = forecast(BASE, run_id, issued_at=ISSUED + timedelta(hours=1))
        store.save(conn, made)
        walk = np.random.default_rng(9).normal(0, 0.05, made.paths.shape).cumsum(axis=1)
        store.save_fx_paths(conn, run_id, list(made.periods), {"CNY": 7 * np.exp(walk)})
    path = f"/v1/series/{BASE}/forecast"
    own = server.client.get(path, params={"level": "80"}).json()["rows"][-1]["quantiles"]
    usd = server.client.get(path, params={"level": "80", "currency": "USD"}).json()["rows"][-1]["quantiles"]
    joint = made.paths[:, -1] / (7 * np.exp(walk[:, -1]))
    width, wanted = (
        np.log(usd["q0.9"] / usd["q0.1"]),
        np.log(np.quantile(joint, 0.9) / np.quantile(joint, 0.1)),
    )
    assert width == pytest.approx(wanted, rel=0.06)
    assert width > 1.3 * np.log(own["q0.9"] / own["q0.1"])


def test_a_price_that_never_moves_has_the_range_of_the_rate(server: Server) -> None:
    with server.context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="another")
        made = forecast(BASE, run_id, issued_at=ISSUED + timedelta(hours=1))
        flat = {name: np.full_like(getattr(made, name), 500.0) for name in ("values", "mean", "paths")}
        store.save(conn, replace(made, **flat))
        walk = np.random.default_rng(9).normal(0, 0.05, made.paths.shape).cumsum(axis=1)
        store.save_fx_paths(conn, run_id, list(made.periods), {"CNY": 7 * np.exp(walk)})
    path = f"/v1/series/{BASE}/forecast"
    usd = server.client.get(path, params={"level": "80", "currency": "USD"}).json()["rows"][-1]["quantiles"]
    wanted = 2 * NormalDist().inv_cdf(0.9) * walk[:, -1].std()
    assert np.log(usd["q0.9"] / usd["q0.1"]) == pytest.approx(wanted, rel=1e-3)


def test_forecast_as_of_is_the_one_issued_then(server: Server) -> None:
    with server.context.engine.begin() as conn:
        run_id = runs.request(conn, requested_at=ISSUED, reason="later")
        later = ISSUED + timedelta(days=2)
        store.save(conn, forecast(BASE, run_id, issued_at=later, level=900.0))
    path = f"/v1/series/{BASE}/forecast"
    assert server.client.get(path).json()["run_id"] == run_id
    assert server.client.get(path, params={"as_of": "2026-11-22"}).json()["run_id"] == run_id - 1
    refused = server.client.get(path, params={"as_of": "2026-11-01"})
    assert refused.status_code == 409


def test_all_forecasts_name_what_is_left_out(shared: Server) -> None:
    found = shared.client.get("/v1/forecasts", params={"horizon": 1}).json()
    assert {f["series_id"] for f in found["forecasts"]} == {BASE, OUTSIDE}
    early = shared.client.get("/v1/forecasts", params={"as_of": "2020-01-01"}).json()
    assert {item["series_id"] for item in early["left_out"]} == {BASE, OUTSIDE}


def test_events_as_the_public_knew_them(shared: Server) -> None:
    path = "/v1/events/CN-TEST-LICENCE"
    assert shared.client.get(path).json()["stage"] == "suspended"
    assert shared.client.get(path, params={"as_of": "2025-06-01"}).json()["stage"] == "effective"
    assert shared.client.get(path, params={"as_of": "2025-04-03"}).status_code == 404
    assert shared.client.get("/v1/events", params={"as_of": "2025-04-03"}).json()["events"] == []
    assert shared.client.get(path).json()["rule"]["event_type"] == "export-barrier"


def test_figures_and_runs(shared: Server) -> None:
    found = shared.client.get("/v1/backtests").json()
    assert len(found["scores"]) == 2
    assert found["scores"][0]["step"] is None
    only = shared.client.get("/v1/backtests", params={"model": "rw"}).json()["scores"]
    assert [(s["model"], s["step"]) for s in only] == [("rw", 1)]
    runs_found = shared.client.get("/v1/training-runs").json()["runs"]
    assert runs_found[0]["state"] == "done"
    assert shared.client.get(f"/v1/training-runs/{found['run_id']}").json() == runs_found[0]


def test_health_and_readiness(shared: Server) -> None:
    assert shared.client.get("/healthz").json()["status"] == "ok"
    ready = shared.client.get("/readyz").json()
    assert (ready["series"], ready["series_with_forecast"]) == (2, 2)


def test_every_answer_carries_the_security_headers(shared: Server) -> None:
    for path in ("/healthz", "/v1/series", "/nowhere"):
        headers = shared.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
