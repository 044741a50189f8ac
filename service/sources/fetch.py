"""One conditional GET of a source: what came, that nothing changed, or why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data.sources.definition import Source
from data.sources.judge import HALF, Suspicion
from data.store.sources import StoredSource
from service.addresses import check_url
from service.outgoing import Failure, Limits, Outgoing, Unanswered
from service.refusals import Refusal
from service.sources.credentials import login

#: Until the connection stands; until the last byte.
CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 60.0
_HEAD_BYTES = 65_536
_LONGEST_TAG = 500
_ACCEPT = "text/csv, application/json, application/zip, application/vnd.openxmlformats-officedocument." \
          "spreadsheetml.sheet, */*;q=0.1"  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """body: None when nothing changed. etag, last_modified: to ask with next time. cut: why the body is half
    a file, None for a whole one."""

    body: bytes | None
    etag: str | None = None
    last_modified: str | None = None
    cut: Suspicion | None = None


class NotFetched(Refusal):
    """No file came: the source does not answer, answers with an error, or with more than is taken."""


def origin(source: Source, outgoing: Outgoing) -> str:
    """Where a source is, without its query, which may hold what nobody else should read. Raises Refusal for a
    url that may not be called."""
    target = check_url(source.url or "", outgoing.allowed)
    return f"{target.scheme}://{target.authority}{target.target.partition('?')[0]}"[:500]


def fetch(stored: StoredSource, outgoing: Outgoing, most: int, *, whole: bool = False) -> Fetched:
    """Ask a source for its file of at most `most` bytes. whole: also when it did not change.

    Raises NotFetched; its words hold no credential and no query.
    """
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "identity"}
    if not whole:
        headers |= {"If-None-Match": stored.etag} if stored.etag else {}
        headers |= {"If-Modified-Since": stored.last_modified} if stored.last_modified else {}
    known = None if stored.source.credential is None else login(stored.source.credential)
    if known is not None:
        headers[known.name] = known.value
    limits = Limits(
        connect_seconds=CONNECT_SECONDS, total_seconds=TOTAL_SECONDS, answer_bytes=most + _HEAD_BYTES
    )
    try:
        answer = outgoing.request("GET", stored.source.url or "", headers=headers, limits=limits)
    except Unanswered as error:
        raise NotFetched("answer", str(error), "the file") from None
    if answer.status == 304 and not whole:
        return Fetched(body=None, etag=stored.etag, last_modified=stored.last_modified)
    if answer.status != 200:
        raise NotFetched("status", _status(answer.status, answer.headers), "200, with the file")
    if answer.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise NotFetched(
            "Content-Encoding", answer.headers["content-encoding"][:40], "none: it was not asked for"
        )
    if len(answer.body) > most or answer.cut is Failure.TOO_LARGE:
        raise NotFetched("file", f"more than {most} bytes", f"at most {most} bytes")
    body = answer.body if known is None else known.hide_in(answer.body)
    return Fetched(
        body=body,
        etag=_tag(answer.headers, "etag"),
        last_modified=_tag(answer.headers, "last-modified"),
        cut=None if answer.cut is None else _half(answer.cut, len(body), answer.headers),
    )


def _half(cut: Failure, size: int, headers: Mapping[str, str]) -> Suspicion:
    announced = headers.get("content-length", "more")[:20]
    why = (
        f"no time was left after {TOTAL_SECONDS:g} s" if cut is Failure.DEADLINE else "the connection closed"
    )
    return Suspicion(kind=HALF, reason=f"{size} bytes of {announced}, then {why}")


def _status(status: int, headers: Mapping[str, str]) -> str:
    return f"{status}, a redirect, which is not followed" if "location" in headers else str(status)


def _tag(headers: Mapping[str, str], name: str) -> str | None:
    """A tag that can be sent back as it is, or none."""
    found = headers.get(name, "").strip()
    return found if found and found.isascii() and found.isprintable() and len(found) <= _LONGEST_TAG else None
