"""An HTTP server on loopback that gives what it is told to give, also half of it, or very slowly."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

#: Writes to the connection as it likes; it is closed afterwards.
Answer = Callable[["Asked"], None]


class Asked(socketserver.StreamRequestHandler):
    """One request: its path and headers, and ways to answer it."""

    path: str
    headers: Mapping[str, str]

    def handle(self) -> None:
        """Read the request, remember it, answer as told."""
        server = self.server
        assert isinstance(server, AwkwardSource)
        first = self.rfile.readline().decode()
        lines = iter(lambda: self.rfile.readline().decode().strip(), "")
        pairs = (line.partition(":") for line in lines)
        self.path = first.split()[1]
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}
        server.asked.append(self)
        with contextlib.suppress(ConnectionError):
            server.answers[self.path.partition("?")[0]](self)

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(data)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {status} Made up", *(f"{name}: {value}" for name, value in headers.items())]
        self.send("\r\n".join([*lines, "", ""]).encode())


class AwkwardSource(socketserver.ThreadingTCPServer):
    """answers: path -> what is done with a request. asked: all requests, oldest first."""

    daemon_threads = True
    allow_reuse_address = True
    address_family = socket.AF_INET

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        super().__init__(("127.0.0.1", 0), Asked)

    def url(self, path: str) -> str:
        """Address of a path of this server."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def gives(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with a whole body from now on. A request that names the ETag of `headers` gets 304."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(asked: Asked) -> None:
            tag = named.get("ETag")
            if tag is not None and asked.headers.get("if-none-match") == tag:
                asked.head(304, {"ETag": tag})
                return
            asked.head(status, {"Content-Length": str(len(body)), **named})
            asked.send(body)

        self.answers[path] = answer


@contextmanager
def awkward_source() -> Iterator[AwkwardSource]:
    """A running server, stopped at the end."""
    with AwkwardSource() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)
