"""Sources over the API and from the command line; workbooks on every way in; how fresh a series is. On both
databases where something is written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import xlsxwriter
from typer.testing import CliRunner

from data.reference.load import load_reference
from service.cli import app
from service.ingest import EXCEL
from service.settings import Settings
from tests.support.awkward_source import AwkwardSource, awkward_source
from tests.support.service_world import BASE, TODAY, Server

DESK: dict[str, Any] = {
    "source_id": "desk", "label": "Desk", "format": "csv", "series_id": BASE,
    "columns": {"ds": "Month", "y": "Price"}, "currency": "CNY",
}  # fmt: skip
PRICES = b"Month,Price\n2026-08-01,500\n2026-09-01,505\n"
QUOTES = f"/v1/series/{BASE}/observations"


@pytest.fixture
def origin() -> Iterator[AwkwardSource]:
    """A server that prices are pulled from."""
    with awkward_source() as running:
        running.gives("/prices.csv", PRICES, ETag='"1"')
        yield running


@pytest.fixture
def server(settings: Settings, start: Callable[[Settings], Server], database_url: str) -> Server:
    """A running service on each database in turn, which may call loopback."""
    return start(
        settings.model_copy(update={"database_url": database_url, "allowed_networks": "127.0.0.0/8"})
    )


def put(server: Server, content: dict[str, Any], tag: str | None) -> httpx2.Response:
    body = {name: value for name, value in content.items() if name != "source_id"}
    headers = server.writer | ({} if tag is None else {"If-Match": tag})
    return server.client.put("/v1/sources/desk", json=body, headers=headers)


def test_a_source_is_made_changed_pulled_and_removed(server: Server, origin: AwkwardSource) -> None:
    made = server.client.post(
        "/v1/sources", json=DESK | {"url": origin.url("/prices.csv")}, headers=server.writer
    )
    assert made.status_code == 201, made.text
    where, tag = made.headers["location"], made.headers["etag"]
    read = server.client.get(where)
    assert (read.json(), read.headers["etag"]) == (made.json(), tag)
    assert read.json()["due_at"] is not None
    result = server.client.post(f"{where}/pull", headers=server.writer).json()
    assert (result["outcome"], result["rows"], result["added"]) == ("taken", 2, 2), result
    assert server.client.get(QUOTES).json()["observations"][-1]["source"] == "Desk"
    assert server.client.get("/v1/sources").json()["sources"][0]["results"] == [result]
    changed = DESK | {"url": origin.url("/prices.csv"), "every_minutes": 60}
    assert put(server, changed, None).status_code == 428
    assert put(server, changed, '"9"').status_code == 412
    again = put(server, changed, tag)
    assert (again.status_code, again.headers["etag"], again.json()["every_minutes"]) == (200, '"2"', 60)
    assert put(server, changed, tag).status_code == 412
    gone = server.client.delete(where, headers=server.writer | {"If-Match": '"2"'})
    assert gone.status_code == 204
    assert server.client.get(where).status_code == 404
    assert len(server.client.get(QUOTES).json()["observations"]) == 62, "its quotes stay"


def test_what_was_kept_apart_is_read_accepted_and_dismissed(server: Server, origin: AwkwardSource) -> None:
    where = "/v1/sources/desk"
    given = DESK | {"url": origin.url("/prices.csv"), "max_shrink": 0.4}
    server.client.post("/v1/sources", json=given, headers=server.writer).raise_for_status()
    server.client.post(f"{where}/pull", headers=server.writer)
    origin.gives("/prices.csv", b"<html>Maintenance</html>")
    first = server.client.post(f"{where}/pull", headers=server.writer).json()
    assert first["outcome"] == "quarantined"
    page = f"/v1/quarantine/{first['quarantine_id']}"
    shown = server.client.get(page).json()
    assert (shown["kind"], shown["excerpt"]) == ("html", "<html>Maintenance</html>")
    refused = server.client.post(f"{page}/accept", headers=server.writer)
    assert refused.status_code == 422
    assert server.client.post(f"{page}/dismiss", headers=server.writer).json()["state"] == "dismissed"
    assert server.client.post(f"{page}/dismiss", headers=server.writer).status_code == 409
    origin.gives("/prices.csv", b"Month,Price\n2026-10-01,510\n")
    short = server.client.post(f"{where}/pull", headers=server.writer).json()
    assert short["reason"] == "half: 1 rows; the file before had 2, allowed: at least 1.2"
    listed = server.client.get("/v1/quarantine", params={"state": "held", "source_id": "desk"}).json()[
        "files"
    ]
    assert [one["quarantine_id"] for one in listed] == [short["quarantine_id"]]
    page = f"/v1/quarantine/{short['quarantine_id']}"
    accepted = server.client.post(f"{page}/accept", headers=server.writer).json()
    assert (accepted["outcome"], accepted["added"]) == ("taken", 1)
    assert server.client.get(page).json()["decided_by"] == "test desk"
    assert server.client.post(f"{where}/pull", headers=server.writer).json()["outcome"] == "unchanged"


def test_a_created_source_is_created_once(server: Server) -> None:
    headers = server.writer | {"Idempotency-Key": "one"}
    made = [server.client.post("/v1/sources", json=DESK, headers=headers) for _ in range(2)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json() == made[1].json()
    other = server.client.post("/v1/sources", json=DESK, headers=server.writer)
    assert (other.status_code, other.json()["field"]) == (422, "source_id")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://169.254.169.254/x"}, "url"),
        ({"url": "https://10.0.0.1/x"}, "url"),
        ({"url": "https://user:pass@desk.example/x"}, "url"),
        ({"series_id": "nope"}, "series_id"),
        ({"currency": "USD"}, "currency"),
        ({"every_minutes": 1}, "every_minutes"),
        ({"columns": {"day": "Month"}}, "columns"),
        ({"credential": {"variable": "PATH"}, "url": "https://desk.example/x"}, "credential.variable"),
        ({"credential": {"variable": "YTTERBY_SOURCE_X", "value": "secret"}}, "credential.value"),
        ({"retries": 3}, "retries"),
    ],
)
def test_a_description_that_cannot_be_is_refused_by_name(
    shared: Server, changes: dict[str, Any], field: str
) -> None:
    found = shared.client.post("/v1/sources", json=DESK | changes, headers=shared.writer)
    assert found.status_code == 422, found.text
    assert found.json()["field"] == field
    assert found.json()["allowed"]


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/v1/sources/nope", 404, "source_id"),
        ("POST", "/v1/sources/nope/pull", 404, "source_id"),
        ("GET", "/v1/quarantine/99", 404, "quarantine_id"),
        ("POST", "/v1/quarantine/99/accept", 404, "quarantine_id"),
        ("GET", "/v1/quarantine?source_id=nope", 404, "source_id"),
        ("GET", "/v1/quarantine?state=lost", 422, "state"),
    ],
)
def test_what_is_not_there_is_named(shared: Server, method: str, path: str, status: int, field: str) -> None:
    found = shared.client.request(method, path, headers=shared.writer)
    assert (found.status_code, found.json()["field"]) == (status, field)


@pytest.mark.parametrize(
    "path", ["/v1/sources/x/pull", "/v1/quarantine/1/accept", "/v1/quarantine/1/dismiss"]
)
def test_deciding_needs_a_key_that_may_write(shared: Server, path: str) -> None:
    assert shared.client.post(path).status_code == 401


def workbook(*rows: tuple[object, ...]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("unique_id", "ds", "y"), *rows]):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def test_a_workbook_is_posted_like_csv(server: Server) -> None:
    body = workbook((BASE, date(2026, 8, 1), 500.5), (BASE, "2026-09-01", "x"))
    headers = server.writer | {"Content-Type": EXCEL}
    found = server.client.post(QUOTES, content=body, headers=headers)
    assert found.status_code == 200, found.text
    assert (found.json()["added"], [bad["line"] for bad in found.json()["refused"]]) == (1, [3])
    assert server.client.get(QUOTES).json()["observations"][-1]["value"] == 500.5
    half = server.client.post(QUOTES, content=body[:1000], headers=headers)
    assert (half.status_code, half.json()["field"]) == (422, "file")
    large = server.client.post(QUOTES, content=b"PK\x03\x04" * 6000, headers=headers)
    assert large.status_code == 413


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command over a database of this test."""
    monkeypatch.setenv("YTTERBY_DATABASE_URL", f"sqlite:///{tmp_path}/here.db")
    monkeypatch.setenv("YTTERBY_TODAY", TODAY.isoformat())
    monkeypatch.setenv("YTTERBY_ALLOWED_NETWORKS", "127.0.0.0/8")

    def run(*words: str, code: int = 0) -> Any:
        found = CliRunner().invoke(app, words)
        assert found.exit_code == code, (found.output, found.exception)
        return found

    return run


