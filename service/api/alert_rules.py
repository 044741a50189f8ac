"""Alert rules: what is watched, and from when on somebody is told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from data.store.rules import StoredRule
from service.alerts import board, desk
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.idempotency import Made, OnlyOnce
from service.api.schemas.alerts import RuleIn, RuleList, RuleOut
from service.api.versions import IfMatch, tag
from service.context import Context

router = APIRouter(prefix="/v1/alert-rules", tags=["alerts"])

RuleId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the rule")]
SENDING = [*Writing, Depends(json_only)]


@router.get("", dependencies=Reading)
def list_rules(context: Ctx) -> RuleList:
    """Every rule, in the order they were made."""
    return RuleList(rules=[_out(rule) for rule in desk.list_rules(context)])


@router.post("", status_code=201, response_model=RuleOut, dependencies=SENDING)
def create(body: RuleIn, context: Ctx, author: Author, once: OnlyOnce) -> Response:
    """Arm a rule. It is judged at once, on the newest observation; what it is marked with, `marks` says."""

    def work(context: Context) -> Made:
        made = desk.create_rule(context, content(body), author)
        out = _out(desk.get_rule(context, made.rule_id))
        return Made(body=out, location=f"/v1/alert-rules/{made.rule_id}", version=made.version)

    return once(body, work)


@router.get("/{rule_id}", dependencies=Reading)
def get(rule_id: RuleId, context: Ctx, response: Response) -> RuleOut:
    """One rule, its version as the ETag."""
    found = _out(desk.get_rule(context, rule_id))
    tag(response, found.version)
    return found


@router.put("/{rule_id}", dependencies=SENDING)
def replace(
    rule_id: RuleId, body: RuleIn, context: Ctx, author: Author, seen: IfMatch, response: Response
) -> RuleOut:
    """Put another rule in its place. Its alert goes on, judged again by what is asked now. Series and kind
    have to stay: with others it is another rule."""
    version = seen.choose(desk.get_rule(context, rule_id).version)
    made = desk.replace_rule(context, rule_id, content(body), version, author)
    tag(response, made.version)
    return _out(desk.get_rule(context, rule_id))


@router.delete("/{rule_id}", status_code=204, dependencies=Writing)
def delete(rule_id: RuleId, context: Ctx, author: Author, seen: IfMatch) -> None:
    """Disarm a rule for good. What became of its alerts can still be read."""
    version = seen.choose(desk.get_rule(context, rule_id).version)
    desk.delete_rule(context, rule_id, version, author)


def content(body: RuleIn) -> dict[str, object]:
    """The fields as the caller named them."""
    return body.model_dump(by_alias=True, exclude_none=True)


def _out(stored: StoredRule) -> RuleOut:
    return RuleOut.model_validate(board.plain_rule(stored))
