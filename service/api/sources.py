"""Sources of prices and rates: described, changed, pulled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.idempotency import Made, OnlyOnce
from service.api.schemas.sources import ResultOut, SourceBody, SourceIn, SourceList, SourceOut
from service.api.versions import IfMatch, tag
from service.context import Context
from service.sources import manage as use
from service.sources import pull
from service.sources.manage import SourceAnswer

router = APIRouter(prefix="/v1/sources", tags=["sources"])

SourceId = Annotated[str, Path(max_length=60, description="Source id, such as desk-weekly")]
SENDING = [*Writing, Depends(json_only)]


@router.get("", dependencies=Reading)
def list_sources(context: Ctx) -> SourceList:
    """All sources, each with what its last pull came to."""
    return SourceList(sources=[_out(found) for found in use.list_sources(context)])


@router.post("", status_code=201, response_model=SourceOut, dependencies=SENDING)
def create(body: SourceIn, context: Ctx, author: Author, once: OnlyOnce) -> Response:
    """Add a source. It is due at once."""

    def work(context: Context) -> Made:
        out = _out(use.add_source(context, body.model_dump(), author=author))
        return Made(body=out, location=f"/v1/sources/{out.source_id}", version=out.version)

    return once(body, work)


@router.get("/{source_id}", dependencies=Reading)
def get(source_id: SourceId, context: Ctx, response: Response) -> SourceOut:
    """One source with its last results, its version as the ETag."""
    return _tagged(response, use.get_source(context, source_id))


@router.put("/{source_id}", dependencies=SENDING)
def replace(
    source_id: SourceId, body: SourceBody, context: Ctx, author: Author, seen: IfMatch, response: Response
) -> SourceOut:
    """Describe it anew. It is due at once; what was known of its last file is forgotten."""
    version = seen.choose(use.get_source(context, source_id).stored.version)
    content = body.model_dump()
    return _tagged(response, use.replace_source(context, source_id, content, version=version, author=author))


@router.delete("/{source_id}", status_code=204, dependencies=Writing)
def remove(source_id: SourceId, context: Ctx, author: Author, seen: IfMatch) -> None:
    """Pull it no more. Its quotes stay."""
    version = seen.choose(use.get_source(context, source_id).stored.version)
    use.remove_source(context, source_id, version=version, author=author)


@router.post("/{source_id}/pull", dependencies=Writing)
def pull_now(source_id: SourceId, context: Ctx) -> ResultOut:
    """Pull it now, its file whole, and say what it came to. Takes up to its time limit of a minute."""
    return ResultOut.model_validate(pull.pull_now(context, source_id, now=context.clock.now()))


def _tagged(response: Response, found: SourceAnswer) -> SourceOut:
    tag(response, found.stored.version)
    return _out(found)


def _out(found: SourceAnswer) -> SourceOut:
    return SourceOut.model_validate(found.plain())
