"""Webhook endpoints: where messages go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from data.store.endpoints import Endpoint
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.idempotency import Made, OnlyOnce
from service.api.schemas.endpoints import (
    NOT_SHOWN_AGAIN,
    SHOWN_BEFORE,
    SHOWN_ONCE,
    EndpointIn,
    EndpointList,
    EndpointMade,
    EndpointOut,
    QueuedOut,
    RecoveredOut,
    RecoverIn,
    SecretOut,
)
from service.api.versions import IfMatch, tag
from service.context import Context
from service.webhooks import endpoints as use

router = APIRouter(prefix="/v1/endpoints", tags=["webhooks"])

EndpointId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the endpoint")]
SENDING = [*Writing, Depends(json_only)]


@router.get("", dependencies=Reading)
def list_endpoints(context: Ctx) -> EndpointList:
    """Endpoints, oldest first."""
    return EndpointList(endpoints=[EndpointOut.model_validate(found) for found in use.list_(context)])


@router.post("", status_code=201, response_model=EndpointMade, dependencies=SENDING)
def create(body: EndpointIn, context: Ctx, author: Author, once: OnlyOnce) -> Response:
    """Add an endpoint. The answer holds its secret, this once; a repeated request is told that it did."""

    def work(context: Context) -> Made:
        made, secret = use.create(context, body.model_dump(exclude_none=True), author)
        return Made(
            body=_made(made, secret, NOT_SHOWN_AGAIN if secret is None else SHOWN_ONCE),
            kept=_made(made, None, NOT_SHOWN_AGAIN if secret is None else SHOWN_BEFORE),
            location=f"/v1/endpoints/{made.endpoint_id}",
            version=made.version,
        )

    return once(body, work)


@router.get("/{endpoint_id}", dependencies=Reading)
def get(endpoint_id: EndpointId, context: Ctx, response: Response) -> EndpointOut:
    """One endpoint, its version as the ETag."""
    return _tagged(response, use.get(context, endpoint_id))


@router.put("/{endpoint_id}", dependencies=SENDING)
def replace(
    endpoint_id: EndpointId, body: EndpointIn, context: Ctx, author: Author, seen: IfMatch, response: Response
) -> EndpointOut:
    """Another name or URL. Format and secret stay; a URL that is the secret may be sent as it is shown."""
    version = seen.choose(use.get(context, endpoint_id).version)
    content = body.model_dump(exclude_none=True)
    return _tagged(response, use.replace(context, endpoint_id, content, version, author))


@router.delete("/{endpoint_id}", status_code=204, dependencies=Writing)
def delete(endpoint_id: EndpointId, context: Ctx, seen: IfMatch) -> None:
    """Send nothing more there and forget its secret. What was sent stays in the log."""
    use.delete(context, endpoint_id, seen.choose(use.get(context, endpoint_id).version))


@router.post("/{endpoint_id}/rotate-secret", dependencies=Writing)
def rotate_secret(endpoint_id: EndpointId, context: Ctx, seen: IfMatch, response: Response) -> SecretOut:
    """A new secret, shown this once. For 24 hours the one before signs beside it."""
    version = seen.choose(use.get(context, endpoint_id).version)
    secret = use.rotate_secret(context, endpoint_id, version)
    tag(response, version + 1)
    return SecretOut(endpoint_id=endpoint_id, version=version + 1, secret=secret)


@router.post("/{endpoint_id}/enable", dependencies=Writing)
def enable(endpoint_id: EndpointId, context: Ctx, seen: IfMatch, response: Response) -> EndpointOut:
    """Send there again. What was given up meanwhile waits for recover."""
    version = seen.choose(use.get(context, endpoint_id).version)
    return _tagged(response, use.enable(context, endpoint_id, version))


@router.post("/{endpoint_id}/test", status_code=202, response_model=QueuedOut, dependencies=Writing)
def send_test(endpoint_id: EndpointId, once: OnlyOnce) -> Response:
    """Queue a message of type `test`. The delivery says what became of it."""

    def work(context: Context) -> Made:
        delivery_id = use.send_test(context, endpoint_id)
        return Made(body=QueuedOut(delivery_id=delivery_id), location=f"/v1/deliveries/{delivery_id}")

    return once(None, work, status=202)


@router.post("/{endpoint_id}/recover", status_code=202, response_model=RecoveredOut, dependencies=SENDING)
def recover(endpoint_id: EndpointId, body: RecoverIn, once: OnlyOnce) -> Response:
    """Queue again what failed for good, of messages made since an instant. The oldest go first."""

    def work(context: Context) -> Made:
        return Made(body=RecoveredOut(queued=use.recover(context, endpoint_id, body.since)))

    return once(body, work, status=202)


def _tagged(response: Response, found: Endpoint) -> EndpointOut:
    tag(response, found.version)
    return EndpointOut.model_validate(found)


def _made(made: Endpoint, secret: str | None, note: str) -> EndpointMade:
    return EndpointMade.model_validate({**asdict(made), "secret": secret, "secret_note": note})
