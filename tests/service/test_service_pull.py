"""Pulling over real sockets from a server that misbehaves: what is right is taken, what is not is kept apart
whole or named as a failure, and nothing of it is written."""

from __future__ import annotations

import gzip
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import text

from data.store import fx, jobs, prices, quarantine
from data.store import sources as store
from data.store.quarantine import FAILED, QUARANTINED, TAKEN, UNCHANGED, Result
from data.types import Quote
from forecast.errors import InputError
from service.context import Context, open_context
from service.refusals import NotYet, Refusal
from service.settings import Settings
from service.sources import fetch, manage, pull, take
from service.sources import quarantine as held
from tests.support.awkward_source import Asked, AwkwardSource, awkward_source
from tests.support.service_world import BASE, TODAY, fill

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
COLUMNS = {"ds": "Month", "y": "Price"}
DESK: dict[str, Any] = {
    "source_id": "desk", "label": "made up", "format": "csv", "columns": COLUMNS, "series_id": BASE,
    "every_minutes": 60,
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[AwkwardSource]:
    """The awkward server."""
    with awkward_source() as running:
        yield running


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    """The made-up world, in which loopback may be called."""
    made = open_context(settings.model_copy(update={"allowed_networks": "127.0.0.0/8"}))
    fill(made, with_forecast=False)
    yield made
    made.engine.dispose()


def stored(context: Context, series_id: str = BASE) -> list[Quote]:
    with context.engine.connect() as conn:
        return prices.load(conn, [series_id])


def lines(found: list[Quote], factor: float = 1.0) -> bytes:
    """These quotes as the file of the made-up desk."""
    body = "".join(f"{quote.ds},{quote.value * factor:.6f}\n" for quote in found)
    return b"Month,Price\n" + body.encode()


def new_month(found: list[Quote], factor: float = 1.0) -> list[Quote]:
    """The newest quotes, and one of the month after, unchanged but for the factor."""
    last = found[-1]
    return [*found[-6:], replace(last, ds=date(2026, 8, 1), value=last.value * factor)]


def add(context: Context, server: AwkwardSource, path: str = "/prices.csv", **changes: Any) -> None:
    manage.add_source(context, DESK | {"url": server.url(path)} | changes, author="test")


def pulled(context: Context, now: datetime = NOW) -> list[Result]:
    return list(pull.pull_due(context, now=now).results)


def test_new_prices_are_taken_and_asked_for_again_only_when_they_changed(
    context: Context, server: AwkwardSource
) -> None:
    known = stored(context)
    server.gives("/prices.csv", lines(new_month(known, 1.02)), ETag='"a"', Last_Modified="Tue, 24 Nov 2026")
    add(context, server)
    [first] = pulled(context)
    assert (first.outcome, first.rows, first.added, first.corrected) == (TAKEN, 7, 1, 0), first.reason
    assert first.origin == server.url("/prices.csv")
    assert stored(context)[-1].source == "made up"
    assert pulled(context, NOW + timedelta(minutes=59)) == [], "not due yet"
    [again] = pulled(context, NOW + timedelta(minutes=60))
    assert again.outcome == UNCHANGED
    assert server.asked[1].headers["if-none-match"] == '"a"'
    assert server.asked[1].headers["if-modified-since"] == "Tue, 24 Nov 2026"
    assert "if-none-match" not in server.asked[0].headers
    by_hand = pull.pull_now(context, "desk", now=NOW)
    assert (by_hand.outcome, by_hand.rows) == (UNCHANGED, 7), "the whole file, which says nothing new"
    assert [one.outcome for one in manage.get_source(context, "desk").results] == [
        UNCHANGED,
        UNCHANGED,
        TAKEN,
    ]


def half(body: bytes, announced: int | None = None) -> Callable[[Asked], None]:
    """The beginning of a file, then the connection closes."""

    def answer(asked: Asked) -> None:
        asked.head(200, {"Content-Length": str(announced or len(body))})
        asked.send(body[: len(body) // 2])

    return answer


def announced_short(body: bytes) -> Callable[[Asked], None]:
    """A whole file of which the head announces less."""

    def answer(asked: Asked) -> None:
        asked.head(200, {"Content-Length": str(len(body) - 3)})
        asked.send(body)

    return answer


def drip(asked: Asked) -> None:
    """A byte now and then, without end."""
    asked.head(200, {"Content-Length": "100000"})
    while True:
        asked.send(b"x")
        time.sleep(0.02)


def endless(asked: Asked) -> None:
    """A hundred megabytes, of which nobody said how many there are."""
    asked.head(200, {})
    for _ in range(1600):
        asked.send(b"2026-08-01,500\n" * 4096)


def test_what_is_not_the_file_of_always_is_kept_apart_whole(
    context: Context, server: AwkwardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TOTAL_SECONDS", 1.0)
    known = stored(context)
    good = lines(new_month(known, 1.01))
    server.gives("/prices.csv", good)
    add(context, server)
    assert pulled(context)[0].outcome == TAKEN
    before = stored(context)
    with context.engine.connect() as conn:
        cny = float(fx.load(conn)["CNY"].iloc[-1])
    in_dollars = replace(known[-1], ds=date(2026, 8, 1), value=known[-1].value / cny)
    wrong: list[tuple[str, bytes | Callable[[Asked], None], str]] = [
        ("html", b"<html><body>Please sign in</body></html>", "a page, not prices"),
        ("half", half(good), f"{len(good) // 2} bytes of {len(good)}, then the connection closed"),
        ("half", announced_short(good), "the last line has no end"),
        ("half", drip, "then no time was left after 1 s"),
        ("half", good[: good.rindex(b",")], "is cut"),
        ("half", lines(new_month(known, 1.01)[:3]), "3 rows; the file before had 7"),
        ("columns", good.replace(b"Price", b"Price in USD"), "new: Price in USD"),
        ("unreadable", good.replace(b"Month", b"M\xf6nth"), "byte 0xf6 in line 1"),
        ("basis", lines(new_month(known, 1.01), 1000), "1,000 times the weight"),
        ("basis", lines(new_month(known, 1.01), 1.13), "Chinese VAT of 13%"),
        ("basis", lines(new_month(known, 1000 * 1.01)), "1,000 times the weight"),
        ("basis", lines(new_month(known, 1.01), 1 / cny), "USD for CNY"),
        ("basis", lines([*known[-6:], in_dollars]), "USD for CNY"),
        ("rows", good.replace(b".", b"'"), "7 of 7 rows cannot be kept"),
    ]
    for number, (kind, body, words) in enumerate(wrong, start=1):
        if isinstance(body, bytes):
            server.gives("/prices.csv", body)
        else:
            server.answers["/prices.csv"] = body
        result = pull.pull_now(context, "desk", now=NOW + timedelta(hours=number))
        assert result.outcome == QUARANTINED, (kind, words, result)
        assert result.reason is not None
        assert result.reason.startswith(f"{kind}: ")
        assert words in result.reason
        assert stored(context) == before
    found = held.list_held(context, state="held")
    assert len(found) == min(len(wrong), quarantine.MOST_HELD)
    assert all(one.source_id == "desk" for one in found)
    server.gives("/prices.csv", good)
    assert pull.pull_now(context, "desk", now=NOW).outcome == UNCHANGED, "the file of always is still known"


def test_a_price_that_triples_is_taken(context: Context, server: AwkwardSource) -> None:
    server.gives("/prices.csv", lines(new_month(stored(context), 3.04)))
    add(context, server)
    [result] = pulled(context)
    assert (result.outcome, result.added) == (TAKEN, 1), result.reason


def test_what_does_not_come_is_named_and_tried_again_sooner_then_later(
    context: Context, server: AwkwardSource
) -> None:
    asked_inside: list[Asked] = []
    server.answers["/inside"] = asked_inside.append
    bomb = gzip.compress(b"\0" * 30_000_000)
    refused: list[tuple[Callable[[Asked], None], str]] = [
        (lambda asked: asked.head(500, {"Content-Length": "0"}), "status: found '500'"),
        (
            lambda asked: asked.head(302, {"Location": server.url("/inside")}),
            "a redirect, which is not followed",
        ),
        (lambda asked: asked.head(304, {}), "status: found '304'"),
        (lambda asked: asked.send(b"SSH-2.0-OpenSSH\r\n"), "answer: found"),
        (lambda asked: None, "answer: found"),
        (endless, "more than 20000 bytes"),
    ]
    add(context, server)
    for answer, words in refused:
        server.answers["/prices.csv"] = answer
        result = pull.pull_now(context, "desk", now=NOW)
        assert result.outcome == FAILED
        assert result.reason is not None
        assert words in result.reason
    server.gives("/prices.csv", bomb, Content_Encoding="gzip")
    assert "Content-Encoding: found 'gzip'" in str(pull.pull_now(context, "desk", now=NOW).reason)
    server.gives("/prices.csv", b"", status=404)
    assert asked_inside == []
    dues = []
    for _ in range(3):
        pull.pull_now(context, "desk", now=NOW)
        due_at = manage.get_source(context, "desk").stored.due_at
        assert due_at is not None
        dues.append(due_at - NOW)
    assert dues == [timedelta(minutes=60)] * 3, "never later than its own time"
    server.gives("/prices.csv", lines(new_month(stored(context))))
    assert pull.pull_now(context, "desk", now=NOW).outcome == TAKEN
    server.gives("/prices.csv", b"", status=404)
    first = pull.pull_now(context, "desk", now=NOW)
    assert first.outcome == FAILED
    assert manage.get_source(context, "desk").stored.due_at == NOW + timedelta(minutes=5)


def test_an_address_of_our_own_is_not_called_unless_the_operator_says_so(
    context: Context, server: AwkwardSource
) -> None:
    add(context, server)
    outside = replace(context, settings=context.settings.model_copy(update={"allowed_networks": ""}))
    [result] = pulled(outside)
    assert result.outcome == FAILED
    assert "loopback" in str(result.reason)
    for url in ("http://169.254.169.254/latest", "https://user:secret@desk.example/", "file:///etc/passwd"):
        with pytest.raises(Refusal) as refused:
            manage.add_source(context, DESK | {"source_id": "other", "label": "o", "url": url}, author="test")
        assert refused.value.field == "url"
        assert "secret" not in str(refused.value)
    assert server.asked == []


def test_a_credential_is_sent_and_stands_nowhere(
    context: Context,
    server: AwkwardSource,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = "swordfish-and-chips"
    credential = {"variable": "YTTERBY_SOURCE_DESK", "use": "basic"}
    add(context, server, "/prices.csv?kind=weekly", credential=credential)
    [missing] = pulled(context)
    assert "YTTERBY_SOURCE_DESK: found 'not set'" in str(missing.reason)
    monkeypatch.setenv("YTTERBY_SOURCE_DESK", f"me:{secret}\nX-Injected: yes")
    unusable = pull.pull_now(context, "desk", now=NOW)
    assert unusable.outcome == FAILED
    monkeypatch.setenv("YTTERBY_SOURCE_DESK", f"me:{secret}")

    def repeat(asked: Asked) -> None:
        body = f"<html>No account for me:{secret} or {asked.headers['authorization']}</html>".encode()
        asked.head(200, {"Content-Length": str(len(body))})
        asked.send(body)

    server.answers["/prices.csv"] = repeat
    result = pull.pull_now(context, "desk", now=NOW)
    assert server.asked[-1].headers["authorization"].startswith("Basic bWU6")
    assert result.quarantine_id is not None
    excerpt = held.show(context, result.quarantine_id).excerpt
    assert excerpt == "<html>No account for [YTTERBY_SOURCE_DESK] or Basic [YTTERBY_SOURCE_DESK]</html>"
    with context.engine.connect() as conn:
        for table in ("source", "source_state", "source_result", "quarantine"):
            rows = str(conn.execute(text(f"SELECT * FROM {table}")).all())
            assert "swordfish" not in rows
            assert "kind=weekly" not in rows or table == "source"
    assert "swordfish" not in str(manage.get_source(context, "desk"))
    assert "swordfish" not in "".join(capfd.readouterr())


def test_one_that_fails_does_not_stop_the_others(
    context: Context, server: AwkwardSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = lines(new_month(stored(context)))
    real = take.read

    def broken(context: Context, file: take.File) -> Any:
        if file.source.source_id == "odd":
            raise RuntimeError("a defect of ours")
        return real(context, file)

    monkeypatch.setattr(take, "read", broken)
    for name in ("a", "b", "bad", "odd", "z"):
        server.gives(f"/{name}", good if name != "bad" else b"", status=500 if name == "bad" else 200)
        add(context, server, f"/{name}", source_id=name, label=name)
    outcomes = {one.source_id: one.outcome for one in pulled(context)}
    assert outcomes == {"a": TAKEN, "b": TAKEN, "bad": FAILED, "odd": FAILED, "z": TAKEN}
    assert manage.get_source(context, "odd").results[0].reason == "unexpected: RuntimeError"
    assert pulled(context) == [], "each is done, none is due"


def test_any_number_of_workers_pull_each_source_once(settings: Settings, database_url: str) -> None:
    chosen = {"database_url": database_url, "allowed_networks": "127.0.0.0/8"}
    context = open_context(settings.model_copy(update=chosen))
    fill(context, with_forecast=False)
    with awkward_source() as server:
        good = lines(new_month(stored(context)))
        for number in range(8):
            server.gives(f"/{number}", good)
            add(context, server, f"/{number}", source_id=f"s{number}", label=f"s{number}")
        with ThreadPoolExecutor(4) as workers:
            all_results = [*workers.map(lambda _: pulled(context), range(4))]
        assert sorted(asked.path for asked in server.asked) == [f"/{number}" for number in range(8)]
    done = [one for results in all_results for one in results]
    assert sorted(str(one.source_id) for one in done) == [f"s{number}" for number in range(8)]
    assert {one.outcome for one in done} <= {TAKEN, UNCHANGED}
    context.engine.dispose()


def test_what_was_fetched_for_an_older_definition_is_not_written(
    context: Context, server: AwkwardSource
) -> None:
    good, before = lines(new_month(stored(context))), stored(context)

    def change_then_answer(asked: Asked) -> None:
        changed = DESK | {"url": server.url("/prices.csv"), "every_minutes": 30}
        manage.replace_source(context, "desk", changed, version=1, author="test")
        asked.head(200, {"Content-Length": str(len(good))})
        asked.send(good)

    server.answers["/prices.csv"] = change_then_answer
    add(context, server)
    first = pull.pull_now(context, "desk", now=NOW)
    assert first.outcome == FAILED
    assert "changed, or pulled by another" in str(first.reason)
    assert stored(context) == before


def test_only_one_pull_of_a_source_at_a_time(context: Context, server: AwkwardSource) -> None:
    asked, go_on = threading.Event(), threading.Event()
    good = lines(new_month(stored(context)))

    def wait(request: Asked) -> None:
        asked.set()
        assert go_on.wait(20)
        request.head(200, {"Content-Length": str(len(good))})
        request.send(good)

    server.answers["/prices.csv"] = wait
    add(context, server)
    with ThreadPoolExecutor(1) as worker:
        first = worker.submit(pull.pull_now, context, "desk", now=NOW)
        assert asked.wait(20)
        with pytest.raises(NotYet, match="not being pulled"):
            pull.pull_now(context, "desk", now=NOW)
        go_on.set()
        assert first.result().outcome == TAKEN


def test_an_accepted_file_is_taken_and_the_next_judged_by_it(context: Context, server: AwkwardSource) -> None:
    known = stored(context)
    server.gives("/prices.csv", lines(known[-6:]))
    add(context, server)
    assert pulled(context)[0].outcome == UNCHANGED
    anew = lines([*known[-6:-1], replace(known[-1], ds=known[-1].ds)], 1.13).replace(b"Price", b"Gross price")
    server.gives("/prices.csv", anew)
    other = DESK | {"url": server.url("/prices.csv"), "columns": {"ds": "Month", "y": "Gross price"}}
    first = pull.pull_now(context, "desk", now=NOW)
    assert first.quarantine_id is not None
    with pytest.raises(Refusal, match="Gross price"):
        held.accept(context, first.quarantine_id, by="test")
    manage.replace_source(context, "desk", other, version=1, author="test")
    again = pull.pull_now(context, "desk", now=NOW)
    assert again.quarantine_id == first.quarantine_id, "the same bytes are the same entry"
    assert str(again.reason).startswith("basis: ")
    taken = held.accept(context, first.quarantine_id, by="test")
    assert (taken.outcome, taken.corrected) == (TAKEN, 6)
    assert stored(context)[-1].value == pytest.approx(known[-1].value * 1.13)
    assert held.show(context, first.quarantine_id).held.decided_by == "test"
    assert held.show(context, first.quarantine_id).excerpt is None, "its bytes are kept no longer"
    assert pull.pull_now(context, "desk", now=NOW).outcome == UNCHANGED
    with pytest.raises(NotYet, match="still held"):
        held.dismiss(context, first.quarantine_id, by="test")


def test_a_dismissed_file_that_comes_again_stays_dismissed(context: Context, server: AwkwardSource) -> None:
    server.gives("/prices.csv", b"<html>")
    add(context, server)
    [first] = pulled(context)
    assert first.quarantine_id is not None
    with pytest.raises(Refusal, match="a page, not prices"):
        held.accept(context, first.quarantine_id, by="test")
    held.dismiss(context, first.quarantine_id, by="test")
    again = pull.pull_now(context, "desk", now=NOW)
    assert (again.outcome, again.quarantine_id) == (QUARANTINED, first.quarantine_id)
    assert held.list_held(context, state="held") == ()
    with pytest.raises(InputError, match="number that GET"):
        held.show(context, 99)


def test_json_and_workbooks_are_pulled_like_csv(context: Context, server: AwkwardSource) -> None:
    found = new_month(stored(context))
    rows = {"data": [{"Month": str(q.ds), "Price": q.value} for q in found]}
    server.gives("/prices.json", json.dumps(rows).encode())
    add(context, server, "/prices.json", format="json", rows_at="data")
    assert pulled(context)[0].added == 1
    server.gives("/prices.json", json.dumps(rows).encode()[:-30])
    assert str(pull.pull_now(context, "desk", now=NOW).reason).startswith("half: ")
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True, "default_date_format": "dd.mm.yyyy"}) as made:
        sheet = made.add_worksheet("Prices")
        sheet.write_row(1, 0, ("Month", "Price"))
        for number, quote in enumerate([*found, replace(found[-1], ds=date(2026, 9, 1))], start=2):
            sheet.write_row(number, 0, (quote.ds, quote.value))
    server.gives("/prices.xlsx", book.getvalue())
    workbook = {"source_id": "book", "label": "Book", "format": "xlsx", "sheet": "Prices", "header_line": 2}
    add(context, server, "/prices.xlsx", **workbook)
    assert pull.pull_now(context, "book", now=NOW).added == 1
    server.gives("/prices.xlsx", book.getvalue()[:2000])
    assert str(pull.pull_now(context, "book", now=NOW).reason).startswith("half: ")


def ecb(rates: list[tuple[date, float, float]]) -> bytes:
    body = "".join(f"{day},{usd:.4f},180.1,{cny:.4f},\n" for day, usd, cny in reversed(rates))
    return b"Date,USD,JPY,CNY,\n" + body.encode()


def test_rates_of_days_become_means_of_whole_months(context: Context, server: AwkwardSource) -> None:
    weekdays = [date(2026, 5, 25) + timedelta(days=n) for n in range(180)]
    days = [(day, 1.12, 1.12 * 6.9) for day in weekdays if day.weekday() < 5 and day < TODAY]
    server.gives("/hist.csv", ecb(days[:-1]))
    rates = {"source_id": "ecb", "label": "ECB", "format": "ecb-csv", "url": server.url("/hist.csv")}
    manage.add_source(context, rates, author="test")
    [first] = pulled(context)
    assert first.outcome == TAKEN, first.reason
    with context.engine.connect() as conn:
        months = fx.load(conn).set_index("month")
        said_by = fx.said_by(conn)
        assert jobs.wanted(conn, jobs.RETRAIN).reason == "new exchange rates: 8 months"
    made = sorted(month for (month, currency), source in said_by.items() if source == "ECB")
    assert set(made) == {date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)}, (
        "June is another source's, May and November are not whole"
    )
    assert months.loc["2026-09-01", "CNY"] == pytest.approx(6.9)
    assert months.loc["2026-09-01", "EUR"] == pytest.approx(1 / 1.12)
    server.gives("/hist.csv", ecb([(day, 1 / usd, cny / usd**2) for day, usd, cny in days]))
    turned = pull.pull_now(context, "ecb", now=NOW)
    assert turned.outcome == QUARANTINED
    assert str(turned.reason).startswith("basis: EUR")
    newest = f"Date, USD, JPY, CNY, \n{days[-1][0]:%d %B %Y}, 1.1200, 180.1, 7.7280, \n".encode()
    server.gives("/daily.csv", newest)
    daily = rates | {"url": server.url("/daily.csv"), "max_shrink": 1.0}
    manage.replace_source(context, "ecb", daily, version=1, author="test")
    [next_day] = pulled(context, NOW + timedelta(days=1))
    assert (next_day.outcome, next_day.added) == (UNCHANGED, 0), next_day.reason
    assert "2 rates of single days recorded" in str(next_day.reason)


def test_a_source_says_of_whom_and_of_what_it_is(context: Context, server: AwkwardSource) -> None:
    add(context, server)
    for changes, field in (
        ({"source_id": "desk"}, "source_id"),
        ({"source_id": "two"}, "label"),
        ({"source_id": "two", "label": "two", "series_id": "nope"}, "series_id"),
        ({"source_id": "two", "label": "two", "currency": "USD"}, "currency"),
        ({"source_id": "two", "label": "two", "tax_basis": "ex-vat"}, "tax_basis"),
    ):
        with pytest.raises(InputError) as refused:
            add(context, server, **changes)
        assert refused.value.field == field
    with context.engine.connect() as conn:
        assert len(store.list_sources(conn)) == 1
