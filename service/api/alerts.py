"""Alerts: where each stands, how it came there, and that somebody has seen it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from service.alerts import board, desk
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.schemas.alerts import (
    AcknowledgeIn,
    AlertList,
    AlertOut,
    HistoryOut,
    StateName,
    TransitionOut,
)
from service.context import Context

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

AlertId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the alert")]


@router.get("", dependencies=Reading)
def list_alerts(
    context: Ctx,
    state: Annotated[StateName | None, Query(description="Only those in this state")] = None,
    rule_id: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only those of this rule")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many")] = 100,
) -> AlertList:
    """Alerts, firing ones first, then those that changed last."""
    found = board.list_alerts(context, state=state, rule_id=rule_id, limit=limit)
    return AlertList(alerts=[AlertOut.model_validate(a.plain()) for a in found])


@router.get("/{alert_id}", dependencies=Reading)
def get(alert_id: AlertId, context: Ctx) -> AlertOut:
    """One alert."""
    return _out(context, alert_id)


@router.get("/{alert_id}/history", dependencies=Reading)
def history(alert_id: AlertId, context: Ctx) -> HistoryOut:
    """Every change of its state, what was decided about telling, and why."""
    lines = desk.history(context, alert_id)
    return HistoryOut(alert_id=alert_id, transitions=[TransitionOut.model_validate(line) for line in lines])


@router.post("/{alert_id}/acknowledge", dependencies=[*Writing, Depends(json_only)])
def acknowledge(alert_id: AlertId, body: AcknowledgeIn, context: Ctx, author: Author) -> AlertOut:
    """Somebody has seen it: no more repeats until it is resolved. Saying so again changes the name only."""
    desk.acknowledge(context, alert_id, author, body.note)
    return _out(context, alert_id)


def _out(context: Context, alert_id: int) -> AlertOut:
    return AlertOut.model_validate(board.get_alert(context, alert_id).plain())