def test_sources_from_the_command_line(
    here: Callable[..., Any], tmp_path: Path, origin: AwkwardSource
) -> None:
    described = tmp_path / "desk.yaml"
    desk = DESK | {"series_id": "dy-oxide-cn", "url": origin.url("/prices.csv"), "tax_basis": "incl-vat"}
    origin.gives("/prices.csv", b"Month,Price\n2026-08-01,1500\n2026-09-01,1510\n")
    described.write_text(json.dumps(desk))
    here("sources", "add", str(described))
    assert "desk" in here("sources", "list").output
    pulled = json.loads(here("sources", "pull", "--json").stdout)
    assert [(one["outcome"], one["added"]) for one in pulled] == [("taken", 2)]
    assert json.loads(here("sources", "pull", "--json").stdout) == [], "not due"
    origin.gives("/prices.csv", b"Month,Price\n2026-08-01,1500000\n2026-09-01,1510000\n")
    assert "quarantined" in here("sources", "pull", "desk", code=1).output
    assert "1,000 times the weight" in here("sources", "quarantine").output
    assert "2026-08-01,1500000" in here("sources", "quarantine", "1").output
    here("sources", "quarantine", "1", "--dismiss")
    assert json.loads(here("sources", "quarantine", "--json").stdout) == []
    described.write_text(json.dumps(desk | {"unit": "tonne"}))
    here("sources", "add", str(described), "--replace")
    assert "unchanged" in here("sources", "pull", "desk").output
    assert json.loads(here("sources", "show", "desk", "--json").stdout)["version"] == 2
    here("sources", "remove", "desk")
    assert json.loads(here("sources", "list", "--json").stdout) == []


