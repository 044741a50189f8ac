"""Silences: times in which alerts that match are not told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from service.alerts import silences as use
from service.alerts.silences import ShownSilence
from service.api.deps import Author, Ctx, Reading, Writing, json_only
from service.api.idempotency import Made, OnlyOnce
from service.api.schemas.silences import SilenceIn, SilenceList, SilenceOut
from service.api.versions import IfMatch, tag
from service.context import Context

router = APIRouter(prefix="/v1/silences", tags=["alerts"])

SilenceId = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the silence")]
SENDING = [*Writing, Depends(json_only)]


@router.get("", dependencies=Reading)
def list_silences(
    context: Ctx, limit: Annotated[int, Query(ge=1, le=500, description="At most so many")] = 100
) -> SilenceList:
    """Silences, the newest first; those that ended stay."""
    return SilenceList(silences=[_out(found) for found in use.list_silences(context, limit)])


@router.post("", status_code=201, response_model=SilenceOut, dependencies=SENDING)
def create(body: SilenceIn, context: Ctx, author: Author, once: OnlyOnce) -> Response:
    """Silence what matches. What it keeps back is told when it ends, if it is still so."""

    def work(context: Context) -> Made:
        out = _out(use.create_silence(context, body.model_dump(), author))
        return Made(body=out, location=f"/v1/silences/{out.silence_id}", version=out.version)

    return once(body, work)


@router.get("/{silence_id}", dependencies=Reading)
def get(silence_id: SilenceId, context: Ctx, response: Response) -> SilenceOut:
    """One silence, its version as the ETag."""
    return _tagged(response, use.get_silence(context, silence_id))


@router.put("/{silence_id}", dependencies=SENDING)
def replace(
    silence_id: SilenceId, body: SilenceIn, context: Ctx, author: Author, seen: IfMatch, response: Response
) -> SilenceOut:
    """Put another silence in its place, such as one that ends later. One that ended is refused."""
    version = seen.choose(use.get_silence(context, silence_id).silence.version)
    return _tagged(response, use.replace_silence(context, silence_id, body.model_dump(), version, author))


@router.delete("/{silence_id}", dependencies=Writing)
def end(silence_id: SilenceId, context: Ctx, author: Author, seen: IfMatch, response: Response) -> SilenceOut:
    """End it now. It stays on record."""
    version = seen.choose(use.get_silence(context, silence_id).silence.version)
    return _tagged(response, use.end_silence(context, silence_id, version, author))


def _tagged(response: Response, found: ShownSilence) -> SilenceOut:
    out = _out(found)
    tag(response, out.version)
    return out


def _out(found: ShownSilence) -> SilenceOut:
    about = {"active": found.active, "rules": list(found.rules)}
    return SilenceOut.model_validate({**asdict(found.silence), **about})
