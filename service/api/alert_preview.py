"""What a rule would have done: asked before it is armed, and nothing is stored."""

from __future__ import annotations

from fastapi import APIRouter

from service.alerts import preview as use
from service.api.alert_rules import content
from service.api.deps import QUESTIONS, Asking, Ctx
from service.api.schemas.alert_preview import PreviewOut
from service.api.schemas.alerts import RuleIn

router = APIRouter(prefix="/v1/alert-rules", tags=[QUESTIONS])


@router.post("/preview", dependencies=Asking)
def preview(body: RuleIn, context: Ctx) -> PreviewOut:
    """Run a rule over history as it was known then: one on prices over its quotes, one on forecasts over the
    cutoffs of the stored backtest. The body is that of POST /v1/alert-rules, and is refused as there."""
    return PreviewOut.model_validate(use.preview(context, content(body)))