def test_a_workbook_is_imported_and_a_hundred_megabytes_are_not_read(
    here: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "prices.xlsx").write_bytes(workbook(("dy-oxide-cn", date(2026, 8, 1), 1500)))
    assert "1 added" in here("import", str(tmp_path / "prices.xlsx")).output
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(100_000_000)
    refused = here("import", str(tmp_path / "large.csv"), code=1)
    assert "100000000 bytes" in str(refused.exception)


#: As docs/sources.md has it.
REFERENCE = {
    "dy-oxide-cn": ("dead", date(2026, 4, 1)),
    "dy-oxide-eu": ("dead", date(2026, 3, 19)),
    "dy-oxide-fob": ("dead", date(2026, 3, 31)),
    "dy-oxide-usgs": ("fresh", date(2027, 2, 1)),
    "dy-oxide-usgs-year-end": ("discontinued", date(2017, 2, 1)),
    "nd-oxide-cn": ("dead", date(2026, 9, 1)),
    "nd-oxide-eu": ("dead", date(2026, 3, 23)),
    "nd-oxide-fob": ("dead", date(2026, 3, 23)),
    "nd-oxide-usgs": ("fresh", date(2027, 2, 1)),
    "nd-oxide-usgs-year-end": ("discontinued", date(2017, 2, 1)),
    "ndpr-oxide-usgs": ("fresh", date(2027, 2, 1)),
    "tb-oxide-cn": ("dead", date(2026, 4, 1)),
    "tb-oxide-eu": ("dead", date(2026, 3, 26)),
    "tb-oxide-fob": ("dead", date(2026, 4, 3)),
    "tb-oxide-usgs": ("fresh", date(2027, 2, 1)),
    "tb-oxide-usgs-year-end": ("discontinued", date(2017, 2, 1)),
}


def test_what_the_calendar_says_of_every_series_that_comes_with_ytterby(server: Server) -> None:
    with server.context.engine.begin() as conn:
        load_reference(conn, datetime(2026, 11, 24, tzinfo=UTC))
    for series_id, (state, due) in REFERENCE.items():
        found = server.client.get(f"/v1/series/{series_id}").json()["freshness"]
        assert (found["state"], found["next_due_on"]) == (state, due.isoformat()), (series_id, found)
        assert found["late_by_days"] == max((TODAY - due).days, 0)
        assert found["why"]
    assert server.client.get("/v1/series").json()["series"][0]["freshness"] is None
