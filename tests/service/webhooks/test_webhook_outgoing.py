"""The guarded HTTP client against real sockets: what it never reaches, and what it never waits for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from service.addresses import networks
from service.outgoing import Answer, Failure, Limits, Outgoing, Unanswered
from tests.support import hostile
from tests.support.certificates import authority
from tests.support.sockets import (
    Behaviour,
    Listener,
    answering,
    dripping,
    leaving,
    listening,
    resetting,
    waiting,
)

OK = answering("HTTP/1.1 200 OK", "Content-Length: 2", body=b"ok")
QUICK = Limits(connect_seconds=0.4, total_seconds=0.4)
LOOPBACK = networks("127.0.0.0/8")
#: Reading the machine's certificates takes longer than most of these tests.
PUBLIC = Outgoing()
LOCAL = replace(PUBLIC, allowed=LOOPBACK)


def post(url: str, outgoing: Outgoing | None = None, limits: Limits | None = None) -> Answer:
    return (outgoing or LOCAL).request("POST", url, headers={}, body=b"{}", limits=limits)


def failure(url: str, outgoing: Outgoing | None = None, limits: Limits | None = None) -> Unanswered:
    with pytest.raises(Unanswered) as caught:
        post(url, outgoing, limits)
    return caught.value


@pytest.fixture(scope="module")
def canary() -> Iterator[list[Listener]]:
    """Servers on both loopbacks that nobody may reach."""
    with listening(OK) as four:
        if not _has_ipv6():
            yield [four]
            return
        with listening(OK, host="::1", port=four.port) as six:
            yield [four, six]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("url", hostile.URLS, ids=ascii)
def test_a_hostile_url_reaches_nobody(url: str, canary: list[Listener]) -> None:
    found = failure(url.format(port=canary[0].port), PUBLIC)
    assert found.failure is Failure.BLOCKED
    assert not any(one.seen for one in canary)


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_name_that_means_the_inside_reaches_nobody(name: str, canary: list[Listener]) -> None:
    outgoing = replace(PUBLIC, resolve=lambda host, _port: hostile.NAMES[host])
    found = failure(f"https://{name}:{canary[0].port}/", outgoing)
    assert found.failure is Failure.BLOCKED
    assert name in str(found)
    assert not any(one.seen for one in canary)


def test_the_canary_sings() -> None:
    """Without the guard the same server is reached, so the tests above could fail."""
    with listening(OK) as one:
        assert post(one.url).status == 200
        assert len(one.seen) == 1


def test_a_name_that_changes_its_mind_is_asked_once_and_dialled_as_checked() -> None:
    """DNS rebinding: allowed when it is checked, forbidden a moment later."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    outgoing = replace(PUBLIC, allowed=networks("127.0.0.2/32"), resolve=rebinding)
    with listening(OK, host="127.0.0.2") as good, listening(OK, port=good.port) as inside:
        url = f"http://rebinding.example:{good.port}/"
        assert post(url, outgoing).status == 200
        assert asked == ["rebinding.example"]
        assert failure(url, outgoing).failure is Failure.BLOCKED
        assert len(good.seen) == 1
        assert inside.seen == []


def test_a_redirect_is_an_answer_and_is_not_followed(canary: list[Listener]) -> None:
    where = f"Location: http://127.0.0.1:{canary[0].port}/"
    with listening(answering("HTTP/1.1 302 Found", where, "Content-Length: 0")) as one:
        found = post(one.url)
    assert found.status == 302
    assert not canary[0].seen


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(OK) as proxy, listening(OK) as one:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(one.url).status == 200
        assert proxy.seen == []


def test_what_is_sent() -> None:
    with listening(OK) as one:
        LOCAL.request("POST", f"{one.url}?a=b", headers={"X-A": "1"}, body=b"12345")
        head, _, body = one.seen[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert {f"Host: 127.0.0.1:{one.port}", "X-A: 1", "Content-Length: 5", "Connection: close"} <= set(lines)
    assert body == b"12345"


@pytest.mark.parametrize(
    ("behave", "kind", "sent"),
    [
        (leaving, Failure.RESET, True),
        (resetting, Failure.RESET, True),
        (waiting, Failure.DEADLINE, True),
        (dripping(), Failure.DEADLINE, True),
        (dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), Failure.DEADLINE, True),
        (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Failure.DEADLINE, True),
        (answering("HTTP/1.1 200 OK", "X: " + "y" * 20_000), Failure.TOO_LARGE, True),
        (answering("SSH-2.0-OpenSSH_9.2"), Failure.PROTOCOL, True),
        (answering("HTTP/1.1 2"), Failure.PROTOCOL, True),
    ],
    ids=["leaves", "resets", "says nothing", "drips a status", "drips headers", "drips statuses",
         "endless head", "another protocol", "half a status"],
)  # fmt: skip
def test_no_answer_ends_by_its_name(behave: Behaviour, kind: Failure, sent: bool) -> None:
    with listening(behave) as one:
        found = failure(one.url, limits=QUICK)
    assert (found.failure, found.sent) == (kind, sent)


