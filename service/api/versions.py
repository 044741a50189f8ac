"""ETag and If-Match: a change says which version it was made from, so that nobody overwrites unseen.

The ETag is the version of a single resource, `"3"`. If-Match takes one, or several by commas; `W/"3"` counts
as `"3"`: compression on the way weakens a tag, and the version is that of the resource, not of its bytes.
`*` is refused: it would overwrite whatever is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Response

from service.refusals import Refusal, VersionNeeded

NAME = "If-Match"
_TAG = re.compile(r'(?:W/)?"([1-9]\d{0,8})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The versions that the caller has seen."""

    seen: tuple[int, ...]

    def choose(self, current: int) -> int:
        """The one to change: the current one if it was seen, else the first, which is then outdated."""
        return current if current in self.seen else self.seen[0]


def _if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias=NAME,
            max_length=1000,
            description='The ETag that reading gave, such as "3"; several are separated by commas',
        ),
    ] = None,
) -> Versions:
    """Raises VersionNeeded when the header is missing, Refusal when it is no tag of ours."""
    if if_match is None:
        raise VersionNeeded
    found = [_TAG.fullmatch(part.strip()) for part in if_match.split(",")]
    if not all(found):
        raise Refusal(NAME, if_match, 'the ETag that reading gave, such as "3"; or several, by commas')
    return Versions(seen=tuple(int(tag.group(1)) for tag in found if tag))


IfMatch = Annotated[Versions, Depends(_if_match)]


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def tag(response: Response, version: int) -> None:
    """Say the version of the one resource that is answered."""
    response.headers["ETag"] = etag(version)
