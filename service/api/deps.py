"""What routers ask for: the context, a key, a known query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from service import auth
from service.context import Context
from service.refusals import Refusal, WrongShape


def get_context(request: Request) -> Context:
    """The context that create_app put in place."""
    return cast(Context, request.app.state.context)


Ctx = Annotated[Context, Depends(get_context)]


def needs(scope: str) -> Callable[[Request], None]:
    """A dependency that lets only keys of `scope` pass. Reading is open in embedded mode."""

    def check(request: Request) -> None:
        context = get_context(request)
        if scope == auth.READ and context.settings.is_embedded:
            return
        request.state.author = auth.check(context, request.headers.get("authorization"), scope)

    return check


def author(request: Request) -> str:
    """Name of the key that was used, for the record."""
    return cast(str, request.state.author)


Author = Annotated[str, Depends(author)]


def known_query(request: Request) -> None:
    """Refuse a query parameter that this address does not take, and one given twice.

    The list of allowed ones is the published API description itself.
    """
    if not request.query_params:
        return
    route = cast(APIRoute, request.scope["route"])
    operation = request.app.openapi()["paths"][route.path_format][request.method.lower()]
    names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in names:
            raise Refusal(name, value, "no such parameter here; there are " + (", ".join(names) or "none"))
        if name in seen:
            raise Refusal(name, "given twice", "one value (several are separated by commas)")
        seen.add(name)


def json_only(request: Request) -> None:
    """Refuse a body that is not declared as JSON."""
    found = media_type(request)
    if found != "application/json":
        raise WrongShape(found, ["application/json"])


def media_type(request: Request) -> str:
    """Media type of the body, lower case, without parameters; empty when not stated."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


Reading = [Depends(needs(auth.READ)), Depends(known_query)]
Writing = [Depends(needs(auth.WRITE)), Depends(known_query)]
#: Tag of addresses that take a body and change nothing.
QUESTIONS = "questions"
Asking = [*Reading, Depends(json_only)]
