"""create_app: the HTTP face, put together. No global state; the context is passed in."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service import errors
from service.answers import NOTICE
from service.api import (
    alert_preview,
    alert_rules,
    alerts,
    baskets,
    changes,
    deliveries,
    effects,
    endpoints,
    events,
    forecasts,
    health,
    jobs,
    messages,
    premium,
    quarantine,
    record,
    runs,
    scenarios,
    series,
    silences,
    sources,
    versions,
)
from service.api.deps import QUESTIONS
from service.api.schemas.base import Problem
from service.api.schemas.prices import Upload
from service.context import Context, open_context
from service.dashboard import pages
from service.guard import Guard
from service.settings import Settings
from service.version import VERSION

DESCRIPTION = f"""Forecasts of rare-earth prices with export-control events in the models.

Horizons count from the issue date; the months between the last quote and the issue date are a nowcast.
Refusals are problem documents (RFC 9457). Reading is open in embedded mode; writing needs a bearer key.

{NOTICE}
"""


def create_app(settings: Settings | None = None, context: Context | None = None) -> FastAPI:
    """The application on a ready `context`, or on the database of `settings` (default: the environment's)."""
    context = context or open_context(settings or Settings())
    app = FastAPI(
        title="Ytterby",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    parts = (series, events, forecasts, changes, effects, premium, scenarios, baskets, runs, jobs, record)
    alerting = (alert_preview, alert_rules, alerts, silences, endpoints, deliveries)
    for part in (*parts, *alerting, sources, quarantine, health, pages):
        app.include_router(part.router)
    errors.install(app)
    app.add_middleware(
        Guard, hosts=context.settings.host_headers, max_body_bytes=context.settings.max_body_bytes
    )
    described: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not described:
            described.update(_description(app))
        return described

    app.openapi = describe  # type: ignore[method-assign]
    return app


def _description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: every refusal as a problem document, the key as a bearer scheme."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (Problem, Upload):  # named in the description only: FastAPI does not see them
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs", {}) | {model.__name__: described}
    found["webhooks"], sent = messages.webhooks()
    schemas |= sent
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    content = {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in found["paths"].values():
        for method, operation in operations.items():
            writes = method in ("post", "patch", "put", "delete")
            codes = [400, 404, 409, 422, 500, 503] + ([401, 403, 413, 415] if writes else [401])
            if any(p["name"] == versions.NAME for p in operation.get("parameters", ())):
                codes += [412, 428]
            for code in sorted(codes):
                title = errors.PROBLEMS[code][1]
                operation["responses"][str(code)] = {"description": title, "content": content}
            if writes and QUESTIONS not in operation.get("tags", ()):
                operation["security"] = [{"key": []}]
            if any(p["name"] == "format" for p in operation.get("parameters", ())):
                operation["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return found
