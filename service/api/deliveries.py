"""What was sent: every message to every endpoint, with every attempt."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.api.deps import Ctx, Reading, Writing
from service.api.schemas.endpoints import (
    AttemptOut,
    DeliveryDetail,
    DeliveryList,
    DeliveryOut,
    DeliveryState,
)
from service.webhooks import log

router = APIRouter(prefix="/v1/deliveries", tags=["webhooks"])

DeliveryId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the delivery")]


@router.get("", dependencies=Reading)
def list_deliveries(
    context: Ctx,
    endpoint_id: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only to this endpoint")] = None,
    state: Annotated[DeliveryState | None, Query(description="Only those in this state")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many")] = 100,
) -> DeliveryList:
    """Deliveries, the newest first."""
    found = log.list_deliveries(context, endpoint_id=endpoint_id, state=state, limit=limit)
    return DeliveryList(deliveries=[DeliveryOut.model_validate(one) for one in found])


@router.get("/{delivery_id}", dependencies=Reading)
def get(delivery_id: DeliveryId, context: Ctx) -> DeliveryDetail:
    """One delivery with every attempt and the bytes that are sent."""
    found = log.get_delivery(context, delivery_id)
    attempts = [AttemptOut.model_validate(one) for one in found.attempts]
    about = {"attempts": attempts, "alerts": list(found.alerts), "body": found.body}
    return DeliveryDetail.model_validate({**asdict(found.delivery), **about})


@router.post("/{delivery_id}/retry", status_code=202, dependencies=Writing)
def retry(delivery_id: DeliveryId, context: Ctx) -> DeliveryOut:
    """Try it again now, with the whole table of delays ahead of it. Asking twice does no more."""
    return DeliveryOut.model_validate(log.retry(context, delivery_id))