@pytest.mark.parametrize(
    ("behave", "cut"),
    [
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), Failure.DEADLINE),
        (answering("HTTP/1.1 200 OK", "Content-Length: 20000000", body=b"x" * 20_000_000), Failure.TOO_LARGE),
        (answering("HTTP/1.1 200 OK", "Content-Length: 9", body=b"half"), Failure.RESET),
        (answering("HTTP/1.1 200 OK", body=b"until the end"), None),
        (answering("HTTP/1.1 204 No Content"), None),
    ],
    ids=["drips", "20 MB", "half", "no length", "empty"],
)
def test_an_answer_says_whether_it_is_whole(behave: Behaviour, cut: Failure | None) -> None:
    with listening(behave) as one:
        found = post(one.url, limits=QUICK)
    assert found.status in (200, 204)
    assert found.cut is cut
    assert len(found.body) <= QUICK.answer_bytes


def test_another_limit_reads_more() -> None:
    big = answering("HTTP/1.1 200 OK", "Content-Length: 1000000", "X-Name: Value", body=b"x" * 1_000_000)
    with listening(big) as one:
        found = LOCAL.request("GET", one.url, headers={},
                                                   limits=Limits(answer_bytes=2_000_000))  # fmt: skip
    assert (found.cut, len(found.body), found.headers["x-name"]) == (None, 1_000_000, "Value")


def test_nothing_is_decompressed() -> None:
    squeezed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    with listening(answering("HTTP/1.1 200 OK", "Content-Encoding: gzip", body=squeezed)) as one:
        assert post(one.url).body == squeezed


def test_a_closed_port_is_refused() -> None:
    with listening(OK) as one:
        url = one.url
    assert failure(url).failure is Failure.REFUSED


def test_a_host_that_takes_no_connection_times_out() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            found = failure(f"http://127.0.0.1:{full.getsockname()[1]}/", limits=QUICK)
    assert (found.failure, found.sent) == (Failure.CONNECT_TIMEOUT, False)


def test_a_name_without_an_address_and_one_whose_answer_never_comes() -> None:
    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def never(_host: str, _port: int) -> Sequence[str]:
        over.wait(60)
        return []

    over = threading.Event()
    for resolve, words in ((unknown, "not known"), (never, "in time"), (lambda _h, _p: [], "no address")):
        found = failure("https://name.example/", replace(PUBLIC, resolve=resolve), QUICK)
        assert found.failure is Failure.DNS
        assert words in str(found)
    over.set()


def test_the_next_address_is_tried() -> None:
    with listening(OK, host="127.0.0.3") as one:
        outgoing = replace(LOCAL, resolve=lambda _h, _p: ["127.0.0.2", "127.0.0.3"])
        assert post(f"http://two.example:{one.port}/", outgoing).status == 200


def test_tls_believes_only_whom_it_should_for_the_host_of_the_url(tmp_path: Path) -> None:
    server, client = authority(tmp_path, "hooks.example", "127.0.0.1")
    with listening(OK, tls=server) as one:
        named = replace(LOCAL, resolve=lambda _h, _p: ["127.0.0.1"])

        def ask(host: str, trusting: bool = True) -> Answer:
            outgoing = replace(named, trust=client) if trusting else named
            return post(f"https://{host}:{one.port}/", outgoing)

        assert ask("hooks.example").status == 200
        assert ask("127.0.0.1").status == 200
        for host, trusting, words in (
            ("other.example", True, "mismatch"),
            ("hooks.example", False, "certificate"),
        ):
            with pytest.raises(Unanswered) as caught:
                ask(host, trusting)
            assert caught.value.failure is Failure.TLS
            assert words in str(caught.value)
            assert not caught.value.sent
    with listening(waiting) as plain:
        found = failure(f"https://127.0.0.1:{plain.port}/", limits=QUICK)
    assert found.failure is Failure.DEADLINE
