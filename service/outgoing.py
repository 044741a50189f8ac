"""The one HTTP client: every address is checked before it is dialled, and everything has a limit.

One request, one connection. A host name is resolved once, every address that it has is checked, and a checked
address itself is dialled, so that a name cannot mean something else a moment later (DNS rebinding). No proxy,
credential or certificate setting is taken from the environment, no redirect is followed, nothing is
decompressed.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpcore2

from forecast.errors import ForecastError
from service.addresses import Address, Networks, Target, check_url, is_allowed, why_denied
from service.refusals import Refusal
from service.version import VERSION

#: Addresses of a host as text; raises OSError when there are none.
Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """connect_seconds: name and connection together. total_seconds: until the last byte of the answer.
    answer_bytes: the most that is read, status line and headers included."""

    connect_seconds: float = 5.0
    total_seconds: float = 15.0
    answer_bytes: int = 16_384


class Failure(StrEnum):
    """Why a request got no answer."""

    BLOCKED = "blocked address"
    DNS = "name not resolved"
    REFUSED = "connection refused"
    UNREACHABLE = "network unreachable"
    CONNECT_TIMEOUT = "connect timeout"
    TLS = "TLS"
    RESET = "connection reset"
    DEADLINE = "deadline"
    TOO_LARGE = "answer too large"
    PROTOCOL = "not HTTP"


class Unanswered(ForecastError):
    """No status came back. sent: the request had gone out whole, so the other side may have acted on it."""

    def __init__(self, failure: Failure, words: str, *, sent: bool = False) -> None:
        self.failure = failure
        self.sent = sent
        super().__init__(f"{failure}: {words}" if words else str(failure))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """headers: lower-case names. body: what was read of it. cut: why that is not all, None for all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: Failure | None = None


def system_resolver(host: str, port: int) -> list[str]:
    """What the machine's resolver says. Has no limit of time of its own."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Sends requests; may be shared by threads. allowed: the operator's own networks. trust: whose
    certificates are believed, the machine's by default."""

    allowed: Networks = ()
    resolve: Resolver = system_resolver
    trust: ssl.SSLContext = field(default_factory=lambda: httpcore2.default_ssl_context(_trust_env=False))

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        limits: Limits | None = None,
    ) -> Answer:
        """Send one request and read what comes back, up to the limits. Any status is an answer.

        Raises Unanswered where no status came back, also for a URL that may not be called.
        """
        try:
            target = check_url(url, self.allowed)
        except Refusal as refusal:
            raise Unanswered(Failure.BLOCKED, str(refusal)) from None
        dial = _Dial(self, target, limits or Limits())
        origin = httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
        sent = {
            "Host": target.authority,
            "User-Agent": f"ytterby/{VERSION}",
            "Connection": "close",
            **headers,
        }
        if body or method != "GET":
            sent["Content-Length"] = str(len(body))
        asked = httpcore2.Request(
            method,
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target),
            headers=list(sent.items()),
            content=body,
        )
        with httpcore2.HTTPConnection(origin, self.trust, network_backend=dial) as connection:
            try:
                return _read(connection.handle_request(asked))
            except httpcore2.RemoteProtocolError as error:
                gone = dial.ended  # it closed the connection, rather than say something else than HTTP
                failure = Failure.RESET if gone else Failure.PROTOCOL
                raise Unanswered(failure, "closed without an answer" if gone else str(error),
                                 sent=dial.sent) from None  # fmt: skip


def _read(response: httpcore2.Response) -> Answer:
    """The answer with as much of its body as comes within the limits: its status came in any case."""
    body, cut = bytearray(), None
    try:
        for part in response.iter_stream():
            body += part
    except Unanswered as error:
        cut = error.failure
    except httpcore2.RemoteProtocolError:  # fewer bytes than announced, or a broken chunk
        cut = Failure.RESET
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(status=response.status, headers=headers, body=bytes(body), cut=cut)


