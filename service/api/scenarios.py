"""Scenarios: what prices would do if. They are asked, never kept."""

from __future__ import annotations

from fastapi import APIRouter

from service import deadlines
from service import scenarios as use
from service.api.deps import QUESTIONS, Asking, Ctx, Reading
from service.api.schemas.scenarios import ReadyList, ReadyOut, ScenarioIn, ScenarioOut

router = APIRouter(prefix="/v1/scenarios", tags=[QUESTIONS])


@router.get("", dependencies=Reading)
def ready(context: Ctx) -> ReadyList:
    """Deadlines of the calendar and events still open, each as a body that can be sent back as it is.

    Probabilities are edited where events are: PATCH /v1/events/{event_id}; the next training run has them.
    """
    return ReadyList(
        scenarios=[ReadyOut.model_validate(found) for found in deadlines.ready_scenarios(context)]
    )


@router.post("", dependencies=Asking)
def ask(body: ScenarioIn, context: Ctx) -> ScenarioOut:
    """Ask: events that may be added, cancelled, postponed or judged otherwise, each with a probability.

    Answers the stored headline, every branch and their mixture. A read key is enough; nothing is kept.
    """
    return ScenarioOut.model_validate(use.answer(context, body.model_dump()))
