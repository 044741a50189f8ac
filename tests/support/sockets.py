"""Servers of a few lines on loopback, for what no well-behaved server does."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Listener:
    """Where it listens, and the first bytes of every connection that it took."""

    host: str
    port: int
    seen: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address by http."""
        return f"http://{self.host}:{self.port}/hook"


#: Given a connection whose request was read; closing is done by the caller.
Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(
    behave: Behaviour, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    """A server that reads one request a connection and then does as told."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, port), family=family, backlog=128)
    found = Listener(host, server.getsockname()[1])

    def one(made: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(suppress(OSError))  # the other side may leave at any moment
            stack.enter_context(made)
            if tls is not None:
                made = stack.enter_context(tls.wrap_socket(made, server_side=True))
            found.seen.append(_request(made))
            behave(made)

    def loop() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _request(made: socket.socket) -> bytes:
    """A whole request, by its Content-Length."""
    taken = b""
    while b"\r\n\r\n" not in taken:
        if not (more := made.recv(65_536)):
            return taken
        taken += more
    head, _, body = taken.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                   if line.startswith(b"content-length:")), 0)  # fmt: skip
    while len(body) < length and (more := made.recv(65_536)):
        body += more
    return head + b"\r\n\r\n" + body


def answering(*lines: str, body: bytes = b"") -> Behaviour:
    """Answer with a status line, headers and a body, all as given."""
    head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
    return lambda made: made.sendall(head.encode() + body)


def resetting(made: socket.socket) -> None:
    """Close with a reset."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leaving(made: socket.socket) -> None:
    """Close without a word, the request taken."""


def dripping(first: bytes = b"", drop: bytes = b"H", every: float = 0.05) -> Behaviour:
    """Send a byte now and then, for ever."""

    def behave(made: socket.socket) -> None:
        made.sendall(first)
        never = threading.Event()
        while not never.wait(every):
            made.sendall(drop)

    return behave


def waiting(made: socket.socket) -> None:
    """Say nothing until the other side has had enough."""
    made.recv(1)
