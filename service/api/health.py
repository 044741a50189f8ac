"""Is the process up, and can it answer? Open to every caller: nothing here is a secret."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from service import catalogue
from service.api.deps import Ctx, known_query
from service.api.schemas.runs import Health, Ready
from service.version import VERSION

router = APIRouter(tags=["service"], dependencies=[Depends(known_query)])


@router.get("/healthz")
def health() -> Health:
    """The process is up."""
    return Health(status="ok", version=VERSION)


@router.get("/readyz")
def ready(context: Ctx) -> Ready:
    """The database answers in the schema of this version. 409 before migration, 503 when it is away."""
    return Ready.model_validate(catalogue.readiness(context))
