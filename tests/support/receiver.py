"""A receiver of webhooks that misbehaves on purpose, and remembers every request it was sent whole.

It is a real server on loopback. What it does to a request is drawn from its own seeded stream: it may answer,
fail, cut the connection before or after taking the message, answer so slowly that nobody waits, or redirect.
"""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What may happen to a request, and its weight. All but "accept" and "cut" leave the message untaken.
MOODS: Mapping[str, float] = {
    "accept": 0.6,
    "cut": 0.06,  # takes the message, then closes without an answer: nobody can know
    "fail": 0.12,
    "reset": 0.08,
    "hang": 0.02,
    "drip": 0.02,
    "redirect": 0.1,
}
CALM: Mapping[str, float] = {"accept": 1.0}
#: Where a redirect leads, and what is counted if somebody goes there.
ELSEWHERE, FOLLOWED = "/elsewhere", "followed a redirect"


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken. digest: of its bytes; sure: was the sender told so?"""

    path: str
    message_id: str
    digest: str
    body: bytes
    headers: Mapping[str, str]
    sure: bool


@dataclass
class Receiver:
    """What arrived. moods: weights of what happens to a request. plan: path -> what happens to its first
    ones. longest_seconds: for which it thinks, before it takes a message and again before it answers.
    thinking: requests about which it does."""

    url: str = ""
    moods: Mapping[str, float] = field(default_factory=lambda: dict(MOODS))
    taken: list[Taken] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    plan: dict[str, list[str]] = field(default_factory=dict)
    longest_seconds: float = 0.0
    thinking: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: random.Random = field(default_factory=lambda: random.Random(0))
    _closing: threading.Event = field(default_factory=threading.Event)

    def mood(self, path: str) -> str:
        """What happens to the next request: planned or drawn."""
        with self._lock:
            planned = self.plan.get(path)
            mood = (
                planned.pop(0)
                if planned
                else self._random.choices(list(self.moods), list(self.moods.values()))[0]
            )
            self.happened[mood] += 1
            return mood

    def think(self) -> None:
        """Take a while."""
        with self._lock:
            self.thinking += 1
            seconds = self._random.uniform(0, self.longest_seconds)
        self._closing.wait(seconds)
        with self._lock:
            self.thinking -= 1

    def take(self, path: str, headers: Mapping[str, str], body: bytes, *, sure: bool) -> None:
        """Remember a message."""
        message_id = headers.get("webhook-id", "")
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            self.taken.append(Taken(path, message_id, digest, body, headers, sure))

    def copies(self) -> dict[tuple[str, str], list[Taken]]:
        """(path, message id) -> every copy that was taken."""
        found: dict[tuple[str, str], list[Taken]] = defaultdict(list)
        with self._lock:
            for one in self.taken:
                found[one.path, one.message_id].append(one)
        return dict(found)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        """Read the whole request, then do as the mood says."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == ELSEWHERE:
            self.receiver.happened[FOLLOWED] += 1
        mood = self.receiver.mood(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.think()
        if mood in ("accept", "cut"):
            self.receiver.take(self.path, headers, body, sure=mood == "accept")
            self.receiver.think()
        match mood:
            case "accept":
                self._answer(204)
            case "fail":
                self._answer(500)
            case "redirect":
                self._answer(302, {"Location": self.receiver.url + ELSEWHERE})
            case "hang":
                self.receiver._closing.wait(20)
            case "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                while not self.receiver._closing.wait(0.2):
                    try:
                        self.wfile.write(b".")
                    except OSError:
                        return
            case "reset":
                linger = struct.pack("ii", 1, 0)  # close with a reset instead of an end
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if mood not in ("accept", "fail", "redirect"):
            self.close_connection = True

    def do_GET(self) -> None:
        """Nobody should come here: a redirect was followed."""
        self.receiver.happened[FOLLOWED] += 1
        self._answer(204)

    def _answer(self, status: int, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""

    def handle(self) -> None:
        """As ever, but a sender that was killed is no error of ours."""
        try:
            super().handle()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ended early, by either side, is what this server is for."""


@contextmanager
def receiving(moods: Mapping[str, float] = MOODS, seed: int = 0) -> Iterator[Receiver]:
    """A receiver on a free port of loopback."""
    receiver = Receiver(moods=dict(moods))
    receiver._random.seed(seed)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": receiver}))
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver._closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
