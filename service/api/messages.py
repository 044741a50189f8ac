"""The webhooks that are sent, as the API description tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from service.api.schemas.messages import MESSAGES

#: Header -> what it holds.
HEADERS: Mapping[str, str] = {
    "webhook-id": "The same at every attempt: what was taken before is a copy",
    "webhook-timestamp": "Seconds since 1970 at which this attempt was signed",
    "webhook-signature": "v1,<base64 of HMAC-SHA256 of id.timestamp.body>; several during a rotation",
}
_ANSWERS: Mapping[str, str] = {
    "2XX": "Taken",
    "410": "Gone: the endpoint is disabled",
    "default": "Tried again later; redirects are not followed",
}


def webhooks() -> tuple[dict[str, Any], dict[str, Any]]:
    """The section `webhooks` of the description, and the schemas that it refers to."""
    _, found = models_json_schema(
        [(model, "serialization") for model in MESSAGES], ref_template="#/components/schemas/{model}"
    )
    headers = [
        {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
        for name, said in HEADERS.items()
    ]
    section = {}
    for model in MESSAGES:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        kind = found["$defs"][model.__name__]["properties"]["type"]["const"]
        section[kind] = {
            "post": {
                "summary": model.__doc__,
                "operationId": f"send_{kind.replace('.', '_')}",
                "parameters": headers,
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                "responses": {code: {"description": said} for code, said in _ANSWERS.items()},
            }
        }
    return section, found["$defs"]
