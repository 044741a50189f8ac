"""What every request passes first: host check, size limit, security headers. Pure ASGI, no buffering."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import of_refusal, problem
from service.refusals import Refusal, TooLarge

# Scripts and pictures from this service only. Plotly writes style attributes, so inline styles stay open.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses a foreign Host header (DNS rebinding) and bodies over the limit; adds SECURITY_HEADERS."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], max_body_bytes: int) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        host = host_name(headers.get("host", ""))
        if "*" not in self.hosts and host not in self.hosts:
            refusal = Refusal("Host", host, "one of " + ", ".join(sorted(self.hosts)))
            answer = problem(400, str(refusal), field="Host", found=host, allowed=refusal.allowed)
            await answer(scope, receive, guarded_send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            refusal = Refusal("address", "a zero byte", "text without control characters")
            await of_refusal(refusal)(scope, receive, guarded_send)
            return
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self.limit:
            await of_refusal(self._too_large(int(declared)))(scope, receive, guarded_send)
            return
        seen = 0

        async def limited_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                # The one exception that FastAPI lets through while it reads a body.
                raise HTTPException(413, detail=f"at most {self.limit} bytes")
            return message

        await self.app(scope, limited_receive, guarded_send)

    def _too_large(self, found: int) -> TooLarge:
        return TooLarge("body", f"{found} bytes", f"at most {self.limit} bytes")


def host_name(header: str) -> str:
    """The host of a Host header without its port, lower case; an IPv6 address keeps its brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[: text.find("]") + 1]
    return text.partition(":")[0]
