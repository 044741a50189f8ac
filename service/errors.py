"""Status codes and problem documents (RFC 9457). The only place that knows them.

Every body has `type`, `title`, `status`, `detail`; a refusal of a value adds `field`, `found`,
`allowed`; several at once add `errors`, one such triple each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from forecast.errors import ForecastError, InputError
from service import logs
from service.refusals import (
    Ended,
    NotAllowed,
    NotKnown,
    NotYet,
    Outdated,
    Refusal,
    RowsRefused,
    TooLarge,
    VersionNeeded,
    WrongShape,
)
from service.wording import refused

MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:ytterby:problem:"
_LONGEST_ECHO = 200

#: status -> (slug, title). The slug ends the `type`; docs/api.md lists them.
PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read"),
    401: ("key-needed", "A key is needed"),
    403: ("scope-missing", "This key does not reach here"),
    404: ("not-found", "There is nothing by that name"),
    405: ("method", "This address does not take that method"),
    409: ("not-yet", "Not there yet"),
    412: ("outdated", "It was changed meanwhile"),
    413: ("too-large", "Too large"),
    415: ("media-type", "That form of body is not read here"),
    422: ("refused", "A value was refused"),
    428: ("version-needed", "Say which version you change"),
    500: ("fault", "A fault on our side"),
    503: ("unavailable", "The database does not answer"),
}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """A problem document as a response."""
    slug, title = PROBLEMS.get(status, ("http", "The request was refused"))
    body = {"type": _PREFIX + slug, "title": title, "status": status, "detail": detail}
    body |= {name: value for name, value in members.items() if value is not None}
    text = json.dumps(body, ensure_ascii=False, default=str, allow_nan=False)
    raw = re.sub("[\ud800-\udfff]", lambda half: rf"\\u{ord(half[0]):04x}", text)  # named, not sent
    return Response(raw, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def status_of(error: ForecastError) -> int:
    """The status code that says what kind of refusal this is."""
    match error:
        case NotKnown():
            return 404
        case NotAllowed():
            return 403 if error.known else 401
        case NotYet() | Ended():
            return 409
        case Outdated():
            return 412
        case TooLarge():
            return 413
        case WrongShape():
            return 415
        case VersionNeeded():
            return 428
        case _:
            return 422


def of_refusal(error: ForecastError) -> Response:
    """The answer to one of our own errors."""
    status = status_of(error)
    headers = {"WWW-Authenticate": 'Bearer realm="ytterby"'} if status in (401, 403) else None
    if not isinstance(error, InputError):
        return problem(status, str(error), headers)
    rows = list(error.rows) if isinstance(error, RowsRefused) else None
    return problem(
        status,
        str(error),
        headers,
        field=error.field,
        found=echo(error.found),
        allowed=error.allowed,
        errors=rows,
    )


def echo(found: object) -> str | int | float | bool | None:
    """What was found, in a form safe and short enough to repeat to the caller."""
    if found is None or isinstance(found, bool | int):
        return found
    if isinstance(found, float):
        return found if found - found == 0 else str(found)
    text = found if isinstance(found, str) else str(found)
    return text if len(text) <= _LONGEST_ECHO else text[: _LONGEST_ECHO - 1] + "…"


def of_validation(items: Sequence[Mapping[str, Any]]) -> Response:
    """The answer to values that FastAPI's own checks refused."""
    found: dict[str, dict[str, Any]] = {}
    for one in map(_one, items):
        known = found.setdefault(one["field"], one)
        if one["allowed"] not in known["allowed"].split(" or "):  # another member of a union
            known["allowed"] += f" or {one['allowed']}"
    errors = list(found.values())
    first = errors[0]
    detail = f"{first['field']}: found {first['found']!r}; allowed: {first['allowed']}"
    if len(errors) == 1:
        return problem(422, detail, **first)
    return problem(422, f"{detail} (and {len(errors) - 1} more)", **first, errors=errors)


def _one(item: Mapping[str, Any]) -> dict[str, Any]:
    field, found, allowed = refused(item, leading=1)
    return {"field": field, "found": echo(found), "allowed": allowed}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    log = logs.get("api")

    @app.exception_handler(ForecastError)
    async def _ours(_request: Request, error: ForecastError) -> Response:
        return of_refusal(error)

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> Response:
        return of_validation(error.errors())

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        match error.status_code:
            case 404:
                return of_refusal(
                    NotKnown("path", request.url.path, "the addresses that /openapi.json lists")
                )
            case 405:
                allow = (error.headers or {}).get("Allow", "")
                return problem(405, f"method: found {request.method!r}; allowed: {allow}", error.headers,
                               field="method", found=request.method, allowed=allow)  # fmt: skip
            case 400 if error.detail == "There was an error parsing the body":  # as FastAPI says it
                return of_refusal(
                    Refusal("body", "bytes that cannot be read", "JSON in UTF-8, not nested hundreds deep")
                )
            case 413:
                return of_refusal(TooLarge("body", "a larger one", str(error.detail)))
            case status:
                return problem(status, str(error.detail), error.headers)

    @app.exception_handler(OperationalError)
    async def _database(request: Request, error: OperationalError) -> Response:
        log.error("the database does not answer", path=request.url.path, error=type(error.orig).__name__)
        return problem(503, "The database does not answer; try again shortly.", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        log.error("unexpected", path=request.url.path, method=request.method, error=type(error).__name__)
        return problem(500, "Something failed that should not. The log of the service says what.")
