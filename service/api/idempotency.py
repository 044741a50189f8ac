"""Idempotency-Key: a request that creates may be sent again, and is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from data.store.idempotency import Asked, Given
from service.api.deps import Author, Ctx
from service.api.versions import etag
from service.context import Context
from service.once import FIELD, once

REPLAYED = "Idempotent-Replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was created. location: its address; version: of a resource that has one.

    kept: what a repeated request is told instead, where `body` holds what is shown once.
    """

    body: BaseModel
    location: str | None = None
    version: int | None = None
    kept: BaseModel | None = None


class Once:
    """Does what creates, once for each key where the caller sends one."""

    def __init__(self, context: Context, author: str, address: str, key: str | None) -> None:
        self._context, self._author, self._address, self._key = context, author, address, key

    def __call__(
        self, body: BaseModel | None, work: Callable[[Context], Made], *, status: int = 201
    ) -> Response:
        """The answer: new, or that of the first request with this key and body."""
        if self._key is None:
            made = work(self._context)
            return _response(_given(made, made.body, status))
        text = "" if body is None else body.model_dump_json(by_alias=True)
        asked = Asked(
            author=self._author,
            address=self._address,
            key=self._key,
            digest=hashlib.sha256(text.encode()).hexdigest(),
        )

        def both(context: Context) -> tuple[Given, Given]:
            made = work(context)
            return _given(made, made.body, status), _given(made, made.kept or made.body, status)

        given, replayed = once(self._context, asked, both)
        response = _response(given)
        if replayed:
            response.headers[REPLAYED] = "true"
        return response


def _given(made: Made, body: BaseModel, status: int) -> Given:
    headers = {}
    if made.location is not None:
        headers["Location"] = made.location
    if made.version is not None:
        headers["ETag"] = etag(made.version)
    return Given(status=status, headers=headers, body=body.model_dump_json(by_alias=True))


def _response(given: Given) -> Response:
    return Response(given.body, given.status, dict(given.headers), "application/json")


def _once(
    request: Request,
    context: Ctx,
    author: Author,
    key: Annotated[
        str | None,
        Header(
            alias=FIELD,
            min_length=1,
            max_length=255,
            pattern="^[!-~]+$",
            description="Any text of yours without spaces, new for each thing to be created. The same again "
            "within 24 hours is answered as before, with the header Idempotent-Replay: true",
        ),
    ] = None,
) -> Once:
    return Once(context, author, f"{request.method} {request.url.path}", key)


OnlyOnce = Annotated[Once, Depends(_once)]