class _Dial(httpcore2.NetworkBackend):
    """Connects once, to a checked address; knows how far the request came."""

    def __init__(self, outgoing: Outgoing, target: Target, limits: Limits) -> None:
        self._outgoing, self._target, self._limits = outgoing, target, limits
        started = time.perf_counter()
        self._connect_by = started + min(limits.connect_seconds, limits.total_seconds)
        self.deadline = started + limits.total_seconds
        self.left = limits.answer_bytes
        self.waiting = self.broken = self.ended = False

    @property
    def sent(self) -> bool:
        """Was the whole request handed over before something went wrong?"""
        return self.waiting and not self.broken

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Try the host's checked addresses in turn; each gets its share of the time that is left."""
        addresses = self._checked()
        for number, address in enumerate(addresses):
            share = (self._connect_by - time.perf_counter()) / (len(addresses) - number)
            try:
                made = socket.create_connection((str(address), port), timeout=max(share, 0.001))
            except OSError as error:
                if number == len(addresses) - 1:
                    raise _not_connected(error) from None
                continue
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(made, self)
        raise Unanswered(Failure.DNS, f"{host} has no address")

    def _checked(self) -> list[Address]:
        """Addresses of the host. One that may not be called refuses the host altogether."""
        allowed, target = self._outgoing.allowed, self._target
        found = [target.address] if target.address else self._resolved()
        for address in found:
            why = why_denied(address, allowed)
            if why is not None:
                raise Unanswered(Failure.BLOCKED, f"{target.host} is {address} ({why})")
            if target.scheme == "http" and not is_allowed(address, allowed):
                raise Unanswered(Failure.BLOCKED, f"http to {address}, which no allowed network holds")
        return found

    def _resolved(self) -> list[Address]:
        """Ask in a thread: the resolver takes its own time, and cannot be interrupted."""
        asked: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                asked.set_result(self._outgoing.resolve(self._target.host, self._target.port))
            except (OSError, UnicodeError) as error:
                asked.set_exception(error)

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            found = asked.result(max(self._connect_by - time.perf_counter(), 0.001))
        except TimeoutError:
            raise Unanswered(Failure.DNS, f"{self._target.host}: no answer in time") from None
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Unanswered(Failure.DNS, f"{self._target.host}: {why}") from None
        return [ipaddress.ip_address(text.partition("%")[0]) for text in found]


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step ends by the deadline and whose reads are counted."""

    def __init__(self, made: socket.socket, dial: _Dial) -> None:
        self._socket, self._dial = made, dial

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some. Raises Unanswered at the deadline, on a reset, and once the answer is too large."""
        self._dial.waiting = True
        if self._dial.left <= 0:
            raise Unanswered(Failure.TOO_LARGE, "more than the limit", sent=self._dial.sent)
        try:
            self._hurry()
            found = self._socket.recv(min(max_bytes, self._dial.left))
        except OSError as error:
            raise self._failed(error) from None
        self._dial.left -= len(found)
        self._dial.ended = not found
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it. A connection that breaks may still hold an answer, so reading goes on."""
        if not buffer:  # the end of a body whose length was said; writing nothing can fail too
            return
        try:
            self._hurry()
            self._socket.sendall(buffer)
        except OSError as error:
            self._dial.broken = True
            if isinstance(error, TimeoutError):
                raise self._failed(error) from None
            raise httpcore2.WriteError(str(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Shake hands; the certificate has to be valid for the host of the URL."""
        try:
            self._hurry()
            made = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except (OSError, ValueError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise self._failed(error) from None
            words = getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)
            raise Unanswered(Failure.TLS, str(words)) from None
        return _Stream(made, self._dial)

    def get_extra_info(self, info: str) -> Any:
        """What the HTTP layer asks of a connection: here only which protocol TLS agreed on."""
        return self._socket if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket) else None

    def _hurry(self) -> None:
        left = self._dial.deadline - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def _failed(self, error: OSError) -> Unanswered:
        if isinstance(error, TimeoutError):
            return Unanswered(Failure.DEADLINE, "no time left", sent=self._dial.sent)
        return Unanswered(Failure.RESET, error.strerror or type(error).__name__, sent=self._dial.sent)


def _not_connected(error: OSError) -> Unanswered:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Unanswered(Failure.CONNECT_TIMEOUT, "nobody answers")
    if isinstance(error, ConnectionRefusedError):
        return Unanswered(Failure.REFUSED, "")
    return Unanswered(Failure.UNREACHABLE, error.strerror or type(error).__name__)
